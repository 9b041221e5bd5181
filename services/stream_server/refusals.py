"""Logging that clients were turned away, without letting them fill the log.

Each refusal is counted. A reason is logged at once when it is new, and then at most
once an interval, with the number of those that were not: an attack costs a line, not a
disk.
"""

from typing import Final

import structlog

from tokenless.services.limited_log import shortened
from tokenless.services.stream_server.counters import REFUSAL_CELLS, Refusal

_LINE_EVERY_S: Final = 10.0


class Refusals:
    """The counts and the log of what clients did wrong."""

    def __init__(
        self,
        name: str,
        cells: memoryview,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._line = f"{name} connection ended"
        self._cells = cells
        self._log = log
        self._logged_at: dict[Refusal, float] = {}
        self._unsaid: dict[Refusal, int] = {}

    def note(self, reason: Refusal, now: float, *, client: str, why: str = "") -> None:
        """Count a refusal, and log it unless its reason was logged just now."""
        self._cells[REFUSAL_CELLS[reason]] += 1
        last = self._logged_at.get(reason)
        if last is not None and now - last < _LINE_EVERY_S:
            self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
            return
        self._logged_at[reason] = now
        about: dict[str, object] = {"reason": reason, "client": client}
        if why:
            about["why"] = shortened(why)
        if unsaid := self._unsaid.pop(reason, 0):
            about["more_since_last_line"] = unsaid
        self._log.warning(self._line, **about)
