"""The process that forks the workers and sees that they live.

It is started with its frames on standard input; that pipe's end is its end, and its own
end is the workers'. A worker that dies is forked again. New settings mean new workers:
they begin on the same sockets, and the old ones end with their last client. What they
do is a `Job`.
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tokenless.services.errors import ServiceError
from tokenless.services.logs import configure_logs, get_logger
from tokenless.services.workers.frames import (
    Begin,
    Drain,
    Frame,
    FrameStream,
    Ready,
    Settings,
    State,
    pack_frame,
)

_READ_BYTES: Final = 65_536
# A worker that does not take a frame for so long is as good as dead.
_SEND_TIMEOUT_S: Final = 5
_FORK_AGAIN_AFTER_S: Final = 0.2
_END_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.01


class Job(Protocol):
    """Work that is prepared in the pool's process before it forks, to share memory.

    TLS contexts, for example: session tickets of one worker are then good at all.
    """

    workers: int
    """The number of workers that run at the same time."""
    rows: Iterable[int]
    """The rows of counters that workers can have, those that are leaving included."""

    def __init__(
        self, settings: bytes, descriptors: tuple[tuple[int, ...], ...]
    ) -> None:
        """Prepare to work.

        Args:
            settings: What the daemon decided, packed by the job's own module.
            descriptors: The inherited listening sockets, one tuple a worker.
        """

    def take_settings(self, settings: bytes) -> None:
        """Use new settings, for workers that are forked from now on.

        Raises:
            ServiceError: When that cannot be; then nothing has changed.
        """

    def work(self, slot: int, row: int, channel: socket.socket) -> None:
        """Be a worker; called in its process, and its end when it returns.

        Args:
            slot: Which of the workers, from 0.
            row: Where to count.
            channel: Frames of the pool come from it; its end is the worker's end.
        """

    def settle(self, row: int) -> None:
        """Correct what a worker that has ended can no longer count."""


@dataclass(slots=True)
class _Child:
    """A worker as the pool knows it."""

    pid: int
    slot: int
    row: int
    channel: socket.socket
    frames: FrameStream = field(default_factory=FrameStream)
    is_draining: bool = False


class WorkerPool:
    """Forks, feeds and replaces the workers."""

    def __init__(self, begin: Begin, output: int) -> None:
        self._name = begin.name
        self._log = get_logger(node=begin.node)
        self._job = _load_job(begin)
        self._output = output
        self._state: State | None = None
        self._children: dict[int, _Child] = {}
        self._fork_at: dict[int, float] = {}
        self._selector = selectors.DefaultSelector()

    def run(self, source: int, frames: FrameStream, waiting: list[Frame]) -> None:
        """Serve until the daemon closes its end of the pipe.

        Args:
            source: The pipe.
            frames: What reads its bytes.
            waiting: Frames that came with the first one.
        """
        os.set_blocking(source, False)
        self._selector.register(source, selectors.EVENT_READ)
        for slot in range(self._job.workers):
            self._fork(slot)
        self._obey(waiting)
        while True:
            for key, _ in self._selector.select(self._time_to_fork()):
                if key.fd != source:
                    child = self._children.get(key.data)
                    if child is not None:  # not buried in this very round
                        self._hear(child)
                    continue
                data = os.read(source, _READ_BYTES)
                if not data:
                    self._end_children()
                    return
                self._obey(frames.receive(data))
            self._fork_due()

    def _obey(self, frames: list[Frame]) -> None:
        for frame in frames:
            match frame:
                case State():
                    self._state = frame
                    for child in tuple(self._children.values()):
                        self._tell(child, frame)
                case Settings():
                    self._take_settings(frame)
                case _:
                    raise TypeError(f"the pool is not told {type(frame).__name__}")

    def _take_settings(self, frame: Settings) -> None:
        try:
            self._job.take_settings(frame.data)
        except ServiceError as error:
            self._log.error(f"{self._name} settings not taken", why=error.explain())
            return
        old = [child for child in self._children.values() if not child.is_draining]
        for child in old:
            self._fork(child.slot)
        for child in old:
            child.is_draining = True
            self._tell(child, Drain())

    # --- children ----------------------------------------------------------------

    def _fork(self, slot: int) -> None:
        # Each process counts in a row of its own: no lock is needed in shared memory.
        row = self._free_row()
        ours, theirs = socket.socketpair()
        ours.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_SEND_TIMEOUT_S)
        )
        # The collector writes to every object that it visits, and would so copy the
        # pages that the workers share with the pool.
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._be_worker(slot, row, theirs)
        theirs.close()
        child = _Child(pid, slot, row, ours)
        self._children[pid] = child
        self._selector.register(ours, selectors.EVENT_READ, pid)
        if self._state is not None:
            self._tell(child, self._state)

    def _free_row(self) -> int:
        """Return an unused row; when there is none, end a worker that is draining."""
        while True:
            taken = {child.row for child in self._children.values()}
            for row in self._job.rows:
                if row not in taken:
                    return row
            oldest = next(c for c in self._children.values() if c.is_draining)
            os.kill(oldest.pid, signal.SIGKILL)
            self._bury(oldest)

    def _be_worker(self, slot: int, row: int, channel: socket.socket) -> None:
        """Become a worker, and never come back."""
        status = 1
        try:
            # What other workers speak on must not be held open by this one.
            for child in self._children.values():
                child.channel.close()
            self._selector.close()
            os.close(sys.stdin.fileno())
            os.close(self._output)
            self._job.work(slot, row, channel)
            status = 0
        except BaseException:  # noqa: BLE001 - a child must end here, whatever happens
            self._log.exception(f"a worker of {self._name} failed")
        finally:
            os._exit(status)

    def _tell(self, child: _Child, frame: Frame) -> None:
        try:
            child.channel.sendall(pack_frame(frame))
        except OSError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    def _hear(self, child: _Child) -> None:
        try:
            data = child.channel.recv(_READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._bury(child)
            return
        for frame in child.frames.receive(data):
            if isinstance(frame, Ready):
                self._report(frame)

    def _bury(self, child: _Child) -> None:
        self._selector.unregister(child.channel)
        child.channel.close()
        del self._children[child.pid]
        _, status = os.waitpid(child.pid, 0)
        # A killed worker could not count down its open connections.
        self._job.settle(child.row)
        if child.is_draining:
            return
        self._log.error(
            f"a worker of {self._name} ended and is started again",
            worker=child.pid,
            status=os.waitstatus_to_exitcode(status),
        )
        self._fork_at[child.slot] = time.monotonic() + _FORK_AGAIN_AFTER_S

    def _end_children(self) -> None:
        """Let the workers close their connections; kill those that do not exit."""
        for child in self._children.values():
            child.channel.close()
        deadline = time.monotonic() + _END_WITHIN_S
        for pid in self._children:
            while os.waitpid(pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(_LOOK_EVERY_S)

    def _time_to_fork(self) -> float | None:
        if not self._fork_at:
            return None
        return max(0.0, min(self._fork_at.values()) - time.monotonic())

    def _fork_due(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot, due in self._fork_at.items() if due <= now]:
            del self._fork_at[slot]
            self._fork(slot)

    def _report(self, frame: Frame) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._output, pack_frame(frame))


def _load_job(begin: Begin) -> Job:
    module, _, name = begin.job.partition(":")
    make: type[Job] = getattr(importlib.import_module(module), name)
    return make(begin.settings, begin.descriptors)


def _timeval(seconds: int) -> bytes:
    return seconds.to_bytes(8, sys.byteorder) + bytes(8)


def _first_frames(source: int, stream: FrameStream) -> list[Frame]:
    """Wait for what to serve; return what has come with it, too."""
    while data := os.read(source, _READ_BYTES):
        if frames := stream.receive(data):
            return frames
    raise SystemExit(0)


def main() -> None:
    """Run the pool, as the daemon starts it; see supervisor.py."""
    # Ctrl-C, a service manager's SIGTERM and the SIGHUP of a terminal that closes reach
    # every process of the group. The daemon decides when this ends: its end of the pipe
    # closes, also when it dies.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    configure_logs()
    source, output = sys.stdin.fileno(), sys.stdout.fileno()
    stream = FrameStream()
    begin, *waiting = _first_frames(source, stream)
    if not isinstance(begin, Begin):
        raise TypeError(f"the pool begins with Begin, not {type(begin).__name__}")
    WorkerPool(begin, output).run(source, stream, waiting)


if __name__ == "__main__":
    main()
