"""Ctrl-C in what runs under trio, and while processes are started."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trio

from tokenless.ground.interrupts import (
    interrupts_put_off,
    run_trio,
    terminated_as_interrupted,
)


def test_ctrl_c_ends_a_task_where_it_waits_and_nowhere_else() -> None:
    done: list[str] = []

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            signal.raise_signal(signal.SIGINT)
            done.append("to the next wait")
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as ended:
        run_trio(work)
    assert ended.group_contains(KeyboardInterrupt)
    assert done == ["to the next wait"]


def test_what_is_returned_comes_back() -> None:
    async def doubled(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    assert run_trio(doubled, 21) == 42


@contextmanager
def another_thread() -> Iterator[Callable[[], None]]:
    """Keep a thread that blocks no signal; give what lets it take a Ctrl-C."""
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait)
    thread.start()
    told, tells = socket.socketpair()
    with told, tells:
        tells.setblocking(False)
        before = signal.set_wakeup_fd(tells.fileno())

        def take() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            assert told.recv(1) == bytes([signal.SIGINT])

        try:
            yield take
        finally:
            signal.set_wakeup_fd(before)
            may_end.set()
            thread.join()


def test_what_is_held_back_is_raised_after_the_block_though_another_took_it() -> None:
    done: list[str] = []

    def start(take: Callable[[], None]) -> None:
        with interrupts_put_off():
            take()
            done.append("all")

    known = signal.getsignal(signal.SIGINT)
    with another_thread() as take, pytest.raises(KeyboardInterrupt):
        start(take)
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is known
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_what_is_held_back_comes_though_the_block_fails() -> None:
    def start(take: Callable[[], None]) -> None:
        with interrupts_put_off():
            take()
            raise OSError("full")

    with another_thread() as take, pytest.raises(KeyboardInterrupt) as ended:
        start(take)
    assert isinstance(ended.value.__context__, OSError)


def test_sigterm_ends_a_background_job_after_what_is_held_back() -> None:
    """A script starts those with Ctrl-C ignored."""
    done: list[str] = []

    def work() -> None:
        with terminated_as_interrupted():
            with interrupts_put_off():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("all")
            done.append("more")

    known = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, known)
    assert done == ["all"]
