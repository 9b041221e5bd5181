"""Ctrl-C, which a terminal gives to all its processes, and SIGTERM."""

import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar, TypeVarTuple

import trio

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


def run_trio(
    function: Callable[[*_Arguments], Awaitable[_Result]], *arguments: *_Arguments
) -> _Result:
    """Run an asynchronous function to its end; Ctrl-C ends it where it waits.

    By itself trio raises KeyboardInterrupt wherever the program is: where that is just
    leaving a nursery, it is an internal error.
    """
    return trio.run(
        function, *arguments, restrict_keyboard_interrupt_to_checkpoints=True
    )


@contextmanager
def interrupts_held_back(*more: signal.Signals) -> Iterator[None]:
    """Hold Ctrl-C and SIGHUP back while processes are started, which inherit that.

    One that is still loading modules would end by them, and the work of all with it.

    Args:
        more: Further signals to hold back.
    """
    held = {signal.SIGINT, signal.SIGHUP, *more}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interrupts_put_off(*more: signal.Signals) -> Iterator[None]:
    """Hold signals back, and raise those only after the block that another thread took.

    What one thread blocks another may take: it would be raised in the block. SIGTERM
    raises a Ctrl-C, too. Not for processes that are forked: they would keep that.

    Args:
        more: Further signals to hold back.
    """
    came: list[int] = []
    with ExitStack() as after:
        after.callback(_raise_all, came)
        if not _is_elsewhere():
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                if callable(known := signal.getsignal(number)):
                    after.callback(signal.signal, number, known)
                    signal.signal(number, lambda number, _: came.append(number))
        after.enter_context(interrupts_held_back(*more))
        yield


def _raise_all(came: list[int]) -> None:
    for number in dict.fromkeys(came):
        signal.raise_signal(number)


def _is_elsewhere() -> bool:
    return threading.current_thread() is not threading.main_thread()


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it made is removed.

    CI servers, container engines and `timeout` send it. By itself it would end the
    process at once. Where it means something already, and in threads, that stays.
    """
    if _is_elsewhere() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    # A script's background jobs are started with Ctrl-C ignored. It stays without
    # effect, but trio must know of it before it begins: so it is blocked instead.
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if is_ignored:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if is_ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _interrupt(_number: int, _frame: object) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.raise_signal(signal.SIGINT)


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
