"""A log whose lines about clients never exceed a few a second.

A boot storm would write ten thousand lines a second, and a hostile client as many as
it likes. What exceeds the rate is counted by kind and summed up in one line a second.
"""

from typing import Final

import structlog

from tokenless.protocol.certificates.name_text import printable

LONGEST_NAME: Final = 128
_SUMMARY_EVERY_S: Final = 1.0
_NEVER: Final = float("inf")


class LimitedLog:
    """Writes lines while the second's budget lasts, then counts."""

    def __init__(
        self,
        log: structlog.typing.FilteringBoundLogger,
        lines_per_s: int,
        *,
        summary: str,
    ) -> None:
        """Limit a log.

        Args:
            log: Where lines go.
            lines_per_s: How many are written in a second.
            summary: The text of the line that sums up the others.
        """
        self.log: Final = log
        """For lines that are rare by themselves."""
        self._summary = summary
        self._budget = self._lines_per_s = lines_per_s
        self._period_ends = 0.0
        self._unlisted: dict[str, int] = {}

    def change_rate(self, lines_per_s: int) -> None:
        """Write at most so many lines a second, from the next second on."""
        self._lines_per_s = lines_per_s

    @property
    def summary_at(self) -> float:
        """Time of the next `summarise`; infinity when there is nothing to summarise."""
        return self._period_ends if self._unlisted else _NEVER

    def may_write(self, kind: str, now: float | None = None) -> bool:
        """Take one line of the budget; without any left, count the line as unlisted.

        Args:
            kind: Under which word the summary counts it.
            now: The monotonic time; callers that call `summarise` often may leave it
            out.
        """
        if now is None:
            return self._take(kind)
        if now >= self._period_ends:
            self.summarise(now)
        return self._take(kind)

    def _take(self, kind: str) -> bool:
        if self._budget > 0:
            self._budget -= 1
            return True
        self._unlisted[kind] = self._unlisted.get(kind, 0) + 1
        return False

    def summarise(self, now: float) -> None:
        """Write a summary of the unlisted lines of the last second, when it is over."""
        if now < self._period_ends:
            return
        if self._unlisted:
            self.log.info(self._summary, **self._unlisted)
            self._unlisted = {}
        self._budget = self._lines_per_s
        self._period_ends = now + _SUMMARY_EVERY_S


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a foreign text as it is logged: printable, and cut.

    It is cut twice, because escaping makes up to ten characters of one.
    """
    return printable(text[:longest])[:longest]
