"""Registered SIP phones of a node, and what all SIP transports of it share.

A registration lives as long as it is refreshed, whatever becomes of the connection that
it came over: phones open another one (REFERENCE-3 5.2). Requests of the server (reset,
restart) go to the connection of the last REGISTER.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, Protocol

from tokenless.protocol.phones.registration import UnregisterReason
from tokenless.protocol.sccp.answers import ResetType
from tokenless.protocol.sip.messages import SipRequest
from tokenless.protocol.sip.register import GRANTED_EXPIRES_S, Registration
from tokenless.services.callmanager.alarms import AlarmIntake
from tokenless.services.callmanager.leg import CallFailure, Leg, Party
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Registration as Registered
from tokenless.services.callmanager.sip.calls import SipCalls
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.digest import DigestCheck
from tokenless.services.callmanager.switch import Switch

_ACTIONS: Final = {
    ResetType.RESET: "reset",
    ResetType.RESTART: "restart",
    ResetType.APPLY_CONFIG: "apply-config",
}


@unique
class SipCount(IntEnum):
    """The cells of SIP in a row of counters."""

    REGISTERED = 0
    REFUSED = 1
    REFRESHED = 2
    IGNORED = 3


@dataclass(frozen=True, slots=True)
class SipSettings:
    """Registration settings of SIP phones."""

    expires_s: int = GRANTED_EXPIRES_S
    server: str = "Cisco-CUCM10.5"
    notes_itl: bool = False
    """True if phones' reports of their ITL are kept: from release 14 on."""


class Cells(Protocol):
    """Counters that can be read and set by their number."""

    def __getitem__(self, cell: int, /) -> int: ...
    def __setitem__(self, cell: int, count: int, /) -> None: ...


class SipCallControl:
    """Request handling that all SIP transports of one node share."""

    def __init__(
        self,
        registrar: Registrar,
        settings: SipSettings,
        *,
        node: str,
        cells: Cells,
        switch: Switch,
        number_of: Callable[[str], str],
        place_of: Callable[[str], str],
    ) -> None:
        self.registrar = registrar
        self.settings = settings
        self.node = node
        self.cells = cells
        self.stations: dict[str, SipStation] = {}
        self.number_of = number_of
        self.calls = SipCalls(
            switch,
            node=node,
            server=settings.server,
            contact_of=self._contact_of,
            place_of=place_of,
        )
        self.digest = DigestCheck(time.monotonic)
        self._tags = itertools.count(1)

    def party_of(self, registration: Registered) -> Party:
        """Return a registered phone as a party of a call."""
        profile = registration.profile
        number = self.number_of(profile.device)
        return Party(
            profile.device, number, profile.security_mode, registration.address
        )

    def leg_of(self, registration: Registered) -> Leg | CallFailure:
        """Return the leg of a call to a phone that is registered here in SIP."""
        station = self.stations.get(registration.device)
        if station is None:
            return CallFailure.NOT_REGISTERED
        if self.calls.is_busy(registration.device):
            return CallFailure.BUSY
        return self.calls.new_leg(self.party_of(registration), station.source)

    def bind(
        self, station: "SipStation", register: Registration, source: Source
    ) -> None:
        """Keep a station, reached from now on over the transport of this REGISTER."""
        source.devices += 1
        self.release(register.device)
        station.register, station.source = register, source
        self.stations[register.device] = station

    def release(self, device: str) -> None:
        """Forget a device's station, if it has one; its connection is not kept."""
        station = self.stations.pop(device, None)
        if station is not None:
            station.source.devices -= 1
            station.source.released()

    def expire(self, now: float) -> None:
        """End the registrations that were not refreshed in time.

        Args:
            now: Monotonic seconds.
        """
        late = [each for each in self.stations.values() if each.expires_at <= now]
        for station in late:
            device = station.register.device
            self.release(device)
            reason = UnregisterReason.KEEPALIVE_TIMEOUT
            self.registrar.unregister(device, station, reason)

    def _contact_of(self, device: str) -> str:
        station = self.stations.get(device)
        return "sip:unknown" if station is None else station.register.contact

    def new_tag(self) -> str:
        """Return a tag for To, as CUCM's begin: a number."""
        return f"{next(self._tags)}~{self.node}"


class SipStation:
    """A registered SIP phone, and the transport that its last REGISTER came over."""

    def __init__(
        self,
        call_control: SipCallControl,
        register: Registration,
        source: Source,
    ) -> None:
        self._call_control = call_control
        self.register = register
        self.source = source
        self.expires_at = 0.0
        self.begin_alarms()

    def begin_alarms(self) -> None:
        """Take as many alarms as of a new registration: the phone has booted."""
        self.alarms = AlarmIntake(self._call_control.registrar)

    def is_refreshed_by(self, register: Registration, source: Source) -> bool:
        """Tell whether a REGISTER is one more of the phone that is registered.

        A phone that has booted begins another registration, with another Call-ID.
        """
        is_same = register.call_id == self.register.call_id
        return is_same and source.is_same_phone(self.source)

    def dismiss(self, reason: UnregisterReason) -> None:
        """Tell the phone that its registration here has ended."""
        self._call_control.release(self.register.device)
        if reason is not UnregisterReason.DUPLICATE_REGISTRATION:
            self.reset(ResetType.RESTART)

    def reset(self, kind: ResetType) -> None:
        """Order the phone to reset, restart or apply its configuration.

        The form of this NOTIFY is inferred from phones' `service-control` [I].
        """
        call_control, register = self._call_control, self.register
        tag = call_control.new_tag()
        place = call_control.calls.place_of(self.source.transport)
        via, me = self.source.local_address(place).via, f"<sip:{place}>"
        request = SipRequest(
            "NOTIFY",
            register.contact,
            (
                ("Via", f"{via};branch=z9hG4bK{tag}"),
                ("From", f"{me};tag={tag}"),
                ("To", f"<{register.contact}>"),
                ("Call-ID", f"{tag}@{call_control.node}"),
                ("CSeq", "101 NOTIFY"),
                ("Max-Forwards", "70"),
                ("User-Agent", call_control.settings.server),
                ("Event", "service-control"),
                ("Subscription-State", "active"),
                ("Contact", me),
                ("Content-Type", "text/plain"),
            ),
            f"action={_ACTIONS[kind]}\r\n".encode(),
        )
        self.source.send(request.encode())
