"""One worker process of the TVS daemon: the loop, and a line to the pool.

It was forked by the pool with its listeners and the TLS contexts that all workers share
(so a client may resume its session with any of them). It ends when the pool does.
"""

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.counters import TvsCounters
from tokenless.services.tvs.descriptors import within_descriptors
from tokenless.services.tvs.driver import drive
from tokenless.services.tvs.frames import (
    Count,
    Drain,
    Fill,
    FrameStream,
    Ready,
    copy_counters,
    fill_into,
    pack_frame,
)
from tokenless.services.tvs.listeners import Listeners
from tokenless.services.tvs.loop import TvsLoop
from tokenless.services.tvs.responder import Responder
from tokenless.services.tvs.settings import TvsLimits
from tokenless.services.tvs.tls import TlsContexts

_REPORT_EVERY_S: Final = 0.5
_READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is forked with."""

    channel: socket.socket
    listeners: Listeners
    contexts: TlsContexts
    limits: TvsLimits
    log: structlog.typing.FilteringBoundLogger


def run_worker(plan: WorkerPlan) -> None:
    """Serve until the pool is gone or, after a Drain, the last client is."""
    trio.run(_Worker(plan).run)


class _Worker:
    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        self._caches = Caches()
        self._counters = TvsCounters()
        self._frames = FrameStream()
        self._is_filled = trio.Event()
        self._loop = TvsLoop(
            plan.listeners,
            plan.contexts,
            Responder(self._caches, self._counters, plan.log),
            limits=within_descriptors(plan.limits),
            counters=self._counters,
            log=plan.log,
        )

    async def run(self) -> None:
        channel = trio.SocketStream(trio.socket.from_stdlib_socket(self._plan.channel))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, channel)
            await self._listen_to_pool(channel, nursery)
            nursery.cancel_scope.cancel()
        self._loop.close()

    async def _serve(self, channel: trio.SocketStream) -> None:
        # Nobody is answered from an empty cache: that would say "not trusted".
        await self._is_filled.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drive, self._loop)
            await channel.send_all(pack_frame(Ready()))
            while True:
                await self._report(channel)
                await trio.sleep(_REPORT_EVERY_S)

    async def _report(self, channel: trio.SocketStream) -> None:
        frame = Count(os.getpid(), copy_counters(self._counters))
        # A pool that is gone is noticed by whoever reads from it.
        with contextlib.suppress(trio.BrokenResourceError):
            await channel.send_all(pack_frame(frame))

    async def _listen_to_pool(
        self, channel: trio.SocketStream, nursery: trio.Nursery
    ) -> None:
        """Do what the pool says until it is gone."""
        while data := await channel.receive_some(_READ_BYTES):
            for frame in self._frames.receive(data):
                match frame:
                    case Fill():
                        fill_into(self._caches, frame)
                        self._is_filled.set()
                    case Drain():
                        self._loop.stop_accepting()
                        nursery.start_soon(self._end_with_last_client, channel, nursery)
                    case _:
                        msg = f"a worker is not told {type(frame).__name__}"
                        raise TypeError(msg)

    async def _end_with_last_client(
        self, channel: trio.SocketStream, nursery: trio.Nursery
    ) -> None:
        """End once nobody is connected; idle clients time out by themselves."""
        while self._loop.open_connections:  # noqa: ASYNC110 - the loop rings no bell
            await trio.sleep(_REPORT_EVERY_S)
        await self._report(channel)
        nursery.cancel_scope.cancel()
