"""Registered devices of a node: one registration a device, and how it ends.

A station is what a phone is reached by: the session of its connection. The registrar
knows no protocol; sessions ask it for permission, and are told when another
registration takes their device over.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import trio
from cachetools import FIFOCache

from tokenless.protocol.phones.registration import (
    DeviceProfile,
    RegisterFailure,
    UnregisterReason,
    why_refused,
)
from tokenless.services.callmanager.directory import Directory, Elsewhere
from tokenless.services.callmanager.registration import (
    Absence,
    DeviceLookup,
    OnChange,
    Registration,
    Request,
    Station,
)
from tokenless.services.store.phone_alarms import (
    MAX_ALARM_TEXT,
    MAX_ALARMS,
    PhoneAlarmNote,
)
from tokenless.services.store.registrations import ItlReport

MAX_FAILURES: Final = 10_000
"""Failures that are remembered, one a device: the oldest are forgotten."""


class Registrar:
    """The registrations of one node."""

    def __init__(
        self,
        find_device: DeviceLookup,
        *,
        clock: Callable[[], int],
        max_devices: int,
        node: str = "",
        on_change: OnChange = lambda _change: None,
        host_clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin without registrations.

        Args:
            find_device: Knows the cluster's devices.
            clock: Unix seconds, as the cluster sees them.
            max_devices: How many may be registered here.
            node: The name of this node.
            on_change: Is told of every registration, refusal and end.
            host_clock: Unix seconds, as the host sees them.
        """
        self.find_device = find_device
        self.max_devices = max_devices
        self.elsewhere = Directory()
        self._node = node
        self._clock = clock
        self._host_clock = host_clock
        self._on_change = on_change
        self._stations: dict[str, tuple[Registration, Station]] = {}
        self._absent: FIFOCache[str, Absence] = FIFOCache(MAX_FAILURES)
        self._alarms: FIFOCache[str, tuple[PhoneAlarmNote, ...]] = FIFOCache(
            MAX_FAILURES
        )
        """Of devices that have registered here; they outlive a registration."""
        self._emptied = trio.Event()

    @property
    def now(self) -> int:
        """Unix seconds, as the cluster sees them."""
        return self._clock()

    def __len__(self) -> int:
        """Return how many devices are registered."""
        return len(self._stations)

    def register(self, request: Request, station: Station) -> RegisterFailure | None:
        """Register a device, or return why not.

        A registration of the same device over the same station is refreshed. One over
        another station, or at another node, ends the older one; a claim in clear never
        ends a secure one.

        A refresh is judged by the profile of its registration: a changed profile counts
        from the next reset of the phone on, as the vendor's pages say (inferred for
        phones that refresh in between).
        """
        device = request.claim.device
        known = self._stations.get(device)
        is_refresh = request.is_refresh and known is not None and known[1] is station
        profile = self.profile_of(device, of_registration=is_refresh)
        failure = why_refused(profile, request.claim, request.peer)
        if failure is None and known is None and len(self) >= self.max_devices:
            failure = RegisterFailure.MAXIMUM_EXCEEDED
        # Otherwise anybody on the network could end a secure registration by a claim in
        # clear, which proves nothing.
        if not request.peer.is_secure and self._is_secure_anywhere(device):
            failure = RegisterFailure.AUTHENTICATED_DEVICE_EXISTS
        if failure is not None:
            self._note(
                Absence(
                    device,
                    request.address,
                    self._clock(),
                    failure,
                    is_known=profile is not None,
                )
            )
            return failure
        assert profile is not None  # noqa: S101  # why_refused has looked
        self._admit(request, station, profile, known)
        return None

    def profile_of(
        self, device: str, *, of_registration: bool = False
    ) -> DeviceProfile | None:
        """Return the profile of a device, None when it may not register.

        Args:
            device: Its name.
            of_registration: Whether that of its registration here counts, as long as
                the cluster still knows the device.
        """
        profile, known = self.find_device(device), self._stations.get(device)
        if profile is not None and of_registration and known is not None:
            return known[0].profile
        return profile

    def _is_secure_anywhere(self, device: str) -> bool:
        known, elsewhere = self._stations.get(device), self.elsewhere.find(device)
        return (known is not None and known[0].peer.is_secure) or (
            elsewhere is not None and elsewhere.phone.is_secure
        )

    def yield_to(self, other: Elsewhere) -> bool:
        """End the registration of a phone that has registered at another node since.

        Returns:
            Whether there was one to end.
        """
        known = self._stations.get(other.phone.device)
        if known is None:
            return False
        mine = known[0]
        # All nodes compare the same triple, so they agree on one winner without asking
        # each other; the node's name decides between equal times.
        if other.rank < (mine.peer.is_secure, mine.at_ms, self._node):
            return False
        return self.dismiss(mine.device, UnregisterReason.DUPLICATE_REGISTRATION)

    def report_itl(self, device: str, station: Station, report: ItlReport) -> bool:
        """Note what a registered phone says of its ITL; return whether it is one."""
        known = self._stations.get(device)
        if known is None or known[1] is not station:
            return False
        if known[0].itl != report:
            changed = replace(known[0], itl=report)
            self._stations[device] = changed, station
            self._on_change(changed)
        return True

    def note_alarm(self, device: str, station: Station, text: str) -> bool:
        """Keep what a registered phone reports; return whether it is one."""
        known = self._stations.get(device)
        if known is None or known[1] is not station or not text:
            return False
        note = PhoneAlarmNote(self._clock(), text[:MAX_ALARM_TEXT])
        alarms = (*known[0].alarms, note)[-MAX_ALARMS:]
        changed = replace(known[0], alarms=alarms)
        self._stations[device], self._alarms[device] = (changed, station), alarms
        self._on_change(changed)
        return True

    def recall_alarms(self, known: Mapping[str, tuple[PhoneAlarmNote, ...]]) -> None:
        """Take over what an earlier process of this node has kept of alarms.

        Otherwise the first registration after a restart would write none over them.
        """
        self._alarms.update(known)

    def _admit(
        self,
        request: Request,
        station: Station,
        profile: DeviceProfile,
        known: tuple[Registration, Station] | None,
    ) -> None:
        device = request.claim.device
        registration = Registration(
            profile,
            request.peer,
            request.address,
            request.load,
            self._clock(),
            request.claim.signalling,
            self._next_ms(device),
            alarms=self._alarms.get(device, ()),
        )
        if known is not None and known[1] is station:
            old = known[0]
            kept = replace(registration, since=old.since, at_ms=old.at_ms, itl=old.itl)
            self._stations[device] = kept, station
            if kept != old:
                self._on_change(kept)
            return
        self._stations[device] = registration, station
        if known is not None:
            # After the new entry is in place: the old session's own end must not remove
            # it.
            known[1].dismiss(UnregisterReason.DUPLICATE_REGISTRATION)
        self._absent.pop(device, None)
        self._on_change(registration)

    def _next_ms(self, device: str) -> int:
        """Return a time that is later than what another node says of a phone.

        That one's clock may go ahead of ours.
        """
        now, elsewhere = int(self._host_clock() * 1000), self.elsewhere.find(device)
        return now if elsewhere is None else max(now, elsewhere.phone.at_ms + 1)

    def note_failure(self, device: str, address: str, failure: RegisterFailure) -> None:
        """Note that a phone was refused before its claim was looked at."""
        is_known = self.find_device(device) is not None
        self._note(Absence(device, address, self.now, failure, is_known=is_known))

    def unregister(
        self, device: str, station: Station, reason: UnregisterReason
    ) -> bool:
        """End a registration, if it is this station's; return whether it was."""
        known = self._stations.get(device)
        if known is None or known[1] is not station:
            return False
        del self._stations[device]
        if not self._stations:
            self._emptied.set()
            self._emptied = trio.Event()
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

    async def until_empty(self) -> None:
        """Return at the moment when no device is registered."""
        if self._stations:
            await self._emptied.wait()

    def find(self, device: str) -> Registration | None:
        """Return a device's registration, None when it has none here."""
        known = self._stations.get(device)
        return None if known is None else known[0]

    def preferred(self, devices: Iterable[str]) -> str:
        """Return the device to call of several that share a number.

        The first that is registered over TLS, else the first.
        """
        return max(devices, key=self.is_secure_here)

    def is_secure_here(self, device: str) -> bool:
        """Return whether a device is registered here over TLS."""
        found = self.find(device)
        return found is not None and found.peer.is_secure

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
            alarms = self._alarms.get(absence.device, ())
            absence = replace(absence, alarms=alarms)
            self._absent[absence.device] = absence
            self._on_change(absence)
