"""A call between two registered phones: dial, answer, talk, hang up (REFERENCE-4).

The level of the call is what both screens show: the lock needs the server's word and
the phone's own SRTP in both directions.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

import trio

from tokenless.phone_emulator.registration.line import Line
from tokenless.phone_emulator.registration.talkers.events import CallStage
from tokenless.protocol.sccp.call import SecurityStatus

_PATIENCE_S: Final = 10.0
_CLEARING_S: Final = 2.0


@unique
class CallLevel(StrEnum):
    """The security level of a call, as a screen shows it."""

    ENCRYPTED = "Encrypted"
    """The lock."""
    AUTHENTICATED = "Authenticated"
    """The shield."""
    NOT_SECURE = "Not Secure"


@unique
class CallFailure(StrEnum):
    """The stage at which a call failed."""

    NOT_REGISTERED = "not-registered"
    NO_NUMBER = "no-number"
    """The server has not said the called phone's number."""
    NOT_RINGING = "not-ringing"
    NOT_CONNECTED = "not-connected"


_ORDER: Final = (CallLevel.NOT_SECURE, CallLevel.AUTHENTICATED, CallLevel.ENCRYPTED)


@dataclass(frozen=True, slots=True)
class CallSide:
    """One phone's view of the call."""

    device: str
    number: str
    level: CallLevel
    packets_sent: int
    packets_received: int
    refused: int
    """Packets that did not verify, or are no RTP."""

    def to_json(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return {
            "device": self.device,
            "number": self.number,
            "level": self.level.value,
            "packets_sent": self.packets_sent,
            "packets_received": self.packets_received,
            "packets_refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class CallReport:
    """The result of a call."""

    sides: tuple[CallSide, ...] = ()
    """The caller, then the called phone; empty where they never talked."""
    failure: CallFailure | None = None

    @property
    def level(self) -> CallLevel | None:
        """The weaker side's; None without a call."""
        if not self.sides:
            return None
        return min((side.level for side in self.sides), key=_ORDER.index)

    @property
    def was_heard(self) -> bool:
        """Return whether both phones received what the other sent, and nothing else."""
        return bool(self.sides) and all(
            side.packets_received and not side.refused for side in self.sides
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `phone call --json` prints."""
        return {
            "level": None if self.level is None else self.level.value,
            "heard": self.was_heard,
            "failure": None if self.failure is None else self.failure.value,
            "sides": [side.to_json() for side in self.sides],
        }


async def call(
    caller: Line, called: Line, seconds: float, *, patience_s: float = _PATIENCE_S
) -> CallReport:
    """Let one phone call another, talk for some seconds, and hang up.

    Args:
        caller: A phone whose line runs.
        called: Another one.
        seconds: How long they talk.
        patience_s: For each step until then.
    """
    for line in (caller, called):
        if not await line.until(_is_registered, patience_s):
            return CallReport(failure=CallFailure.NOT_REGISTERED)
    if not await called.until(_knows_its_number, patience_s):
        return CallReport(failure=CallFailure.NO_NUMBER)
    caller.dial(called.report.number)
    if not await called.until(_rings, patience_s):
        caller.hang_up()
        return CallReport(failure=CallFailure.NOT_RINGING)
    called.answer()
    for line in (caller, called):
        if not await line.until(_is_connected, patience_s):
            caller.hang_up()
            return CallReport(failure=CallFailure.NOT_CONNECTED)
    await trio.sleep(seconds)
    levels = level_of(caller), level_of(called)
    caller.hang_up()
    for line in (caller, called):
        await line.until(_is_idle, _CLEARING_S)
    return CallReport(
        (
            _side(caller, levels[0]),
            _side(called, levels[1]),
        )
    )


def level_of(line: Line) -> CallLevel:
    """Return what a phone's screen shows of its call (REFERENCE-4 3.1, 4.4)."""
    shown = line.call
    if shown is None:
        return CallLevel.NOT_SECURE
    if shown.security is SecurityStatus.ENCRYPTED:
        stream = None if line.media is None else line.media.stream
        is_secret = stream is not None and stream.is_secret
        return CallLevel.ENCRYPTED if is_secret else CallLevel.NOT_SECURE
    if shown.security is SecurityStatus.AUTHENTICATED:
        return CallLevel.AUTHENTICATED
    return CallLevel.NOT_SECURE


def _side(line: Line, level: CallLevel) -> CallSide:
    stream = None if line.media is None else line.media.stream
    counts = None if stream is None else stream.counts
    return CallSide(
        line.identity.device,
        line.report.number,
        level,
        0 if counts is None else counts.packets_sent,
        0 if counts is None else counts.packets_received,
        0 if stream is None else stream.refused,
    )


def _is_registered(line: Line) -> bool:
    return line.report.is_registered


def _knows_its_number(line: Line) -> bool:
    return bool(line.report.number)


def _rings(line: Line) -> bool:
    return line.call is not None and line.call.stage is CallStage.RINGING


def _is_connected(line: Line) -> bool:
    return line.call is not None and line.call.stage is CallStage.CONNECTED


def _is_idle(line: Line) -> bool:
    return line.call is None
