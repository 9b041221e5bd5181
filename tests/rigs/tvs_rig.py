"""A TVS daemon on a free loopback port, and clients of every kind, for tests."""

import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
import trio
from structlog.testing import LogCapture

from tests.rigs import minting
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Verify
from tokenless.protocol.tvs.stream import ClientStream, Request
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.stream_server.settings import OwnCertificate
from tokenless.services.tvs.caches import CachedCertificate, Caches
from tokenless.services.tvs.counters import TvsCount, count_of
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import TvsSettings

DEVICE = "CP-7975-SEP001122334455"
PUBLISHER = CachedCertificate.of(
    minting.server().certificate, TrustStore.CALLMANAGER.roles
)
TRUSTED = Answer(1001, MessageType.QUERY_ANSWER, 0, PUBLISHER.der, (2, 0), 86400)
UNKNOWN = CachedCertificate.of(minting.capf("CAPF-00000000").certificate, (4,))
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
Address = tuple[str, int]


def query_for(entry: CachedCertificate, session_id: int = 1001) -> Query:
    return Query(session_id, DEVICE, entry.subject, entry.issuer, entry.serial)


def verify_for(entry: CachedCertificate, session_id: int = 1001) -> Verify:
    return Verify(session_id, DEVICE, entry.der)


def own_certificate(
    folder: Path, identity: minting.Identity | None = None
) -> OwnCertificate:
    """Write a key and return it with its certificate: RSA-2048 unless told."""
    identity = identity or minting.server("tvs", 2048)
    key = folder / f"{identity.certificate.serial_hex}.pem"
    key.write_bytes(identity.key_pem)
    return OwnCertificate(identity.certificate.der, key)


def settings_for(folder: Path, **changes: object) -> TvsSettings:
    settings = TvsSettings((own_certificate(folder),), port=0, node="pub")
    return replace(settings, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Rig:
    """A running daemon and what it has logged."""

    server: TvsServer
    address: Address
    log: LogCapture

    def count(self, count: StreamCount | TvsCount) -> int:
        counters = self.server.counters
        if isinstance(count, TvsCount):
            return count_of(counters, count)
        return counters[count]

    @property
    def refusals(self) -> dict[str, int]:
        return {k: n for k, n in self.server.counters.refusals.items() if n}

    @property
    def lines(self) -> list[str]:
        return [str(entry["event"]) for entry in self.log.entries]


def capturing_log(
    level: LogLevel,
) -> tuple[structlog.typing.FilteringBoundLogger, LogCapture]:
    capture = LogCapture()
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        None,
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return logger, capture


@asynccontextmanager
async def running(
    settings: TvsSettings,
    entries: Sequence[CachedCertificate] = (PUBLISHER,),
    *,
    caches: Caches | None = None,
    level: LogLevel = LogLevel.INFO,
) -> AsyncIterator[Rig]:
    """Run a daemon for the time of a test; a test that hangs is ended."""
    if caches is None:
        caches = Caches()
        caches.db.replace(entries)
    log, capture = capturing_log(level)
    server = TvsServer(caches, settings, log=log)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:

            async def serve(*, task_status: trio.TaskStatus[Address]) -> None:
                await server.serve(task_status=task_status)

            address = await nursery.start(serve)
            yield Rig(server, address, capture)
            nursery.cancel_scope.cancel()


def client_context(
    version: ssl.TLSVersion | None = None, *, ciphers: str = "DEFAULT:@SECLEVEL=0"
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    return context


class Phone:
    """An honest client on one connection."""

    def __init__(self, tls: trio.SSLStream[trio.SocketStream]) -> None:
        self.tls = tls
        self.stream = ClientStream()

    async def ask(self, request: Request) -> Answer:
        await self.tls.send_all(self.stream.send(request))
        return await self.answer()

    async def answer(self) -> Answer:
        while (answer := self.stream.next_event()) is None:
            data = await self.tls.receive_some()
            assert data, "the server closed the connection"
            self.stream.receive(bytes(data))
        return answer


async def _connect(address: Address, receive_buffer: int | None) -> trio.SocketStream:
    if receive_buffer is None:
        return await trio.open_tcp_stream(*address)
    sock = trio.socket.socket()
    # Before connecting: the window is agreed upon then.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await sock.connect(address)
    return trio.SocketStream(sock)


@asynccontextmanager
async def phone(
    address: Address,
    context: ssl.SSLContext | None = None,
    *,
    receive_buffer: int | None = None,
) -> AsyncIterator[Phone]:
    """Connect an honest client, handshake included."""
    tcp = await _connect(address, receive_buffer)
    tls = trio.SSLStream(tcp, context or client_context(), https_compatible=True)
    try:
        await tls.do_handshake()
        yield Phone(tls)
    finally:
        await trio.aclose_forcefully(tls)


async def ask(
    address: Address, request: Request, context: ssl.SSLContext | None = None
) -> Answer:
    async with phone(address, context) as client:
        return await client.ask(request)


async def read_to_end(stream: trio.abc.ReceiveStream) -> bytes:
    """Read until the other side closes; a reset is a failure of the test."""
    received = b""
    while data := await stream.receive_some(65536):
        received += data
    return received
