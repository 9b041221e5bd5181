"""Several processes behind one port (SO_REUSEPORT): `tftp.workers = N`.

The kernel spreads clients over the listening sockets by address and port, so a client's
repeated requests reach the same worker. The sockets stay in the parent as long as it
serves: closing one would lose what waits in it and send clients to other workers.

When the source is replaced a new generation is forked, and the old one ends its
transfers and goes, handing over the requests that it still receives. With a single port
an ACK must not reach the wrong generation, so the new one begins when the old one has
gone. Each worker counts in a row of memory shared with the parent; when all rows are
taken, the oldest generation is stopped.
"""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from tokenless.services.tftp.counters import TftpCounters
from tokenless.services.tftp.handover import Handover
from tokenless.services.tftp.listener import Listener
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.source import FileSource
from tokenless.services.tftp.worker import DRAIN, STOP, fork_worker

_LOOK_EVERY_S: Final = 0.2
_STOP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    pipe: int
    """Orders for the worker; when it is closed, the worker stops."""
    row: int


class Workers:
    """The processes of one server."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        settings: TftpSettings,
        counters: TftpCounters,
        logger: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._listeners = listeners
        self._handovers = [Handover() for _ in listeners]
        self._settings = settings
        self._counters = counters
        self._log = logger
        self._source: FileSource | None = None
        self._current: list[_Worker] = []
        self._leaving: list[_Worker] = []

    def replace_source(self, source: FileSource) -> None:
        """Fork workers that serve other files; those of before drain and end."""
        self.drain()
        self._source = source
        self._fork_when_possible()

    def change_settings(self, settings: TftpSettings) -> None:
        """Fork workers that behave otherwise; those of before drain and end."""
        self._settings = settings
        if self._source is not None:
            self.replace_source(self._source)

    def drain(self) -> None:
        """Let the workers take no more requests, and end when they are idle."""
        self._source = None
        for worker in self._current:
            self._counters.retire(worker.row)
            _order(worker, DRAIN)
        self._leaving += self._current
        self._current = []

    async def supervise(self) -> None:
        """Replace workers that end unasked, until cancelled."""
        while True:
            await trio.sleep(_LOOK_EVERY_S)
            self._leaving = [each for each in self._leaving if not self._reap(each)]
            ended = [each for each in self._current if self._reap(each)]
            if ended:
                # One is enough to begin anew: a generation lives and goes together.
                self._log.error("a TFTP worker ended; starting new ones")
                self._current = [each for each in self._current if each not in ended]
                if self._source is not None:
                    self.replace_source(self._source)
            elif not self._current and self._source is not None:
                self._fork_when_possible()

    def close(self) -> None:
        """Stop all workers, at once."""
        self._source = None
        waiting = self._current + self._leaving
        self._current, self._leaving = [], []
        for worker in waiting:
            os.close(worker.pipe)
        deadline = time.monotonic() + _STOP_S
        while waiting and time.monotonic() < deadline:
            waiting = [each for each in waiting if not self._has_ended(each)]
            time.sleep(0.005 if waiting else 0)
        for worker in waiting:
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)
        for handover in self._handovers:
            handover.close()

    def _fork_when_possible(self) -> None:
        """Begin a generation now, or have `supervise` try again soon."""
        if self._leaving and self._settings.ports is Ports.SINGLE:
            return
        taken = {each.row for each in self._leaving}
        free = [row for row in self._counters.rows if row not in taken]
        if len(free) >= len(self._listeners):
            self._fork_all(free)
            return
        for worker in self._leaving[: len(self._listeners)]:
            _order(worker, STOP)

    def _fork_all(self, rows: Sequence[int]) -> None:
        assert self._source is not None  # noqa: S101 (what callers have just checked)
        each_socket = zip(self._listeners, self._handovers, rows, strict=False)
        for listener, handover, row in each_socket:
            pid, pipe = fork_worker(
                listener,
                self._source,
                self._settings,
                self._counters.row(row),
                self._log,
                handover=handover,
            )
            self._current.append(_Worker(pid, pipe, row))

    def _reap(self, worker: _Worker) -> bool:
        if not self._has_ended(worker):
            return False
        os.close(worker.pipe)
        return True

    def _has_ended(self, worker: _Worker) -> bool:
        pid, _ = os.waitpid(worker.pid, os.WNOHANG)
        if pid:
            self._counters.settle(worker.row)
        return pid != 0


def _order(worker: _Worker, order: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it has ended, and is reaped soon
        os.write(worker.pipe, order)
