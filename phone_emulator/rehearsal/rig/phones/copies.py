"""Copies of a rehearsal's phones: what they would do now, with the phones untouched."""

from collections.abc import Collection, Mapping

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.phone import Clock
from tokenless.phone_emulator.registration.call import CallFailure, CallReport
from tokenless.phone_emulator.registration.report import RegistrationReport
from tokenless.phone_emulator.rehearsal.rig.phones.boots import PATIENCE
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall, place_call
from tokenless.phone_emulator.rehearsal.rig.phones.dial_tone import register_copies
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import (
    Prospect,
    Waiting,
    prospects,
)
from tokenless.phone_emulator.rehearsal.rig.service_log import LogTap


class PhoneCopies:
    """Copies of phones with what they hold: they boot, register and call."""

    def __init__(self, phones: PhoneGroups, *, tap: LogTap, clock: Clock) -> None:
        """Prepare.

        Args:
            phones: The phones that are copied.
            tap: Where the services' log can be read; what copies cause is skipped.
            clock: What the phones take for the time.
        """
        self._phones = phones
        self._tap = tap
        self._clock = clock

    async def prospects(self, up: Collection[str]) -> dict[str, Prospect]:
        """Return what phones would do if they started now, by device.

        Only phones that are off, were not restarted since a change, or are stuck are
        asked.

        Args:
            up: The names of the nodes that are up.
        """
        return await self.predicted(self._phones.uncertain, up)

    async def predicted(
        self, phones: Mapping[str, Waiting], up: Collection[str]
    ) -> dict[str, Prospect]:
        """Return what copies of phones would do if they started now, by device.

        Args:
            phones: The phones, with what they hold.
            up: The names of the nodes that are up.
        """
        nodes = {
            server: name for name, server in self._phones.nodes.items() if name in up
        }
        tried = await prospects(
            phones, nodes, download_options=PATIENCE, clock=self._clock
        )
        self._tap.skip()
        return tried

    async def registrations(
        self, secure_ports: SecurePorts
    ) -> dict[str, RegistrationReport]:
        """Return how phones that are on and have booted would be registered now.

        Args:
            secure_ports: Where nodes listen for SCCP over TLS.
        """
        phones = self._phones
        running = {d for name in phones.groups for d in phones.running(name)}
        registered = await register_copies(
            phones.waiting(running), secure_ports=secure_ports, clock=self._clock
        )
        self._tap.skip()
        return registered

    async def call(
        self, caller: str, called: str, secure_ports: SecurePorts
    ) -> PlayedCall:
        """Let the first phone of a group call that of another, or its own second one.

        Args:
            caller: The group of the phone that dials.
            called: The group of the other one.
            secure_ports: Where nodes listen for SCCP over TLS.

        Raises:
            PhoneError: When the group has no second phone.
        """
        place = 1 if caller == called else 0
        if len(self._phones.groups[called]) <= place:
            raise PhoneError(
                f"the group {called} has one phone", hint="let another group be called"
            )
        phones = self._phones
        ends = phones.running(caller)[:1], phones.running(called)[place : place + 1]
        if not all(ends):
            report = CallReport(failure=CallFailure.NOT_REGISTERED)
        else:
            devices = [device for (device,) in ends]
            held = phones.waiting(devices)
            report = await place_call(
                *(held[device] for device in devices),
                secure_ports=secure_ports,
                clock=self._clock,
            )
            self._tap.skip()
        return PlayedCall(caller, called, report)
