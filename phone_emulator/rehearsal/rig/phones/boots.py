"""The boots of a rehearsal's phones, as both sides log them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import Clock
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import http_port
from tokenless.phone_emulator.rehearsal.rig.service_log import LogTap
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.tftp.download import DownloadOptions

# Rehearsals lose no packets: asking often would get no phone a file, and a node that
# is down keeps every phone waiting for as long as it is asked.
PATIENCE: Final = DownloadOptions(timeout_s=1.0, retransmits=3)
_CONCURRENCY: Final = 128

Progress = Callable[[], None]
"""Is called when one more phone has booted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One phone's last boot as both sides logged it."""

    device: str
    phone: tuple[str, ...] = field(repr=False)
    """The phone's console log."""
    services: tuple[str, ...] = field(repr=False)
    """The log of the cluster's services in that time; no other phone was booting."""


async def _no_wait(_: float) -> None:
    """Try CAPF again at once: in a rehearsal nothing changes meanwhile."""
    await trio.lowlevel.checkpoint()


class GroupBoots:
    """Boots phones of groups, and keeps the last report of each."""

    def __init__(
        self, firsts: Mapping[str, str], store: FleetStore, tap: LogTap, clock: Clock
    ) -> None:
        """Begin without a boot.

        Args:
            firsts: The first phone of each group.
            store: Where the phones' flash is.
            tap: Where the services' log can be read.
            clock: What the phones take for the time.
        """
        self.booted: set[str] = set()
        """Groups that booted since the caller last emptied this."""
        self.restarts = 0
        """Restarts by hand since the caller last set this to 0."""
        self.samples: dict[str, Sample] = {}
        """The last boot of the first phone of each group."""
        self._firsts = firsts
        self._store = store
        self._tap = tap
        self._settings = FleetSettings(
            concurrency=_CONCURRENCY,
            download_options=PATIENCE,
            retries=0,
            http_port=http_port,
            clock=clock,
            sleep=_no_wait,
        )
        self._reports: dict[str, dict[str, BootReport]] = {}

    async def by_hand(
        self,
        chosen: Mapping[str, Sequence[PhoneIdentity]],
        progress: Progress,
        string: str | None,
    ) -> None:
        """Boot phones as a person does, who may type CAPF's authentication string."""
        self.restarts += sum(len(self._reports.get(name, ())) for name in chosen)
        await self.boot(chosen, progress, string)

    async def boot(
        self,
        chosen: Mapping[str, Sequence[PhoneIdentity]],
        progress: Progress,
        string: str | None = None,
    ) -> None:
        """Boot phones by group, the first one of a group alone."""
        settings = replace(self._settings, string=string)
        self.booted.update(chosen)
        others: dict[str, str] = {}
        for name, phones in chosen.items():
            has_first = phones[0].device == self._firsts[name]
            if has_first:
                await self._boot_sample(name, phones[0], settings, progress)
            others |= {phone.device: name for phone in phones[has_first:]}
        await self._boot_phones(
            [
                phone
                for phones in chosen.values()
                for phone in phones
                if phone.device in others
            ],
            others,
            settings,
            progress,
        )

    async def _boot_sample(
        self,
        name: str,
        phone: PhoneIdentity,
        settings: FleetSettings,
        progress: Progress,
    ) -> None:
        self._tap.skip()
        group_of = {phone.device: name}
        fleet = await self._boot_phones([phone], group_of, settings, progress)
        entries = fleet.logs.get(phone.device, [])
        form = phone.model.log_form
        self.samples[name] = Sample(
            phone.device, tuple(lines_of(entries, form, 1)), tuple(self._tap.take())
        )

    async def _boot_phones(
        self,
        phones: Sequence[PhoneIdentity],
        group_of: Mapping[str, str],
        settings: FleetSettings,
        progress: Progress,
    ) -> Fleet:
        def keep(report: BootReport, _: object) -> None:
            group = self._reports.setdefault(group_of[report.device], {})
            group[report.device] = report
            progress()

        fleet = Fleet(phones, self._store, settings)
        if len(phones) == 1:
            fleet.watched = frozenset(group_of)
        if phones:
            await fleet.boot(keep)
        return fleet

    @property
    def reports(self) -> dict[str, list[BootReport]]:
        """The last report of every phone that has booted, by group."""
        return {name: list(each.values()) for name, each in self._reports.items()}

    def reports_of(self, name: str) -> Mapping[str, BootReport]:
        """Return the last report of every phone of a group that has booted."""
        return self._reports.get(name, {})

    @property
    def stuck(self) -> tuple[str, ...]:
        """Devices whose last boot left them with other files than are served."""
        return tuple(
            report.device
            for reports in self.reports.values()
            for report in reports
            if not report.holds_what_is_served
        )
