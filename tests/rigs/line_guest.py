"""A small guest of the stream server that does all that a guest may: lines of text.

echo TEXT    is answered with TEXT        name NAME   can be pushed to from now on
file         the whole file               timer SECONDS   "time" after so long
shown        how many certificates        bye         closes
fail         raises
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import trio

from tests.rigs.tvs_rig import capturing_log, own_certificate
from tokenless.protocol.errors import ProtocolError
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.counters import StreamCounters
from tokenless.services.stream_server.guest import Guest, GuestTools, Session
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import (
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

LONGEST_LINE = 1000


class LineSession(Session):
    def __init__(self, connection: Connection, guest: "LineGuest") -> None:
        super().__init__(connection)
        self.guest = guest
        self.buffer = b""
        self.name = ""
        self.offset = 0
        self.has_more = False

    def begin(self) -> None:
        if self.guest.speaks_first:
            self.connection.send(b"hello\n")

    def receive(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > LONGEST_LINE and b"\n" not in self.buffer:
            raise ProtocolError("a line without end")

    @property
    def is_between_requests(self) -> bool:
        return not self.buffer and not self.is_sending

    @property
    def is_kept(self) -> bool:
        return bool(self.name)

    @property
    def is_sending(self) -> bool:
        return self.has_more

    def answer(self) -> int:
        done = self.send_more() if self.is_sending else 0
        while (
            not (self.connection.is_stuck or self.is_sending) and b"\n" in self.buffer
        ):
            line, _, self.buffer = self.buffer.partition(b"\n")
            self.obey(*line.decode().partition(" ")[::2])
            done += 1
        return done

    def obey(self, verb: str, rest: str) -> None:
        match verb:
            case "echo":
                self.connection.send(rest.encode() + b"\n")
            case "file":
                self.offset, self.has_more = 0, True
                self.send_more()
            case "shown":
                count = len(self.connection.peer_chain)
                self.connection.send(f"{count}\n".encode())
            case "name":
                self.name = rest
                self.guest.named[rest] = self
            case "timer":
                self.connection.set_timer(float(rest))
            case "bye":
                self.connection.send(b"bye\n")
                self.connection.close()
            case "fail":
                raise RuntimeError("as asked")
            case _:
                raise ProtocolError("no such verb")

    def send_more(self) -> int:
        file, sent = self.guest.file, 0
        assert file is not None
        while self.is_sending and self.connection.may_send:
            taken = self.connection.send_file(file, self.offset, 1 << 30)
            self.offset += taken or 0
            sent += 1
            self.has_more = taken is not None
        return sent

    def on_timer(self) -> None:
        self.connection.push(b"time\n")

    def end(self) -> None:
        self.guest.named.pop(self.name, None)
        self.guest.ended += 1


class LineGuest(Guest):
    def __init__(self, *, speaks_first: bool, file: Path | None) -> None:
        self.speaks_first = speaks_first
        self.file: BinaryIO | None = None if file is None else file.open("rb")
        self.named: dict[str, LineSession] = {}
        self.ended = 0

    def open_session(self, connection: Connection) -> Session:
        return LineSession(connection, self)


@dataclass(frozen=True)
class LineServer:
    """A running server of lines."""

    server: StreamServer
    guest: LineGuest
    address: tuple[str, int]

    @property
    def counters(self) -> StreamCounters:
        return self.server.counters

    @property
    def refusals(self) -> dict[str, int]:
        return {k: n for k, n in self.counters.refusals.items() if n}


@asynccontextmanager
async def serving_lines(
    folder: Path,
    *,
    tls: bool = True,
    limits: StreamLimits | None = None,
    speaks_first: bool = False,
    file: Path | None = None,
    **changes: object,
) -> AsyncIterator[LineServer]:
    """Serve lines for the time of a test; a test that hangs is ended."""
    port = Port("127.0.0.1", 0, None)
    if tls:
        settings = TlsSettings((own_certificate(folder),))
        port = replace(port, tls=replace(settings, **changes))  # type: ignore[arg-type]
    made: list[LineGuest] = []

    def make_guest(tools: GuestTools) -> Guest:  # noqa: ARG001
        made.append(LineGuest(speaks_first=speaks_first, file=file))
        return made[0]

    log, _ = capturing_log(LogLevel.INFO)
    server = StreamServer(
        StreamSettings("LINES", (port,), limits or StreamLimits()), make_guest, log=log
    )
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            (address,) = await nursery.start(server.serve)
            yield LineServer(server, made[0], address)
            nursery.cancel_scope.cancel()
    if made[0].file is not None:
        made[0].file.close()
