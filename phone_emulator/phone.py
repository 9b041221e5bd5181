"""One emulated phone: performs what SECD asks for, over real sockets.

    flash = FolderFlash.create(folder, "SEP001122334455", "7975")
    phone = Phone(identity, flash)
    report = await phone.boot()

`Network` holds what phones share: the TFTP loop, time-outs, TLS versions. A single
phone makes its own; a fleet gives one to all.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, assert_never

import msgspec
import trio

from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.flash import Flash
from tokenless.phone_emulator.http_client import HttpClient, NotByHttpError
from tokenless.phone_emulator.own_certificates import OwnCertificates
from tokenless.phone_emulator.secd.events import (
    AskTvsServer,
    Downloaded,
    DownloadRefused,
    Effect,
    Event,
    Fetch,
    Finish,
    Install,
    NotFound,
    NotOpened,
    Opened,
    OpenEncrypted,
    PhoneIdentity,
    PowerOn,
    Server,
    ServerSilent,
    TvsAnswered,
    TvsFailed,
)
from tokenless.phone_emulator.secd.log_events import LogEntry
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.record import BootRecorder
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.phone_emulator.tftp_client import TftpClient
from tokenless.phone_emulator.tvs_client import TlsRange, TvsUnreachableError, ask_tvs
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES, Transport
from tokenless.protocol.tftp.download import DownloadOptions, SilentServerError
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode

Clock = Callable[[], float]
HTTP_PORT: Final = 6970
"""Fixed in phones: no option of DHCP carries it (REFERENCE-3 1.1)."""
_USUAL_TFTP: Final = frozenset({69, 6969})
"""The field's port and the lab's. Elsewhere 6970 may be another cluster's."""


HttpPort = Callable[[Server], int | None]
"""The HTTP place of each TFTP server, for models that try HTTP first; None: only TFTP
there."""


def tftp_only(_: Server) -> None:
    """Switch HTTP off for all phones."""


def usual_http_port(server: Server) -> int | None:
    """Return 6970 of servers whose TFTP is where field and lab have it."""
    return HTTP_PORT if server.port in _USUAL_TFTP else None


def http_at(port: int | None) -> HttpPort:
    """Have HTTP tried at this port of every server; None: where it usually is."""
    return usual_http_port if port is None else lambda _: port


@dataclass(frozen=True, slots=True)
class Network:
    """The connections that phones share."""

    tftp: TftpClient
    tvs_timeout_s: float = 10.0
    """For one question to TVS, and for one file over HTTP."""
    tls: TlsRange | None = None
    """Instead of the models' own versions."""
    http_port: HttpPort = tftp_only
    clock: Clock = time.time
    """Unix seconds, for logs and caches."""
    secure_ports: SecurePorts = field(default_factory=SecurePorts)
    """The SCCP-over-TLS ports of CallManagers."""
    register_timeout_s: float = 10.0
    """For a connection to one CallManager, and for its answer."""
    tell: Callable[[str], None] = lambda _: None
    """Is told what a phone waits for, in words for a person."""


@asynccontextmanager
async def open_network(
    *,
    download_options: DownloadOptions | None = None,
    max_sockets: int = 512,
    tvs_timeout_s: float = 10.0,
    tls: TlsRange | None = None,
    http_port: HttpPort = tftp_only,
    loss: float = 0.0,
    seed: int = 0,
    clock: Clock = time.time,
    secure_ports: SecurePorts | None = None,
    register_timeout_s: float = 10.0,
) -> AsyncIterator[Network]:
    """Run the shared TFTP loop for the time of the block.

    Args:
        download_options: How files are asked for, and how patiently.
        max_sockets: How many downloads at once.
        tvs_timeout_s: For one question to TVS, and for one file over HTTP.
        tls: Versions for TVS instead of the models' own.
        http_port: Where models that try HTTP first do so: `tftp_only`, `http_at(8080)`
            or, as real phones do, `usual_http_port`.
        loss: Which part of all TFTP datagrams is lost on purpose.
        seed: Decides which.
        clock: What the phones take for the time, Unix seconds.
        secure_ports: Where CallManagers listen for SCCP over TLS.
        register_timeout_s: For a connection to one CallManager, and for its answer.
    """
    tftp = TftpClient(
        download_options=download_options, max_sockets=max_sockets, loss=loss, seed=seed
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(tftp.run)
        ports = secure_ports or SecurePorts()
        yield Network(
            tftp, tvs_timeout_s, tls, http_port, clock, ports, register_timeout_s
        )
        nursery.cancel_scope.cancel()


@dataclass(slots=True)
class Phone:
    """A phone between power-ups.

    Booting the same object again is a reset: what TVS said is still remembered. A new
    object is a phone that was without power.
    """

    identity: PhoneIdentity
    flash: Flash
    certificates: OwnCertificates | None = None
    """The phone's own MIC and LSC; None: it has none and goes to no CAPF."""
    recorder: BootRecorder | None = None
    """Takes down every event, for `tokenless phone replay`."""
    log: list[LogEntry] = field(default_factory=list)
    """The moments of the last boot."""
    _cache: TvsCache = field(default_factory=TvsCache)

    async def boot(self, network: Network | None = None) -> BootReport:
        """Boot once: fetch, judge, install, until the phone runs.

        Args:
            network: What it shares with others; its own when None.
        """
        if network is None:
            async with open_network() as own:
                return await self._boot(own)
        return await self._boot(network)

    async def _boot(self, network: Network) -> BootReport:
        contents = self.flash.load()
        if self.certificates is not None:
            contents = msgspec.structs.replace(
                contents, certificate_hash=self.certificates.certificate_hash
            )
        if self.recorder is not None:
            self.recorder.start(self.identity, contents, self._cache)
        secd = Secd(self.identity, contents, self._cache)
        event: Event | None = PowerOn()
        async with HttpClient(timeout_s=network.tvs_timeout_s) as http:
            while event is not None:
                now = network.clock()
                effects = secd.handle(event, now)
                if self.recorder is not None:
                    self.recorder.add(event, now, secd.state, effects)
                event = None
                for effect in effects:
                    event = await self._perform(effect, network, http) or event
            secd.report.http = {str(at): why for at, why in http.failures.items()}
        self.log = secd.log
        return secd.report

    async def _perform(
        self, effect: Effect, network: Network, http: HttpClient
    ) -> Event | None:
        match effect:
            case Fetch():
                network.tell(f"fetching {effect.name} from {effect.server}")
                return await self._fetch(effect, network, http)
            case AskTvsServer():
                network.tell(f"asking TVS at {effect.server}")
                return await self._ask(effect, network)
            case OpenEncrypted():
                return self._open(effect)
            case Install():
                self.flash.replace(effect.kind, effect.data)
            case Finish():
                pass
            case _:
                assert_never(effect)
        return None

    def _open(self, effect: OpenEncrypted) -> Event:
        own = self.certificates
        content = None if own is None else own.open_encrypted(effect.data)
        return NotOpened() if content is None else Opened(content)

    async def _fetch(self, effect: Fetch, network: Network, http: HttpClient) -> Event:
        port = network.http_port(effect.server)
        if port is not None and Transport.HTTP in self.identity.model.transports:
            where = Server(effect.server.address, port)
            try:
                data = await http.fetch(
                    where, effect.name, max_bytes=MAX_DOWNLOAD_BYTES
                )
                return Downloaded(data, Transport.HTTP)
            except NotByHttpError:
                pass  # the next transport, as real phones do (REFERENCE 4.1)
        return await self._fetch_by_tftp(effect, network.tftp)

    async def _fetch_by_tftp(self, effect: Fetch, tftp: TftpClient) -> Event:
        who = self.identity.device
        try:
            return Downloaded(await tftp.fetch(effect.server, effect.name, client=who))
        except SilentServerError as error:
            return ServerSilent(str(error))
        except TftpError as error:
            if error.code == TftpErrorCode.FILE_NOT_FOUND:
                return NotFound()
            return DownloadRefused(str(error))
        except ProtocolError as error:
            return DownloadRefused(str(error))

    async def _ask(self, effect: AskTvsServer, network: Network) -> Event:
        tls = network.tls or self.identity.model.tls
        began = trio.current_time()
        try:
            answer = await ask_tvs(effect, tls, network.tvs_timeout_s)
        except TvsUnreachableError as error:
            milliseconds = _milliseconds_since(began)
            return TvsFailed(str(error), milliseconds, error.stage, error.code)
        return TvsAnswered(answer, _milliseconds_since(began))


def _milliseconds_since(began: float) -> float:
    return (trio.current_time() - began) * 1000
