"""Registered devices of a node: one registration a device, and how it ends.

A station is what a phone is reached by: the session of its connection. The registrar
knows no protocol; sessions ask it for permission, and are told when another
registration takes their device over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from cachetools import FIFOCache

from tokenless.protocol.phones.registration import (
    Claim,
    DeviceProfile,
    Peer,
    RegisterFailure,
    UnregisterReason,
    why_refused,
)
from tokenless.protocol.sccp.answers import ResetType

MAX_FAILURES: Final = 10_000
"""Failures that are remembered, one a device: the oldest are forgotten."""


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


@dataclass(frozen=True, slots=True)
class Request:
    """A claim as it came in."""

    claim: Claim
    peer: Peer
    address: str
    load: str = ""


DeviceLookup = Callable[[str], DeviceProfile | None]
"""Takes a device's name, returns what the cluster knows of it."""
OnChange = Callable[[Registration | Absence], None]
"""Is told of every change, at once; must not block."""


class Registrar:
    """The registrations of one node."""

    def __init__(
        self,
        find_device: DeviceLookup,
        *,
        clock: Callable[[], int],
        max_devices: int,
        on_change: OnChange = lambda _change: None,
    ) -> None:
        self.find_device = find_device
        self.max_devices = max_devices
        self._clock = clock
        self._on_change = on_change
        self._stations: dict[str, tuple[Registration, Station]] = {}
        self._absent: FIFOCache[str, Absence] = FIFOCache(MAX_FAILURES)

    def __len__(self) -> int:
        """Return how many devices are registered."""
        return len(self._stations)

    def register(self, request: Request, station: Station) -> RegisterFailure | None:
        """Register a device, or return why not.

        A registration of the same device over the same station is refreshed. One over
        another station ends the older one; a claim in clear never ends a secure one.
        """
        device = request.claim.device
        failure = why_refused(self.find_device(device), request.claim, request.peer)
        known = self._stations.get(device)
        if failure is None and known is None and len(self) >= self.max_devices:
            failure = RegisterFailure.MAXIMUM_EXCEEDED
        if known is not None and known[0].peer.is_secure and not request.peer.is_secure:
            failure = RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
        if failure is not None:
            self._note(Absence(device, request.address, self._clock(), failure))
            return failure
        self._admit(request, station, known)
        return None

    def _admit(
        self,
        request: Request,
        station: Station,
        known: tuple[Registration, Station] | None,
    ) -> None:
        device = request.claim.device
        profile = self.find_device(device)
        assert profile is not None  # noqa: S101  # why_refused has looked
        registration = Registration(
            profile, request.peer, request.address, request.load, self._clock()
        )
        self._stations[device] = registration, station
        if known is not None and known[1] is station:
            kept = replace(registration, since=known[0].since)
            self._stations[device] = kept, station
            return
        if known is not None:
            known[1].dismiss(UnregisterReason.DUPLICATE_REGISTRATION)
        self._absent.pop(device, None)
        self._on_change(registration)

    def unregister(
        self, device: str, station: Station, reason: UnregisterReason
    ) -> bool:
        """End a registration, if it is this station's; return whether it was."""
        known = self._stations.get(device)
        if known is None or known[1] is not station:
            return False
        del self._stations[device]
        self._note(Absence(device, known[0].address, self._clock(), reason=reason))
        return True

    def dismiss(self, device: str, reason: UnregisterReason) -> bool:
        """Tell a phone that its registration ends; return whether it had one."""
        known = self._stations.get(device)
        if known is None:
            return False
        self.unregister(device, known[1], reason)
        known[1].dismiss(reason)
        return True

    def dismiss_all(self, reason: UnregisterReason) -> None:
        """End every registration: the service stops."""
        for device in list(self._stations):
            self.dismiss(device, reason)

    def find(self, device: str) -> Registration | None:
        """Return a device's registration, None when it has none here."""
        known = self._stations.get(device)
        return None if known is None else known[0]

    def station(self, device: str) -> Station | None:
        """Return what a device is reached by."""
        known = self._stations.get(device)
        return None if known is None else known[1]

    def registrations(self) -> Iterator[Registration]:
        """Return all registrations, the oldest first."""
        for registration, _ in self._stations.values():
            yield registration

    def absences(self) -> Iterator[Absence]:
        """Return the last failure or end of each device that is not registered."""
        yield from self._absent.values()

    def _note(self, absence: Absence) -> None:
        known = self._stations.get(absence.device)
        if known is None:
            self._absent[absence.device] = absence
            self._on_change(absence)
