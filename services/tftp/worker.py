"""One worker: a forked process that turns an engine.

It inherits the source as it is, so sources must not need a database, a thread or a
task of the parent. Its row of counters tells it when to take no more requests; what it
still receives it hands over to its successor. A byte in its pipe tells it to end its
transfers and go, or to go at once, as the end of the pipe does (however the parent
ended).
"""

import os
import select
import signal
import stat
import time
from pathlib import Path
from typing import Final

import structlog

from tokenless.services.tftp.counters import CounterRow
from tokenless.services.tftp.engine import Engine
from tokenless.services.tftp.handover import Handover
from tokenless.services.tftp.heap import settle_heap
from tokenless.services.tftp.listener import Listener
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.source import FileSource

DRAIN: Final = b"d"
STOP: Final = b"s"
_DRAIN_S: Final = 10.0
_DRAIN_SINGLE_PORT_S: Final = 2.0
"""Short, because requests wait meanwhile."""
_LONGEST_WAIT_S: Final = 1.0


def fork_worker(
    listener: Listener,
    source: FileSource,
    settings: TftpSettings,
    counters: CounterRow,
    logger: structlog.typing.FilteringBoundLogger,
    *,
    handover: Handover,
) -> tuple[int, int]:
    """Start a worker; return its process id and the pipe that holds it alive."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ours)
        return pid, theirs
    status = 1
    try:
        os.close(theirs)
        _leave_parent({ours, listener.socket.fileno(), *handover.descriptors})
        engine = Engine(listener, source, settings, counters, logger, handover=handover)
        _run(engine, ours, _drain_s(settings))
        status = 0
    except BaseException:
        logger.exception("a TFTP worker failed")
    finally:
        # Not a return into the parent's tasks, of which this process has a copy.
        os._exit(status)


def _drain_s(settings: TftpSettings) -> float:
    is_single = settings.ports is Ports.SINGLE
    return _DRAIN_SINGLE_PORT_S if is_single else _DRAIN_S


def _leave_parent(kept: set[int]) -> None:
    """Let go of what belongs to the parent: its signals, its connections, its pipes.

    A connection that the parent closes would stay open as long as we hold it. The
    descriptors are not closed but turned to nowhere: objects of the parent still know
    their numbers, which must not come to mean sockets of ours.
    """
    settle_heap()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for entry in list(Path("/proc/self/fd").iterdir()):
        descriptor = int(entry.name)
        if descriptor > 2 and descriptor not in kept and _is_connection(descriptor):  # noqa: PLR2004 (standard error)
            os.dup2(nowhere, descriptor, inheritable=False)


def _is_connection(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False  # the listing's own descriptor
    return stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)


def _run(engine: Engine, pipe: int, drain_s: float) -> None:
    """Turn the engine until the pipe ends, or it has drained."""
    poll = select.poll()
    poll.register(engine.fileno(), select.POLLIN)
    poll.register(pipe, select.POLLIN)
    drained_by: float | None = None
    is_busy = False
    while True:
        now = time.monotonic()
        idle_s = max(0.0, min(engine.next_at - now, _LONGEST_WAIT_S))
        ready = {each for each, _ in poll.poll(0 if is_busy else idle_s * 1000)}
        now = time.monotonic()
        if pipe in ready:
            if os.read(pipe, 1) != DRAIN:
                break
            engine.drain()
            drained_by = now + drain_s
        if now >= engine.next_at:
            engine.expire(now)
        is_busy = engine.turn(now) > 0
        if drained_by is not None and (not engine.under_way or now >= drained_by):
            break
    engine.close(time.monotonic())
