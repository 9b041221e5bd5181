"""The loop in a process of the worker pool.

It was forked by the pool with the TLS contexts that all workers share, so a client may
resume its session with any of them. It ends when the pool does.
"""

import importlib
import socket
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import trio

from tokenless.services.limited_log import LimitedLog
from tokenless.services.logs import get_logger
from tokenless.services.stream_server.counters import (
    FIRST_GUEST_CELL,
    StreamCount,
    StreamCounters,
)
from tokenless.services.stream_server.guest import (
    Guest,
    GuestMaker,
    GuestTools,
    WorkerGuest,
)
from tokenless.services.stream_server.loop.accepting import Listener
from tokenless.services.stream_server.loop.driver import drive
from tokenless.services.stream_server.loop.loop import StreamLoop
from tokenless.services.stream_server.settings import (
    StreamLimits,
    StreamSettings,
    within_descriptors,
)
from tokenless.services.stream_server.tls_contexts import PortContexts, load_contexts
from tokenless.services.workers.frames import (
    Drain,
    FrameStream,
    Ready,
    State,
    pack_frame,
)

_LOOK_EVERY_S: Final = 0.5
_READ_BYTES: Final = 65_536


class StreamSetup(msgspec.Struct, frozen=True):
    """Messages of the daemon to the job."""

    settings: StreamSettings
    guest: str
    """`package.module:name` of what makes the guest."""
    guest_cells: int
    """The number of its counters."""
    counters: int
    """The descriptor of the shared memory that all count in."""

    def pack(self) -> bytes:
        """Return it as bytes for the pool."""
        return msgspec.msgpack.encode(self, enc_hook=_encode_other)

    @classmethod
    def unpack(cls, data: bytes) -> "StreamSetup":
        """Return the packed value."""
        return msgspec.msgpack.decode(data, type=cls, dec_hook=_decode_other)


class StreamJob:
    """A stream server's workers, for the pool (see `workers.pool.Job`)."""

    def __init__(
        self, settings: bytes, descriptors: tuple[tuple[int, ...], ...]
    ) -> None:
        setup = StreamSetup.unpack(settings)
        self._settings = setup.settings
        self._guest = setup.guest
        self._listeners = [_inherited(each) for each in descriptors]
        self._contexts = load_contexts(self._settings)
        self._counters = StreamCounters(
            setup.guest_cells, self._settings.workers, descriptor=setup.counters
        )
        self.workers = self._settings.workers
        self.rows = self._counters.rows

    def take_settings(self, settings: bytes) -> None:
        """Fork workers with these from now on."""
        changed = StreamSetup.unpack(settings).settings
        # Loaded here, before the next fork: all workers then share the keys of session
        # tickets, and a file that cannot be read is noticed once.
        self._contexts = load_contexts(changed)
        self._settings = changed

    def work(self, slot: int, row: int, channel: socket.socket) -> None:
        """Serve until the pool is gone or, after a Drain, the last client is."""
        # The kernel spreads clients over all open sockets of a port (SO_REUSEPORT). A
        # copy that nobody accepts from would leave its clients without an answer.
        for other, listeners in enumerate(self._listeners):
            if other != slot:
                for listener in listeners:
                    listener.socket.close()
        cells = self._counters.row(row)
        log = get_logger(node=self._settings.node)
        guest, loop = make_loop(
            self._settings,
            self._listeners[slot],
            self._contexts,
            _find_maker(self._guest),
            cells,
            log,
        )
        if not isinstance(guest, WorkerGuest):
            raise TypeError(f"{self._guest} does not make a guest for workers")
        trio.run(_Worker(guest, loop).run, channel)

    def settle(self, row: int) -> None:
        """Count no connections of a worker that has ended."""
        self._counters.row(row)[StreamCount.CONNECTIONS_OPEN] = 0


def make_loop(  # noqa: PLR0917 (both ways to run a loop end here)
    settings: StreamSettings,
    listeners: list[Listener],
    contexts: tuple[PortContexts, ...],
    make_guest: GuestMaker,
    cells: memoryview,
    log: structlog.typing.FilteringBoundLogger,
) -> tuple[Guest, StreamLoop]:
    """Return a guest and the loop that serves it in this process."""
    limits: StreamLimits = within_descriptors(settings.limits)
    limited = LimitedLog(
        log,
        limits.log_lines_per_s,
        summary=f"{settings.name}, not listed one by one",
    )
    guest = make_guest(GuestTools(cells[FIRST_GUEST_CELL:], limited, limits))
    loop = StreamLoop(
        listeners,
        contexts,
        guest,
        name=settings.name,
        limits=limits,
        cells=cells,
        log=limited,
    )
    return guest, loop


class _Worker:
    def __init__(self, guest: WorkerGuest, loop: StreamLoop) -> None:
        self._guest = guest
        self._loop = loop
        self._has_state = trio.Event()

    async def run(self, channel: socket.socket) -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(channel))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, stream)
            await self._listen_to_pool(stream, nursery)
            nursery.cancel_scope.cancel()
        self._loop.close()

    async def _serve(self, stream: trio.SocketStream) -> None:
        # Nobody is answered without a state: TVS would say "not trusted".
        await self._has_state.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drive, self._loop)
            await stream.send_all(pack_frame(Ready()))

    async def _listen_to_pool(
        self, stream: trio.SocketStream, nursery: trio.Nursery
    ) -> None:
        """Do what the pool says until it is gone."""
        frames = FrameStream()
        while data := await stream.receive_some(_READ_BYTES):
            for frame in frames.receive(bytes(data)):
                match frame:
                    case State():
                        self._guest.take_state(frame.data)
                        self._has_state.set()
                    case Drain():
                        self._loop.stop_accepting()
                        nursery.start_soon(self._end_with_last_client, nursery)
                    case _:
                        raise TypeError(f"a worker is not told {type(frame).__name__}")

    async def _end_with_last_client(self, nursery: trio.Nursery) -> None:
        """End when no client is connected; idle clients time out."""
        while self._loop.open_connections:  # noqa: ASYNC110 - the loop rings no bell
            await trio.sleep(_LOOK_EVERY_S)
        nursery.cancel_scope.cancel()


def _inherited(descriptors: tuple[int, ...]) -> list[Listener]:
    return [
        Listener(socket.socket(fileno=fd), port) for port, fd in enumerate(descriptors)
    ]


def _find_maker(name: str) -> GuestMaker:
    module, _, attribute = name.partition(":")
    maker: GuestMaker = getattr(importlib.import_module(module), attribute)
    return maker


def _encode_other(value: Any) -> str:  # noqa: ANN401 - msgspec's signature
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _decode_other(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's signature
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError
