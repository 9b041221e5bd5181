"""The daemon's side of several workers: it starts their process and feeds them.

Nobody who changes the state or reads the counters need know whether one process answers
or several: changes are noticed here and passed on within a fraction of a second.
"""

import contextlib
import sys
from itertools import chain
from subprocess import PIPE
from typing import Final, Protocol

import trio

from tokenless.services.errors import ServiceError
from tokenless.services.workers.frames import (
    Begin,
    Frame,
    FrameStream,
    Ready,
    Settings,
    State,
    pack_frame,
)

_LOOK_EVERY_S: Final = 0.2
_END_WITHIN_S: Final = 3.0
_READ_BYTES: Final = 65_536


class StateSource(Protocol):
    """State that workers answer from, held in the daemon's process."""

    def version(self) -> object:
        """Return a value that differs after every change. Cheap."""

    def pack(self) -> bytes:
        """Return the state as the workers' job takes it."""


class Workers:
    """Several processes that answer as one."""

    def __init__(
        self, begin: Begin, state: StateSource, *, inherited: tuple[int, ...] = ()
    ) -> None:
        """Describe the workers.

        Args:
            begin: What they do, on which sockets.
            state: What they answer from.
            inherited: Other descriptors that the pool needs.
        """
        self._begin = begin
        self._state = state
        self._inherited = inherited
        self._missing = len(begin.descriptors)
        self._all_ready = trio.Event()
        self._new_settings: Settings | None = None

    def change_settings(self, settings: bytes) -> None:
        """Have the workers work by other settings, soon."""
        self._new_settings = Settings(settings)

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Run the workers until cancelled; started when all of them answer.

        Raises:
            ServiceError: When the process of the workers ends.
        """
        descriptors = (*chain.from_iterable(self._begin.descriptors), *self._inherited)
        process: trio.Process = await trio.lowlevel.open_process(
            # -P: a file of the current folder must not be taken for a module of ours.
            [sys.executable, "-P", "-m", "tokenless.services.workers.pool"],
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=descriptors,
        )
        try:
            await _send(process, self._begin)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, process)
                nursery.start_soon(self._hear, process)
                await self._all_ready.wait()
                task_status.started()
        finally:
            # Also when the daemon is cancelled: without this the workers would go on
            # serving on its ports.
            with trio.CancelScope(shield=True):
                await _end(process)

    async def _feed(self, process: trio.Process) -> None:
        """Pass the state on, and once more whenever it changes."""
        passed = None
        while True:
            # Polled, not announced: changes come from many places, and none of them has
            # to know that there are workers.
            version = self._state.version()
            if version != passed:
                await _send(process, State(self._state.pack()))
                passed = version
            if self._new_settings is not None:
                settings, self._new_settings = self._new_settings, None
                await _send(process, settings)
            await trio.sleep(_LOOK_EVERY_S)

    async def _hear(self, process: trio.Process) -> None:
        frames = FrameStream()
        pipe = process.stdout
        while pipe is not None and (data := await pipe.receive_some(_READ_BYTES)):
            for frame in frames.receive(bytes(data)):
                if not isinstance(frame, Ready):
                    raise TypeError(f"a daemon is not told {type(frame).__name__}")
                self._missing -= 1
                if not self._missing:
                    self._all_ready.set()
        raise ServiceError(
            f"the process of the {self._begin.name} workers has ended",
            hint="see the lines before this one for why",
        )


async def _send(process: trio.Process, frame: Frame) -> None:
    if process.stdin is not None:
        # A process that has ended is noticed by the next read from it.
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
