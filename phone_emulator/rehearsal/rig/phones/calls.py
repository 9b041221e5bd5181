"""Calls of a rehearsal: a copy of one phone dials a copy of another, and they talk.

Over the real services, with what the phones hold; real RTP or SRTP flows between them.
The phones and their flash stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.registration.call import (
    CallFailure,
    CallLevel,
    CallReport,
    call,
)
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import CopiedFlash, Waiting
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome

_TALK_S: Final = 0.2
_TIMEOUT_S: Final = 10.0
_OUTCOMES: Final = {
    CallLevel.ENCRYPTED: CallOutcome.ENCRYPTED,
    CallLevel.AUTHENTICATED: CallOutcome.AUTHENTICATED,
    CallLevel.NOT_SECURE: CallOutcome.NOT_SECURE,
}
_FAILURE_WORDS: Final = {
    CallFailure.NOT_REGISTERED: "one of the phones is not registered",
    CallFailure.NO_NUMBER: "the called phone has no number",
    CallFailure.NOT_RINGING: "the called phone does not ring",
    CallFailure.NOT_CONNECTED: "the phones were not connected",
}


@dataclass(frozen=True, slots=True)
class PlayedCall:
    """A call between phones of two groups."""

    caller: str
    """The caller's group."""
    called: str
    report: CallReport

    @property
    def outcome(self) -> CallOutcome:
        """Return the level on both screens; `none` when no phone heard the other."""
        level = self.report.level
        if level is None or not self.report.was_heard:
            return CallOutcome.NONE
        return _OUTCOMES[level]

    @property
    def words(self) -> str:
        """The outcome for tables: `call: Encrypted`."""
        if self.outcome is CallOutcome.NONE:
            return "call: none"
        return f"call: {self.report.level}"

    def __str__(self) -> str:
        """Write it as one sentence."""
        who = f"a phone of {self.caller} calls one of {self.called}"
        if self.report.failure is not None:
            return f"{who}: no call: {_FAILURE_WORDS[self.report.failure]}"
        if not self.report.was_heard:
            return f"{who}: no call: the phones did not hear each other"
        heard = " and ".join(str(each.packets_received) for each in self.report.sides)
        return f"{who}: {self.report.level}; {heard} packets heard"

    def to_json(self) -> dict[str, Any]:
        """Return what `rehearse run --json` prints of it."""
        return {
            "from": self.caller,
            "to": self.called,
            "outcome": self.outcome.value,
            **self.report.to_json(),
        }


async def place_call(
    caller: Waiting,
    called: Waiting,
    *,
    secure_ports: SecurePorts,
    clock: Callable[[], float],
) -> CallReport:
    """Let a copy of one phone call a copy of another, and hang up.

    Args:
        caller: The phone that dials.
        called: The phone that answers.
        secure_ports: Where nodes listen for SCCP over TLS.
        clock: What the phones take for the time.
    """
    async with open_network(
        clock=clock, secure_ports=secure_ports, register_timeout_s=_TIMEOUT_S
    ) as network:
        first, second = _line(caller, network), _line(called, network)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.run)
            nursery.start_soon(second.run)
            report = await call(first, second, _TALK_S)
            nursery.cancel_scope.cancel()
    return report


def _line(phone: Waiting, network: Network) -> Line:
    copy = Phone(phone.identity, CopiedFlash(phone.contents), phone.certificates)
    settings = LineSettings(timeout_s=_TIMEOUT_S, holds_standby=False)
    return Line(phone.identity, group_of(copy, network), settings)
