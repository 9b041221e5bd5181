"""Registrations of a node: what is claimed, what holds, and how one ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tokenless.protocol.phones.registration import (
    Claim,
    DeviceProfile,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sccp.answers import ResetType
from tokenless.services.limited_log import LimitedLog, shortened
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import ItlReport


class Station(Protocol):
    """A registered phone's session."""

    def dismiss(self, reason: UnregisterReason) -> None:
        """Tell the phone that it is not registered any more, and forget it."""

    def reset(self, kind: ResetType) -> None:
        """Tell the phone to start again."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A device that is registered here."""

    profile: DeviceProfile
    peer: Peer
    address: str
    """Of the phone."""
    load: str
    """The firmware that it says it runs."""
    since: int
    """Unix seconds."""
    signalling: Signalling
    """The protocol that it registered with."""
    at_ms: int = 0
    """The moment of `since` by the clock of the host: it decides between nodes."""
    itl: ItlReport = field(default_factory=ItlReport)
    """The phone's report of its ITL."""
    alarms: tuple[PhoneAlarmNote, ...] = ()
    """Its last alarms, the newest last."""

    @property
    def device(self) -> str:
        """The device's name."""
        return self.profile.device


@dataclass(frozen=True, slots=True)
class Absence:
    """A device that was refused, or whose registration has ended."""

    device: str
    address: str
    at: int
    """Unix seconds."""
    failure: RegisterFailure | None = None
    reason: UnregisterReason | None = None
    is_known: bool = True
    """True if the cluster knows the device."""
    alarms: tuple[PhoneAlarmNote, ...] = ()
    """Its last alarms while it was registered."""


@dataclass(frozen=True, slots=True)
class Request:
    """A claim as it came in."""

    claim: Claim
    peer: Peer
    address: str
    load: str = ""
    is_refresh: bool = False
    """True if it is one more REGISTER of the phone that is registered."""


DeviceLookup = Callable[[str], DeviceProfile | None]
"""Takes a device's name, returns what the cluster knows of it."""
OnChange = Callable[[Registration | Absence], None]
"""Is told of every change, at once; must not block."""


def log_refusal(
    log: LimitedLog, device: str, address: str, failure: RegisterFailure
) -> None:
    """Write that a phone was refused, while there is room in the log."""
    if log.may_write("refused registrations"):
        log.log.info(
            "registration refused",
            device=shortened(device),
            phone=address,
            reason=failure.name.lower(),
            code=int(failure),
        )
