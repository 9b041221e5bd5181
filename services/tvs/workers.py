"""The daemon's side of several TVS workers: it starts them, feeds them, and sums up.

Nobody who fills the caches or reads the counters need know whether one process answers
or several: changes are noticed here and passed on within a fraction of a second.
"""

import contextlib
import sys
from collections.abc import Iterable
from dataclasses import fields
from itertools import chain
from subprocess import PIPE
from typing import Final

import trio

from tokenless.services.errors import ServiceError
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.counters import TvsCounters
from tokenless.services.tvs.frames import (
    Begin,
    Count,
    Frame,
    FrameStream,
    Gone,
    Ready,
    Show,
    fill_from,
    pack_frame,
)
from tokenless.services.tvs.listeners import Listeners
from tokenless.services.tvs.settings import OwnCertificate, TvsLimits, TvsSettings

_LOOK_EVERY_S: Final = 0.2
_END_WITHIN_S: Final = 3.0
_READ_BYTES: Final = 65_536


class Workers:
    """Several processes that answer as one."""

    def __init__(
        self,
        settings: TvsSettings,
        listeners: tuple[Listeners, ...],
        caches: Caches,
        counters: TvsCounters,
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._caches = caches
        self._counters = counters
        self._by_worker: dict[int, TvsCounters] = {}
        self._ready = 0
        self._all_ready = trio.Event()
        self._to_show: Show | None = None

    def show(self, certificates: tuple[OwnCertificate, ...], limits: TvsLimits) -> None:
        """Have other certificates shown and other limits kept, soon."""
        self._to_show = Show(certificates, limits)

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Run the workers until cancelled; started when all of them answer.

        Raises:
            ServiceError: When the process of the workers ends.
        """
        sockets = tuple(
            tuple(listener.socket.fileno() for listener in listeners)
            for listeners in self._listeners
        )
        process = await _open_pool(chain.from_iterable(sockets))
        try:
            await _send(process, Begin(self._settings, sockets))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, process)
                nursery.start_soon(self._hear, process)
                await self._all_ready.wait()
                task_status.started()
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)

    async def _feed(self, process: trio.Process) -> None:
        """Pass on what the caches hold, and once more whenever that changes."""
        passed = None
        while True:
            state = (self._caches.db.index, self._caches.ctl.index)
            if state != passed:
                await _send(process, fill_from(self._caches))
                passed = state
            if self._to_show is not None:
                show, self._to_show = self._to_show, None
                await _send(process, show)
            await trio.sleep(_LOOK_EVERY_S)

    async def _hear(self, process: trio.Process) -> None:
        frames = FrameStream()
        pipe = process.stdout
        while pipe is not None and (data := await pipe.receive_some(_READ_BYTES)):
            for frame in frames.receive(bytes(data)):
                self._note(frame)
        raise ServiceError(
            "the process of the TVS workers has ended",
            hint="see the lines before this one for why",
        )

    def _note(self, frame: Frame) -> None:
        match frame:
            case Ready():
                self._ready += 1
                if self._ready == self._settings.workers:
                    self._all_ready.set()
            case Count():
                self._by_worker[frame.worker] = frame.counters
                self._sum_up()
            case Gone():
                gone = self._by_worker.get(frame.worker)
                if gone is not None:
                    gone.connections_open = 0
                    self._sum_up()
            case _:
                msg = f"a daemon is not told {type(frame).__name__}"
                raise TypeError(msg)

    def _sum_up(self) -> None:
        total = TvsCounters()
        for counters in self._by_worker.values():
            total.add(counters)
        for each in fields(total):
            setattr(self._counters, each.name, getattr(total, each.name))


async def _open_pool(descriptors: Iterable[int]) -> trio.Process:
    process: trio.Process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "tokenless.services.tvs.worker_pool"],
        stdin=PIPE,
        stdout=PIPE,
        pass_fds=tuple(descriptors),
    )
    return process


async def _send(process: trio.Process, frame: Frame) -> None:
    if process.stdin is not None:
        # A process that has ended is noticed by whoever reads from it.
        with contextlib.suppress(trio.BrokenResourceError):
            await process.stdin.send_all(pack_frame(frame))


async def _end(process: trio.Process) -> None:
    """Close the pipe, which ends the pool and with it the workers; wait for that."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            await pipe.aclose()
    with trio.move_on_after(_END_WITHIN_S):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
