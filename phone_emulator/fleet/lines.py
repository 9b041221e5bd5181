"""A fleet that stays up: every phone boots, registers, and stays registered.

One process, one loop: each phone is the `Line` of a single one. How many boot and
register at the same time is limited; how many are registered is not.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio

from tokenless.phone_emulator.enrolling_boot import boot_and_enrol
from tokenless.phone_emulator.fleet.factory import Factory, FleetKeys
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.own_certificates import OwnCertificates
from tokenless.phone_emulator.phone import Network, Phone
from tokenless.phone_emulator.registration.line import Line, LineSettings
from tokenless.phone_emulator.registration.register import group_of
from tokenless.phone_emulator.registration.report import (
    RegistrationOutcome,
    RegistrationReport,
)
from tokenless.phone_emulator.registration.talkers.events import LastOut, PhoneEvent
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.report import BootReport


@dataclass(slots=True)
class FleetRegistrations:
    """The registration states of a fleet's phones."""

    phones: int
    outcomes: Counter[RegistrationOutcome] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    """Registered phones by node."""
    reasons: Counter[str] = field(default_factory=Counter)
    """The reasons why phones are not registered at the first node of their group."""
    registrations: int = 0
    """All that there were."""
    boots: int = 0
    seconds: float = 0.0
    """Until the last registration."""
    _known: dict[str, RegistrationReport] = field(default_factory=dict)

    @property
    def registered(self) -> int:
        """Return the number of phones with dial tone."""
        return self.nodes.total()

    def take(self, report: RegistrationReport, seconds: float) -> None:
        """Count a phone's new state instead of its last one."""
        if (known := self._known.get(report.device)) is not None:
            self._count(known, -1)
        self._known[report.device] = report
        self._count(report, 1)
        if report.is_registered:
            self.registrations += 1
            self.seconds = seconds

    def _count(self, report: RegistrationReport, by: int) -> None:
        self.outcomes[report.outcome] += by
        if report.node is not None:
            self.nodes[report.node] += by
        if report.failure is not None:
            self.reasons[report.failure.value] += by

    def to_json(self) -> dict[str, Any]:
        """Return what `fleet run --json` prints."""
        return {
            "phones": self.phones,
            "registered": self.registered,
            "outcomes": {each.value: n for each, n in self.outcomes.items() if n},
            "nodes": {node: n for node, n in self.nodes.items() if n},
            "reason_codes": {code: n for code, n in self.reasons.items() if n},
            "registrations": self.registrations,
            "boots": self.boots,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLineSettings:
    """Settings of a fleet that stays registered.

    Attributes:
        concurrency: How many phones boot or register at the same time.
        boots: Whether phones boot first; else their flash is believed.
        line: How patient each phone is.
        certificates: A folder with `<device>.pem`: LSC and key; None: phones have those
            of their flash, and go to CAPF where their configuration says so.
        manufacturer: The folder of the manufacturer whose MIC a phone gets that is to
            show a certificate; None: phones have none.
    """

    concurrency: int = 300
    boots: bool = True
    line: LineSettings = LineSettings()  # noqa: RUF009 - frozen
    certificates: Path | None = None
    manufacturer: Path | None = None


class FleetLines:
    """The lines of some phones whose flash is a store."""

    def __init__(
        self,
        phones: Sequence[PhoneIdentity],
        store: FleetStore,
        network: Network,
        settings: FleetLineSettings,
    ) -> None:
        self.registrations_now = FleetRegistrations(len(phones))
        self._phones = phones
        self._store = store
        self._network = network
        gate = trio.Semaphore(settings.concurrency)
        self._gate = gate
        self._settings = settings
        self._line_settings = replace(settings.line, gate=gate)
        self._began = 0.0
        self._keys = FleetKeys()
        folder = settings.manufacturer
        self._factory = (
            None if folder is None else Factory(folder, network.clock, self._keys)
        )

    async def run(
        self,
        on_change: Callable[[FleetRegistrations], None] = lambda _registrations: None,
    ) -> None:
        """Keep all phones up until cancelled.

        Args:
            on_change: Is told after each change of a phone's state.
        """
        # Two connections a phone: the soft limit of most systems is 1,024.
        import resource  # noqa: PLC0415 - not on every system

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for identity in self._phones:
                nursery.start_soon(self._live, identity, on_change)

    async def _live(
        self, identity: PhoneIdentity, on_change: Callable[[FleetRegistrations], None]
    ) -> None:
        def note(_line: Line, change: PhoneEvent | RegistrationReport) -> None:
            if isinstance(change, RegistrationReport):
                self.registrations_now.take(change, trio.current_time() - self._began)
                on_change(self.registrations_now)

        flash = self._store.flash(identity.device, identity.model_name)
        phone = Phone(identity, flash, self._certificates(identity))
        last, own = LastOut.INITIALIZED, self._own(identity)
        while True:
            if self._settings.boots:
                async with self._gate:
                    report = await self._boot(phone)
                flash.save(report.to_json(), self._network.clock())
                self.registrations_now.boots += 1
            group = group_of(phone, self._network, own=own)
            line = Line(identity, group, self._line_settings, note)
            last = await line.run(last)

    async def _boot(self, phone: Phone) -> BootReport:
        if phone.certificates is None:
            return await phone.boot(self._network)

        def give(report: BootReport) -> None:
            if self._factory is not None:
                self._factory.give_if_wanted(phone, report)

        return await boot_and_enrol(
            phone, self._network, make=self._keys.make, before_capf=give
        )

    def _certificates(self, identity: PhoneIdentity) -> OwnCertificates | None:
        """Return the certificates of the flash, where no folder has them."""
        if self._settings.certificates is not None:
            return None
        return self._store.certificates(identity.device)

    def _own(self, identity: PhoneIdentity) -> Path | None:
        folder = self._settings.certificates
        path = None if folder is None else folder / f"{identity.device}.pem"
        return path if path is not None and path.is_file() else None
