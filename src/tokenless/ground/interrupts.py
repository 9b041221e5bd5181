"""Ctrl-C, which a terminal gives to all its processes, and SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import trio


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back while processes are started, which inherit that.

    One that is still loading modules would end by it, and the work of all with it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def until_stopped(
    *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Wait for Ctrl-C or SIGTERM: both end what serves until then, with status 0.

    Without it SIGTERM would end the process at once, and in a container not at all: the
    first process of one gets only signals that it asks for.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            return


async def cancel_when_stopped(
    scope: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Cancel a scope at Ctrl-C or SIGTERM; begun before a service says that it serves.

    Whoever reads that may end the process in the next moment.
    """
    await until_stopped(task_status=task_status)
    scope.cancel()
