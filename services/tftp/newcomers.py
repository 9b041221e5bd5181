"""Rate-limits unknown clients during a flood of forged requests.

A forged request is answered once and remembered for six seconds; that is what a flood
costs. Addresses that have answered before are real, and always let in. Of the
unknown ones only some are, at a steady rate: a new phone gets in at one of its
repetitions, and the rest of the flood costs no more than reading it.
"""

from typing import Final

_MAX_KNOWN: Final = 16_384
_SLICE_S: Final = 0.1


class Newcomers:
    """Knows the addresses that have answered, and rations the others."""

    def __init__(self, per_s: int) -> None:
        self.change_rate(per_s)
        self._left = self._a_slice
        self._slice_ends = 0.0
        self._known: dict[str, None] = {}

    def change_rate(self, per_s: int) -> None:
        """Let in so many a second, from the next slice of a second on."""
        self._a_slice = max(1, round(per_s * _SLICE_S))

    def note_answer(self, host: str) -> None:
        """Remember an address that somebody is at; the oldest are forgotten."""
        known = self._known
        if host not in known:
            known[host] = None
            if len(known) > _MAX_KNOWN:
                del known[next(iter(known))]

    def is_known(self, host: str) -> bool:
        """Whether an answer has come from an address."""
        return host in self._known

    def may_enter(self, host: str, now: float) -> bool:
        """Whether a request is to be answered although there is a flood."""
        if host in self._known:
            return True
        if now >= self._slice_ends:
            self._slice_ends = now + _SLICE_S
            self._left = self._a_slice
        self._left -= 1
        return self._left >= 0
