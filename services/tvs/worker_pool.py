"""The process that forks the TVS workers and sees that they live.

It is a process of its own because the daemon's, with trio and threads in it, must not
fork. It is started with its frames on standard input; that pipe's end is its end, and
its own end is the workers'. The TLS contexts are made before the fork: session tickets
of one worker are then good at all of them.

A worker that dies is forked again. New certificates mean new contexts: new workers
begin to accept on the same sockets, and the old ones end with their last client.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Final

from tokenless.services.errors import ServiceError
from tokenless.services.logs import configure_logs, get_logger
from tokenless.services.tvs.frames import (
    Begin,
    Count,
    Drain,
    Fill,
    Frame,
    FrameStream,
    Gone,
    Ready,
    Show,
    pack_frame,
)
from tokenless.services.tvs.listeners import Listener, Listeners
from tokenless.services.tvs.settings import TvsSettings
from tokenless.services.tvs.tls import load_contexts
from tokenless.services.tvs.worker import WorkerPlan, run_worker

_READ_BYTES: Final = 65_536
# A worker that does not take a frame for so long is as good as dead.
_SEND_TIMEOUT_S: Final = 5
_FORK_AGAIN_AFTER_S: Final = 0.2
_END_WITHIN_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.01


@dataclass(slots=True)
class _Child:
    """A worker as the pool knows it."""

    pid: int
    slot: int
    channel: socket.socket
    frames: FrameStream = field(default_factory=FrameStream)
    is_draining: bool = False


class WorkerPool:
    """Forks, feeds and replaces the workers."""

    def __init__(self, begin: Begin, output: int) -> None:
        self._settings: TvsSettings = begin.settings
        self._log = get_logger(node=self._settings.node)
        self._contexts = load_contexts(self._settings)
        self._listeners = tuple(map(_inherited, begin.listeners))
        self._output = output
        self._fill: Fill | None = None
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
        for slot in range(self._settings.workers):
            self._fork(slot)
        self._obey(waiting)
        while True:
            for key, _ in self._selector.select(self._time_to_fork()):
                if key.fd != source:
                    self._hear(self._children[key.data])
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
                case Fill():
                    self._fill = frame
                    for child in tuple(self._children.values()):
                        self._tell(child, frame)
                case Show():
                    self._show(frame)
                case _:
                    msg = f"the pool is not told {type(frame).__name__}"
                    raise TypeError(msg)

    def _show(self, frame: Show) -> None:
        settings = replace(
            self._settings, certificates=frame.certificates, limits=frame.limits
        )
        try:
            self._contexts = load_contexts(settings)
        except ServiceError as error:
            self._log.error("TVS certificate not taken", why=error.explain())
            return
        self._settings = settings
        old = [child for child in self._children.values() if not child.is_draining]
        for child in old:
            self._fork(child.slot)
        for child in old:
            child.is_draining = True
            self._tell(child, Drain())

    # --- children ----------------------------------------------------------------

    def _fork(self, slot: int) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_SEND_TIMEOUT_S)
        )
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._be_worker(slot, theirs)
        theirs.close()
        child = _Child(pid, slot, ours)
        self._children[pid] = child
        self._selector.register(ours, selectors.EVENT_READ, pid)
        if self._fill is not None:
            self._tell(child, self._fill)

    def _be_worker(self, slot: int, channel: socket.socket) -> None:
        """Become a worker, and never come back."""
        status = 1
        try:
            # What other workers speak on must not be held open by this one.
            for child in self._children.values():
                child.channel.close()
            self._selector.close()
            os.close(sys.stdin.fileno())
            os.close(self._output)
            for other, listeners in enumerate(self._listeners):
                if other != slot:
                    for listener in listeners:
                        listener.close()
            run_worker(
                WorkerPlan(
                    channel,
                    self._listeners[slot],
                    self._contexts,
                    self._settings.limits,
                    self._log,
                )
            )
            status = 0
        except BaseException:  # noqa: BLE001 - a child must end here, whatever happens
            self._log.exception("TVS worker failed")
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
            if isinstance(frame, (Ready, Count)):
                self._report(frame)

    def _bury(self, child: _Child) -> None:
        self._selector.unregister(child.channel)
        child.channel.close()
        del self._children[child.pid]
        _, status = os.waitpid(child.pid, 0)
        self._report(Gone(child.pid))
        if child.is_draining:
            return
        self._log.error(
            "TVS worker ended and is started again",
            worker=child.pid,
            status=os.waitstatus_to_exitcode(status),
        )
        self._fork_at[child.slot] = time.monotonic() + _FORK_AGAIN_AFTER_S

    def _end_children(self) -> None:
        """Let the workers say goodbye to their clients; kill who takes too long."""
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


def _inherited(descriptors: tuple[int, ...]) -> Listeners:
    return tuple(
        Listener(socket.socket(fileno=fd), is_legacy=number > 0)
        for number, fd in enumerate(descriptors)
    )


def _timeval(seconds: int) -> bytes:
    return seconds.to_bytes(8, sys.byteorder) + bytes(8)


def _first_frames(source: int, stream: FrameStream) -> list[Frame]:
    """Wait for what to serve; return what has come with it, too."""
    while data := os.read(source, _READ_BYTES):
        if frames := stream.receive(data):
            return frames
    raise SystemExit(0)


def main() -> None:
    """Run the pool, as the daemon starts it; see workers.py."""
    # Ctrl-C and a service manager's SIGTERM reach every process of the group. The
    # daemon decides when this ends: its end of the pipe closes, also when it dies.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    configure_logs()
    source, output = sys.stdin.fileno(), sys.stdout.fileno()
    stream = FrameStream()
    begin, *waiting = _first_frames(source, stream)
    if not isinstance(begin, Begin):
        msg = f"the pool begins with Begin, not {type(begin).__name__}"
        raise TypeError(msg)
    WorkerPool(begin, output).run(source, stream, waiting)


if __name__ == "__main__":
    main()
