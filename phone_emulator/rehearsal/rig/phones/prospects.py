"""Predicted boots: each waiting phone, now, at each of its TFTP servers.

Phones that are off, or were not restarted since something changed, still run with what
they hold, and say nothing about the change; and of a stuck phone it is not known
whether another boot would do. So copies of them boot, over the same real services; the
phones themselves and their flash stay as they are. Phones that hold the same and ask
the same server do the same, so one copy stands for all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from tokenless.phone_emulator.enrolling_boot import would_enrol
from tokenless.phone_emulator.own_certificates import OwnCertificates
from tokenless.phone_emulator.phone import Network, Phone, open_network
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import http_port
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal, refusals_of
from tokenless.phone_emulator.secd.events import FlashContents, PhoneIdentity, Server
from tokenless.phone_emulator.secd.files import decode_configuration
from tokenless.phone_emulator.secd.report import CHANGED, BootReport, Outcome
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.configuration import TvsMember
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

_AT_ONCE: Final = 64
_FIELDS: Final = {
    FileKind.CTL: "ctl",
    FileKind.ITL: "itl",
    FileKind.CONFIGURATION: "configuration",
}
_UNREACHABLE: Final = Refusal(
    FileKind.CONFIGURATION, 1, Reason.NO_SERVER, "none of its TFTP servers answers"
)

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A phone that is off, was not restarted since a change, or is stuck."""

    identity: PhoneIdentity
    contents: FlashContents
    certificates: OwnCertificates


@dataclass(frozen=True, slots=True)
class Prospect:
    """The next boot of one phone, tried on a copy."""

    refusals: tuple[Refusal, ...]
    """The files that it would refuse, with the node where it would."""
    takes_news: bool
    """True if its first server has something for it that it does not hold yet."""
    boots_well: bool = False
    """True if it would refuse nothing at its first server."""


@dataclass(frozen=True, slots=True)
class _Case:
    """All that decides what a phone does at one server."""

    model: str
    habits: object
    server: Server
    ctl: bytes | None
    itl: bytes | None
    tvs: tuple[TvsMember, ...]
    certificate: str
    """The phone's certificate, which decides whether it can decrypt a configuration."""


async def prospects(
    phones: Mapping[str, Waiting],
    nodes: Mapping[Server, str],
    *,
    download_options: DownloadOptions,
    clock: Clock,
) -> dict[str, Prospect]:
    """Return what phones would do, by device.

    Args:
        phones: The phones by device.
        nodes: The names of the TFTP nodes that are up, by their server.
        download_options: How patiently copies ask for files.
        clock: What they take for the time.
    """
    cases: dict[_Case, tuple[Waiting, Server]] = {}
    of_phone: dict[str, list[_Case]] = {}
    for device, phone in phones.items():
        up = [server for server in phone.identity.servers if server in nodes]
        of_phone[device] = [_case(phone, server) for server in up]
        for case in of_phone[device]:
            cases.setdefault(case, (phone, case.server))
    reports = await _boot_copies(cases, download_options, clock)
    return {
        device: _prospect(
            (reports[case], nodes[case.server]) for case in of_phone[device]
        )
        for device in phones
    }


def _case(phone: Waiting, server: Server) -> _Case:
    identity, contents = phone.identity, phone.contents
    return _Case(
        identity.model_name,
        identity.habits,
        server,
        contents.ctl,
        contents.itl,
        _members(contents.configuration),
        phone.certificates.certificate_hash,
    )


def _members(configuration: bytes | None) -> tuple[TvsMember, ...]:
    """Return the TVS servers: all of a configuration that decides about a boot."""
    if configuration is None:
        return ()
    try:
        return decode_configuration(configuration).tvs
    except DecodeError:
        return ()


async def _boot_copies(
    cases: Mapping[_Case, tuple[Waiting, Server]],
    download_options: DownloadOptions,
    clock: Clock,
) -> dict[_Case, BootReport]:
    reports: dict[_Case, BootReport] = {}
    if not cases:
        return reports
    limiter = trio.CapacityLimiter(_AT_ONCE)

    async def boot(case: _Case, network: Network) -> None:
        phone, server = cases[case]
        identity = msgspec.structs.replace(phone.identity, servers=(server,))
        async with limiter:
            copy = Phone(identity, CopiedFlash(phone.contents), phone.certificates)
            report = await copy.boot(network)
            if await would_enrol(copy, report, network):
                report.files.pop(FileKind.CONFIGURATION)
            reports[case] = report

    async with (
        open_network(
            download_options=download_options, http_port=http_port, clock=clock
        ) as network,
        trio.open_nursery() as nursery,
    ):
        for case in cases:
            nursery.start_soon(boot, case, network)
    return reports


def _prospect(boots: Iterable[tuple[BootReport, str]]) -> Prospect:
    # A server that is silent is passed over for the next one, as by any phone.
    served = [each for each in boots if each[0].outcome is not Outcome.UNREACHABLE]
    if not served:
        return Prospect((_UNREACHABLE,), takes_news=False)
    refusals = tuple(each for boot in served for each in refusals_of(*boot))
    first, _ = served[0]
    takes_news = any(file.action in CHANGED for file in first.files.values())
    return Prospect(refusals, takes_news, first.holds_what_is_served)


class CopiedFlash:
    """A copy of a phone's files, for experiments."""

    def __init__(self, contents: FlashContents) -> None:
        self._contents = contents

    def load(self) -> FlashContents:
        """Return what the phone holds."""
        return self._contents

    def replace(self, kind: FileKind, data: bytes) -> None:
        """Store a file for the copy; the phone keeps its own."""
        changed = {_FIELDS[kind]: data}
        self._contents = msgspec.structs.replace(self._contents, **changed)
