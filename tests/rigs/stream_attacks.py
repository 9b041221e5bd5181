"""Attacks that every guest of the stream server has to bear, and its honest clients.

A guest takes part with a line in `VICTIMS`: how it is run, what an honest client does,
and how its requests begin. `tests/services/stream_server/test_attacks.py` does all
that is left.
"""

import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import trio

from tests.rigs.callmanager_victims import CALLMANAGER_VICTIMS
from tests.rigs.line_guest import serving_lines
from tests.rigs.node_rig import FREE_PORTS, LAB
from tests.rigs.stream_target import Target, Victim, connected, plain_connection
from tests.rigs.tvs_rig import (
    PUBLISHER,
    ask,
    client_context,
    own_certificate,
    query_for,
    running,
    settings_for,
)
from tokenless.protocol.capf.elements import CapfReason, CapfTag
from tokenless.protocol.capf.messages import Command, capf_message
from tokenless.protocol.certificates.minting import Issuer
from tokenless.protocol.codes import TrustStore
from tokenless.services.capf.database_jobs import Authority
from tokenless.services.capf.server import CapfServer, CapfSettings
from tokenless.services.changes import certificates
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.stream_server.settings import OwnCertificate, StreamLimits
from tokenless.services.tftp.files.source import MemoryFiles

MANY = 300
_CAPF_GREETING = 16
"""AUTH_REQUEST: a header and two elements of one byte."""


async def hold(
    target: Target, count: int, first: bytes = b""
) -> list[trio.SocketStream]:
    """Open many connections that send these bytes and fall silent."""
    streams = [await plain_connection(target.address) for _ in range(count)]
    for stream in streams:
        if first:
            await stream.send_all(first)
    return streams


async def let_go(streams: list[trio.SocketStream]) -> None:
    for stream in streams:
        await trio.aclose_forcefully(stream)


def reset(stream: trio.SocketStream) -> None:
    """Close with a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@asynccontextmanager
async def tvs_victim(folder: Path, limits: StreamLimits) -> AsyncIterator[Target]:
    async with running(settings_for(folder, limits=limits)) as rig:

        async def exchange() -> None:
            assert (await ask(rig.address, query_for(PUBLISHER))).is_trusted

        yield Target(
            rig.address,
            rig.server.counters,
            is_tls=True,
            half_request=query_for(PUBLISHER).encode()[:40],
            oversized=b"\x57\x01\x02" + bytes(65_545),
            exchange=exchange,
        )


@asynccontextmanager
async def line_victim(
    folder: Path, limits: StreamLimits, *, tls: bool
) -> AsyncIterator[Target]:
    async with serving_lines(folder, tls=tls, limits=limits) as served:

        async def exchange() -> None:
            async with connected(served.address, tls=tls, source="127.0.0.1") as stream:
                await stream.send_all(b"echo once\necho twice\n")
                answer = b""
                while len(answer) < len(b"once\ntwice\n"):
                    answer += await stream.receive_some(1000)
                assert answer == b"once\ntwice\n"

        yield Target(
            served.address,
            served.counters,
            is_tls=tls,
            half_request=b"echo on",
            oversized=b"e" * 5000,
            exchange=exchange,
        )


@asynccontextmanager
async def http_victim(
    folder: Path, limits: StreamLimits, *, tls: bool
) -> AsyncIterator[Target]:
    settings = HttpSettings(
        (own_certificate(folder),), port=0, tls_port=0, limits=limits
    )
    content = b"<device/>" * 1000
    server = HttpServer(MemoryFiles({"SEP001122334455.cnf.xml": content}), settings)
    request = b"GET /SEP001122334455.cnf.xml HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        address = server.addresses["https" if tls else "http"]

        async def exchange() -> None:
            async with connected(address, tls=tls, source="127.0.0.1") as stream:
                await stream.send_all(request + b"Connection: close\r\n\r\n")
                answer = b""
                while data := await stream.receive_some(65_536):
                    answer += data
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
                assert answer.endswith(b"\r\n\r\n" + content)

        yield Target(
            address,
            server.counters,
            is_tls=tls,
            half_request=request[:40],
            oversized=b"GET /" + b"a" * 9000,
            exchange=exchange,
            answer_to_oversized=b"HTTP/1.1 431 ",
        )
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def capf_victim(folder: Path, limits: StreamLimits) -> AsyncIterator[Target]:
    with closing(Cluster.open(folder / "data", load_config(LAB, FREE_PORTS))) as lab:
        node = lab.publisher
        own = certificates.own_certificate(lab, node, TrustStore.CAPF)
        key = OwnCertificate(own.der, node.keys.path(TrustStore.CAPF, own))
        issuer = Issuer(own.subject, node.keys.load(TrustStore.CAPF, own))
        settings = CapfSettings(
            key,
            Authority(own, issuer, 365, lab.release),
            "127.0.0.1",
            0,
            limits=limits,
        )
        server = CapfServer(lab, settings, lambda _: None)
        async with trio.open_nursery() as nursery:
            address = await nursery.start(server.serve)
            answer = capf_message(
                Command.AUTH_RESPONSE,
                1,
                {
                    CapfTag.REASON: CapfReason.OK,
                    CapfTag.VERSION: 3,
                    CapfTag.DEVICE_NAME: b"nobody\0",
                },
            ).encode()

            async def exchange() -> None:
                async with connected(address, tls=True, source="127.0.0.1") as stream:
                    asked = await stream.receive_some(_CAPF_GREETING)
                    await stream.send_all(answer[:2] + asked[2:6] + answer[6:])
                    ended = await stream.receive_some(100)
                    assert ended[1] == Command.END_SESSION

            yield Target(
                address,
                server.counters,
                is_tls=True,
                half_request=answer[:6],
                oversized=b"\x55\x02" + bytes(4) + b"\xff\xff" + bytes(65_535),
                exchange=exchange,
                greeting=_CAPF_GREETING,
            )
            nursery.cancel_scope.cancel()


VICTIMS: dict[str, Victim] = {
    "capf": capf_victim,
    "lines-tls": lambda folder, limits: line_victim(folder, limits, tls=True),
    "lines-clear": lambda folder, limits: line_victim(folder, limits, tls=False),
    "tvs": tvs_victim,
    "http": lambda folder, limits: http_victim(folder, limits, tls=False),
    "https": lambda folder, limits: http_victim(folder, limits, tls=True),
    **CALLMANAGER_VICTIMS,
}
CLEAR = frozenset({"lines-clear", "http", "sccp", "sip"})
"""Those that speak no TLS: attacks on handshakes do not concern them."""
