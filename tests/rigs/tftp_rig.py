"""A TFTP engine on a loopback socket, turned by hand: time is what a test says."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
import trio
from msgspec.structs import replace

from tokenless.protocol.tftp.download import Download, DownloadOptions
from tokenless.protocol.tftp.packets import encode_ack
from tokenless.services.tftp.counters import TftpCounters
from tokenless.services.tftp.engine import Engine
from tokenless.services.tftp.files.source import FileSource, MemoryFiles
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets.listener import Listener, open_listener

BLOCK = b"x" * 512
BOTH = pytest.mark.parametrize("ports", list(Ports))
FILES = {"small": b"list", "large": BLOCK * 9 + b"end", "text": b"a\nb"}
Where = tuple[str, int]


class Client:
    """A client's socket; datagrams on loopback arrive at once, so none waits."""

    def __init__(self, server: Where, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind((host, 0))
        self.server = server

    def send(self, data: bytes, to: Where | None = None) -> None:
        self.socket.sendto(data, to or self.server)

    def ask(self, name: str, *options: str, mode: str = "octet") -> None:
        words = "\0".join((name, mode, *options))
        self.send(b"\0\1" + words.encode() + b"\0")

    def received(self) -> list[tuple[bytes, Where]]:
        found: list[tuple[bytes, Where]] = []
        while True:
            try:
                data, source = self.socket.recvfrom(70_000)
            except BlockingIOError:
                return found
            found.append((data, source[:2]))

    def one(self) -> tuple[bytes, Where]:
        (only,) = self.received()
        return only


@dataclass
class Rig:
    """An engine with its address, its clients and its log."""

    engine: Engine
    counters: TftpCounters
    address: Where
    log: list[dict[str, object]]
    now: float = 0.0
    clients: list[Client] = field(default_factory=list)

    def client(self, host: str | None = None) -> Client:
        client = Client(self.address, host or self.address[0])
        self.clients.append(client)
        return client

    def turn(self) -> None:
        """Let everything happen that can happen without waiting."""
        while self.engine.turn(self.now):
            pass

    def wait(self, seconds: float) -> None:
        """Let time pass, in small steps as time-outs need them."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, max(self.engine.next_at, self.now + 0.01))
            self.engine.expire(self.now)
            self.turn()

    def ask(
        self, client: Client, name: str, *options: str, mode: str = "octet"
    ) -> tuple[bytes, Where]:
        """Ask for a file; return the first answer and where it came from."""
        client.ask(name, *options, mode=mode)
        self.turn()
        return client.one()

    def begin(self, client: Client, name: str) -> Where:
        """Ask for a file and take its first block; return where to ask for more."""
        _, source = self.ask(client, name)
        client.send(encode_ack(1), source)
        self.turn()
        return source

    def fetch(self, client: Client, name: str, *options: str) -> bytes:
        """Fetch a file without options or losses."""
        client.ask(name, *options)
        content = b""
        while True:
            self.turn()
            data, source = client.one()
            assert data[:2] == b"\0\3", data
            content += data[4:]
            client.send(b"\0\4" + data[2:4], source)
            if len(data) < 516:
                self.turn()
                return content


@contextmanager
def rig(
    settings: TftpSettings | None = None,
    source: FileSource | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Rig]:
    settings = settings or TftpSettings()
    listener = Listener(open_listener(address, 0, 1 << 20))
    counters = TftpCounters()
    log: list[dict[str, object]] = []
    files = MemoryFiles(dict(FILES)) if source is None else source
    engine = Engine(listener, files, settings, counters, keeping(log))
    made = Rig(engine, counters, (listener.address, listener.port), log)
    try:
        yield made
    finally:
        engine.close(made.now)
        listener.socket.close()
        for client in made.clients:
            client.socket.close()


async def fetch(
    where: Where,
    name: str = "CTLFile.tlv",
    download_options: DownloadOptions | None = None,
) -> bytes:
    """Fetch a file from a server that runs, as the emulated phone does."""
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
        download = Download(name, where[0], trio.current_time(), download_options)
        while not download.is_over:
            for data, port in download.datagrams():
                await client.sendto(data, (where[0], port or where[1]))
            with trio.move_on_at(download.deadline):
                data, source = await client.recvfrom(70_000)
                download.receive(data, source, trio.current_time())
            download.tick(trio.current_time())
        for data, port in download.datagrams():
            await client.sendto(data, (where[0], port or where[1]))
        return download.result()


def keeping(log: list[dict[str, object]]) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that keeps its lines in a list and writes nothing."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        None,
        processors=[_Keep(log)],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger


def settings(ports: Ports, **values: object) -> TftpSettings:
    return replace(TftpSettings(ports=ports), **values)


def single() -> TftpSettings:
    return TftpSettings(ports=Ports.SINGLE)


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Let nothing be opened meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken:
            os.close(descriptor)


class _Keep:
    """A processor that keeps what is logged and writes nothing."""

    def __init__(self, log: list[dict[str, object]]) -> None:
        self._log = log

    def __call__(
        self, _logger: object, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        self._log.append({"level": method, **event})
        raise structlog.DropEvent
