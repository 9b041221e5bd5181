"""The server under trio: binding, serving, draining, workers, what warns."""

import io
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import structlog
import trio
import trio.testing

from tests.rigs.tftp_rig import BOTH, Where, fetch, keeping
from tests.rigs.waiting import is_alive, until
from tokenless.protocol.tftp_download import Wishes
from tokenless.protocol.tftp_transfer import Outcome
from tokenless.services.errors import ServiceError
from tokenless.services.logs import configure_logs, get_logger
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets import open_listener, warn_of_small_buffer
from tokenless.services.tftp.source import MemoryFiles

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


WORKERS = pytest.mark.parametrize("workers", [1, 2])


@WORKERS
@BOTH
async def test_many_phones_at_once(workers: int, ports: Ports) -> None:
    async with serving(TftpSettings(workers=workers, ports=ports)) as (server, where):
        got: list[bytes] = []

        async def one(wishes: Wishes) -> None:
            got.append(await fetch(where, wishes=wishes))

        async with trio.open_nursery() as nursery:
            for number in range(60):
                window = None if number % 2 else 1 + number % 5
                nursery.start_soon(one, Wishes(block_size=400, window=window))
        assert got == [CONTENT] * 60
        assert server.counters[Count.STARTED] >= 60  # a busy machine repeats requests
        await server.drain(timeout_s=20)
        assert server.counters.ended(Outcome.COMPLETE) == 60


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


async def test_workers_do_not_share_their_port_with_strangers() -> None:
    """Each would get some of the phones' requests, and answer from other files."""
    async with serving(TftpSettings(workers=2)) as (_, (address, port)):
        for workers in (1, 2):
            settings = TftpSettings(workers=workers)
            other = TftpServer(FILES, address=address, port=port, settings=settings)
            with pytest.raises(ServiceError, match=f"port {port}: Address already"):
                await other.bind()


async def test_a_server_that_gets_some_of_its_sockets_gives_them_back() -> None:
    settings = TftpSettings(workers=2)
    server = TftpServer(FILES, address="127.0.0.1", port=0, settings=settings)
    with one_descriptor_left():
        with pytest.raises(ServiceError, match="Too many open files") as info:
            await server.bind()
        assert "ulimit" in info.value.explain()
        os.close(os.dup(0))


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


@WORKERS
@BOTH
async def test_a_new_source_serves_from_then_on(workers: int, ports: Ports) -> None:
    async with serving(TftpSettings(workers=workers, ports=ports)) as (server, where):
        assert await fetch(where) == CONTENT
        server.source = MemoryFiles({"CTLFile.tlv": b"new"})
        assert await fetch(where, wishes=Wishes(retransmits=10)) == b"new"


@WORKERS
async def test_draining_takes_no_requests_and_ends_transfers(workers: int) -> None:
    async with serving(TftpSettings(workers=workers)) as (server, where):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.connect(where)
            client.send(b"\0\1empty\0octet\0")
            client.connect(("127.0.0.1", 9))  # hears the transfer's port no more
            await until(lambda: server.counters[Count.STARTED] > 0)
            await server.drain(timeout_s=20)
        assert server.counters.under_way == 0
        assert server.counters.ended(Outcome.NO_ANSWER) == 1
        before = server.counters[Count.STARTED]
        with trio.move_on_after(0.3):
            await fetch(where)
        assert server.counters[Count.STARTED] == before


async def _children() -> list[int]:
    path = trio.Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return [int(pid) for pid in (await path.read_text()).split()]


async def test_killed_workers_are_replaced() -> None:
    before = set(await _children())
    async with serving(TftpSettings(workers=2)) as (server, where):
        ours = set(await _children()) - before
        assert len(ours) == 2
        os.kill(ours.pop(), signal.SIGKILL)
        with trio.fail_after(20):
            while server.counters[Count.STARTED] < 20:
                assert await fetch(where, wishes=Wishes(retransmits=20)) == CONTENT
    assert set(await _children()) <= before


class _SlowStream(io.StringIO):
    """A log whose writing takes a thread until the first worker is being forked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_written = threading.Event()
        self.is_forked = threading.Event()

    def write(self, text: str) -> int:
        if threading.current_thread() is not threading.main_thread():
            self.is_written.set()
            self.is_forked.wait(20)
            time.sleep(0.2)  # the fork begins, and finds us here
        return super().write(text)


@pytest.fixture
def thread_in_the_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a thread write a line of the log while the first worker is forked."""
    log = _SlowStream()
    fork = os.fork

    def announced_fork() -> int:
        log.is_forked.set()
        return fork()

    monkeypatch.setattr(os, "fork", announced_fork)
    configure_logs(to=log)
    thread = threading.Thread(target=get_logger().info, args=("from a thread",))
    thread.start()
    assert log.is_written.wait(20)
    yield
    log.is_forked.set()
    thread.join()
    structlog.reset_defaults()


# Newer Pythons warn of what is tried here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.usefixtures("thread_in_the_log")
async def test_workers_log_though_a_thread_logged_when_they_were_forked() -> None:
    settings = TftpSettings(workers=2)
    async with serving(settings, get_logger()) as (server, where):
        with trio.fail_after(20):
            for _ in range(20):
                assert await fetch(where) == CONTENT
        await until(lambda: server.counters.ended(Outcome.COMPLETE) >= 20)


async def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """Even when the parent is killed and can tell them nothing."""
    pids = tmp_path / "pids"
    parent = os.fork()
    if parent == 0:
        try:
            _serve_and_tell_children(pids)
        finally:
            os._exit(1)
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    os.kill(parent, signal.SIGKILL)
    await until(lambda: os.waitpid(parent, os.WNOHANG)[0] == parent)
    for pid in pids.read_text().split():
        await until(lambda pid=int(pid): not is_alive(pid))  # type: ignore[misc]


def _serve_and_tell_children(pids: Path) -> None:
    from tokenless.services.tftp.workers import Workers  # noqa: PLC0415 (in the child only)

    server = TftpServer(
        FILES,
        address="127.0.0.1",
        port=0,
        settings=TftpSettings(workers=2),
        logger=SILENT,
    )
    server._open_listeners()
    workers = Workers(server._listeners, server._settings, server.counters, SILENT)
    workers.replace_source(FILES)
    pids.write_text(" ".join(str(worker.pid) for worker in workers._current))
    signal.pause()


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


@WORKERS
async def test_the_limit_of_descriptors_is_raised(workers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        async with serving(TftpSettings(workers=workers)):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
