"""The server under trio: binding, serving, draining, what warns."""

import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import structlog
import trio
import trio.testing

from tests.rigs.tftp_rig import BOTH, Where, fetch, keeping
from tests.rigs.waiting import until
from tokenless.protocol.tftp.download import DownloadOptions
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.services.errors import ServiceError
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets.listener import open_listener, warn_of_small_buffer

CONTENT = b"list" * 1000
FILES = MemoryFiles({"CTLFile.tlv": CONTENT, "empty": b""})
SILENT = keeping([])


@asynccontextmanager
async def serving(
    settings: TftpSettings | None = None,
    logger: structlog.typing.FilteringBoundLogger = SILENT,
) -> AsyncIterator[tuple[TftpServer, Where]]:
    server = TftpServer(
        FILES, address="127.0.0.1", port=0, settings=settings, logger=logger
    )
    async with trio.open_nursery() as nursery:
        where = await nursery.start(server.serve)
        yield server, where
        nursery.cancel_scope.cancel()


@BOTH
async def test_many_phones_at_once(ports: Ports) -> None:
    async with serving(TftpSettings(ports=ports)) as (server, where):
        got: list[bytes] = []

        async def one(download_options: DownloadOptions) -> None:
            got.append(await fetch(where, download_options=download_options))

        async with trio.open_nursery() as nursery:
            for number in range(60):
                window = None if number % 2 else 1 + number % 5
                nursery.start_soon(one, DownloadOptions(block_size=400, window=window))
        assert got == [CONTENT] * 60
        assert server.counters[Count.STARTED] >= 60  # a busy machine repeats requests
        await server.drain(timeout_s=20)
        assert server.counters.ended(TransferOutcome.COMPLETE) == 60


async def test_requests_wait_between_bind_and_serve() -> None:
    server = TftpServer(FILES, address="127.0.0.1", port=0, logger=SILENT)
    where = await server.bind()
    assert await server.bind() == where
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fetch, where)
        await trio.testing.wait_all_tasks_blocked()
        assert await nursery.start(server.serve) == where
        assert await fetch(where, "empty") == b""
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:
        assert (await nursery.start(server.serve))[1] > 0
        nursery.cancel_scope.cancel()


async def test_a_bound_server_can_be_closed_without_serving() -> None:
    server = TftpServer(FILES, address="127.0.0.1", port=0, logger=SILENT)
    host, port = await server.bind()
    server.close()
    server.close()
    again = TftpServer(FILES, address=host, port=port, logger=SILENT)
    assert await again.bind() == (host, port)
    again.close()


@contextmanager
def one_descriptor_left() -> Iterator[None]:
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    filling = [os.dup(0)]
    while filling[-1] < highest:
        filling.append(os.dup(0))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (filling[-1] + 2, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in filling:
            os.close(descriptor)


async def test_a_port_in_use_says_so() -> None:
    async with serving() as (_, (host, port)):
        other = TftpServer(FILES, address=host, port=port, logger=SILENT)
        with pytest.raises(ServiceError, match=f"port {port}: Address already") as info:
            await other.bind()
        assert info.value.hint is not None


async def test_a_foreign_address_says_so() -> None:
    server = TftpServer(FILES, address="192.0.2.77", port=0, logger=SILENT)
    with pytest.raises(ServiceError, match=r"192\.0\.2\.77"):
        await server.bind()


@BOTH
async def test_a_new_source_serves_from_then_on(ports: Ports) -> None:
    async with serving(TftpSettings(ports=ports)) as (server, where):
        assert await fetch(where) == CONTENT
        server.source = MemoryFiles({"CTLFile.tlv": b"new"})
        assert (
            await fetch(where, download_options=DownloadOptions(retransmits=10))
            == b"new"
        )


async def test_draining_takes_no_requests_and_ends_transfers() -> None:
    async with serving() as (server, where):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.connect(where)
            client.send(b"\0\1empty\0octet\0")
            client.connect(("127.0.0.1", 9))  # hears the transfer's port no more
            await until(lambda: server.counters[Count.STARTED] > 0)
            await server.drain(timeout_s=20)
        assert server.counters.under_way == 0
        assert server.counters.ended(TransferOutcome.NO_ANSWER) == 1
        before = server.counters[Count.STARTED]
        with trio.move_on_after(0.3):
            await fetch(where)
        assert server.counters[Count.STARTED] == before


def test_a_small_receive_buffer_is_reported() -> None:
    listener = open_listener("127.0.0.1", 0, 1 << 16)
    said: list[str] = []
    warn_of_small_buffer(listener, 1 << 16, lambda text, **_: said.append(text))
    assert not said
    warn_of_small_buffer(listener, 1 << 24, lambda text, **_: said.append(text))
    listener.close()
    assert "net.core.rmem_max=16777216" in said[0]
    assert "ReceiveBuffer=16777216" in said[0]


def test_the_receive_buffer_is_as_large_as_allowed() -> None:
    wanted = TftpSettings().receive_buffer_bytes
    listener = open_listener("127.0.0.1", 0, wanted)
    got = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    listener.close()
    allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
    assert got >= min(wanted, allowed)


async def test_the_limit_of_descriptors_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        async with serving():
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
