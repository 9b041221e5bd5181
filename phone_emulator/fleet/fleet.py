"""Boots a fleet: as many phones at once as allowed, over one TFTP loop.

Each phone is the same `Phone` as a single one, and has a connection of its own where it
fetches over HTTP. Workers take phones from one schedule;
there are never more tasks, sockets or phones in memory than workers.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.enrolling_boot import boot_and_enrol
from tokenless.phone_emulator.enrolment import Sleep
from tokenless.phone_emulator.fleet.factory import Factory, FleetKeys
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import (
    Clock,
    HttpPort,
    Network,
    Phone,
    open_network,
    tftp_only,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.log_events import LogEntry
from tokenless.phone_emulator.secd.report import BootReport, FileAction
from tokenless.phone_emulator.tvs_client import TlsRange
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.trust.reasons import Reason

DEFAULT_CONCURRENCY: Final = 300
OnPhone = Callable[[BootReport, FleetReport], None]
Part = tuple[int, int]
"""Which part of a fleet, counted from 0, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Settings of a fleet's boot."""

    concurrency: int = DEFAULT_CONCURRENCY
    """The number of phones that boot at the same time."""
    ramp_s: float = 0.0
    """Over how long power-up is spread; 0: all as soon as they may."""
    seed: int = 0
    """Seed of the start order, the lost packets, and the waits before further boots."""
    download_options: DownloadOptions = DownloadOptions(timeout_s=1.0, retransmits=8)  # noqa: RUF009 - frozen
    retries: int = 2
    """The number of further boots of a phone that did not get a file."""
    retry_after_s: float = 5.0
    """About how long it waits before that."""
    tvs_timeout_s: float = 20.0
    tls: TlsRange | None = None
    http_port: HttpPort = tftp_only
    """The HTTP port of models that try HTTP first."""
    loss: float = 0.0
    """The part of all TFTP datagrams that is dropped on purpose."""
    clock: Clock = time.time
    """The time that phones assume, Unix seconds."""
    sleep: Sleep = trio.sleep
    """Waits between the tries of CAPF."""
    string: str | None = None
    """CAPF's authentication string, if a person types it on every phone."""
    manufacturer: Path | None = None
    """The folder of the manufacturer whose MICs phones get that have none."""
    all_have_mics: bool = True
    """True to give every phone a MIC, not only those that are to show a certificate."""

    def open_network(
        self, secure_ports: SecurePorts | None = None
    ) -> AbstractAsyncContextManager[Network]:
        """Open the network of the fleet's phones.

        Args:
            secure_ports: Where CallManagers listen for SCCP over TLS.
        """
        return open_network(
            download_options=self.download_options,
            max_sockets=self.concurrency,
            tvs_timeout_s=self.tvs_timeout_s,
            tls=self.tls,
            http_port=self.http_port,
            loss=self.loss,
            seed=self.seed,
            clock=self.clock,
            secure_ports=secure_ports,
            register_timeout_s=self.tvs_timeout_s,
        )


class Fleet:
    """Some phones and the store with their flash."""

    def __init__(
        self,
        phones: Sequence[PhoneIdentity],
        store: FleetStore,
        settings: FleetSettings | None = None,
        part: Part = (0, 1),
    ) -> None:
        """Take charge of phones; `boot` boots the part of them that is given here."""
        self.phones = phones
        self.store = store
        self.settings = settings or FleetSettings()
        self.watched: frozenset[str] = frozenset()
        """Devices whose log is to be kept in `logs`; a whole fleet's is too much."""
        self.logs: dict[str, list[LogEntry]] = {}
        self._part = part
        self._keys = FleetKeys()
        folder, clock = self.settings.manufacturer, self.settings.clock
        self._factory = None if folder is None else Factory(folder, clock, self._keys)

    async def boot(self, on_phone: OnPhone | None = None) -> FleetReport:
        """Boot every phone of the part once.

        Args:
            on_phone: Called after each phone with its report and the counts so far.
        """
        number, of = self._part
        report = FleetReport(len(range(number, len(self.phones), of)))
        # Drawn for all: when a phone starts does not depend on the number of parts.
        settings, schedule = self.settings, islice(self._schedule(), number, None, of)
        async with settings.open_network() as network, trio.open_nursery() as nursery:
            began = trio.current_time()
            finish = partial(self._finish, report, network, began, on_phone)
            for _ in range(min(settings.concurrency, report.phones)):
                nursery.start_soon(self._work, schedule, began, network, finish)
        return report

    def _schedule(self) -> Iterator[tuple[float, PhoneIdentity]]:
        """Return every phone with its power-up time, in order of these."""
        ramp = self.settings.ramp_s
        if ramp <= 0:
            return iter([(0.0, identity) for identity in self.phones])
        chance = random.Random(self.settings.seed)  # noqa: S311 - repeatable
        times = sorted(chance.uniform(0, ramp) for _ in self.phones)
        order = list(self.phones)
        chance.shuffle(order)
        return iter(list(zip(times, order, strict=True)))

    async def _work(
        self,
        schedule: Iterator[tuple[float, PhoneIdentity]],
        began: float,
        network: Network,
        finish: Callable[[BootReport], None],
    ) -> None:
        for start, identity in schedule:
            await trio.sleep_until(began + start)
            finish(await self._boot_one(identity, network))

    async def _boot_one(self, identity: PhoneIdentity, network: Network) -> BootReport:
        flash = self.store.flash(identity.device, identity.model_name)
        phone = Phone(identity, flash, self.store.certificates(identity.device))
        report = await self._boot_and_enrol(phone, network)
        waits = self._waits(identity.device)
        while _is_worth_a_retry(report) and (wait_s := next(waits, None)) is not None:
            await trio.sleep(wait_s)
            earlier, report = report, await self._boot_and_enrol(phone, network)
            report.include(earlier)
        if identity.device in self.watched:
            self.logs[identity.device] = phone.log
        flash.save(report.to_json(), self.settings.clock())
        return report

    async def _boot_and_enrol(self, phone: Phone, network: Network) -> BootReport:
        settings, factory = self.settings, self._factory
        if factory is not None and settings.all_have_mics:
            factory.give(phone)

        def give(report: BootReport) -> None:
            if factory is not None:
                factory.give_if_wanted(phone, report)

        return await boot_and_enrol(
            phone,
            network,
            string=settings.string,
            sleep=settings.sleep,
            make=self._keys.make,
            before_capf=give,
        )

    def _waits(self, device: str) -> Iterator[float]:
        """Return how long a phone waits before each further try.

        Drawn for each phone by itself: the order in which they come here is chance.
        Half as long to one and a half times: phones do not retry in step.
        """
        ours = f"{self.settings.seed}/{device}"
        chance = random.Random(ours)  # noqa: S311 - repeatable, nothing secret
        for _ in range(self.settings.retries):
            yield self.settings.retry_after_s * chance.uniform(0.5, 1.5)

    @staticmethod
    def _finish(
        counts: FleetReport,
        network: Network,
        began: float,
        on_phone: OnPhone | None,
        report: BootReport,
    ) -> None:
        counts.add(report)
        counts.seconds = trio.current_time() - began
        counts.retransmits = network.tftp.retransmits
        if on_phone is not None:
            on_phone(report, counts)


def _is_worth_a_retry(report: BootReport) -> bool:
    return any(
        file.action is FileAction.FAILED and file.code is not Reason.NOT_DECRYPTED
        for file in report.files.values()
    )
