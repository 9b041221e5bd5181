"""Calls that fail, and calls that are less secure than before.

What a step costs phones is a state after the step, and so are its calls: a pair of
groups whose last call failed counts until a later one of the same pair succeeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome

_ORDER: Final = (
    CallOutcome.NONE,
    CallOutcome.NOT_SECURE,
    CallOutcome.AUTHENTICATED,
    CallOutcome.ENCRYPTED,
)
_WORDS: Final = {
    CallOutcome.NOT_SECURE: "Not Secure",
    CallOutcome.AUTHENTICATED: "Authenticated",
    CallOutcome.ENCRYPTED: "Encrypted",
}


@dataclass(frozen=True, slots=True)
class CallLosses:
    """The calls that are worse than they should be after a step."""

    failed: tuple[str, ...] = ()
    """A sentence for each pair of groups whose last call failed."""
    weaker: tuple[str, ...] = ()
    """A sentence for each pair whose last call was less secure than an earlier one."""


@dataclass(slots=True)
class CallHistory:
    """The calls of a rehearsal, by the groups of both phones."""

    _last: dict[tuple[str, str], PlayedCall] = field(default_factory=dict)
    _best: dict[tuple[str, str], CallOutcome] = field(default_factory=dict)

    def after(self, calls: Iterable[PlayedCall]) -> CallLosses:
        """Take the calls of a step; return what is lost after it."""
        for each in calls:
            pair = each.caller, each.called
            self._last[pair] = each
            best = self._best.get(pair, CallOutcome.NONE)
            self._best[pair] = max(best, each.outcome, key=_ORDER.index)
        return CallLosses(
            tuple(
                str(each)
                for each in self._last.values()
                if each.outcome is CallOutcome.NONE
            ),
            tuple(
                f"{each}; before: {_WORDS[self._best[pair]]}"
                for pair, each in self._last.items()
                if each.outcome not in {CallOutcome.NONE, self._best[pair]}
            ),
        )
