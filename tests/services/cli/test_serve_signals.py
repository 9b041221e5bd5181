"""Signals that come while services start: none is lost."""

import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import pytest
import trio
import trio.testing

from tokenless.services.cli.cluster.serve import _begun, _obey
from tokenless.services.node.serve import Serving


@dataclass
class Start:
    """Services that have started at the moment at which a signal comes."""

    number: signal.Signals

    def __post_init__(self) -> None:
        self._comes = trio.Event()

    async def begin(self) -> Serving:
        await self._comes.wait()
        return Serving(())

    async def signals(self) -> AsyncIterator[int]:
        self._comes.set()  # what waits goes on: no cancellation reaches it any more
        yield self.number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_at_the_end_of_the_start_is_heard(
    number: signal.Signals,
) -> None:
    start = Start(number)
    with trio.open_signal_receiver(number) as again:
        assert await _begun(start.begin, start.signals()) is not None
        async for heard in again:
            assert heard == number
            break


async def test_an_end_counts_for_more_than_a_reload() -> None:
    async def signals() -> AsyncIterator[int]:
        yield signal.SIGHUP
        yield signal.SIGTERM
        yield signal.SIGHUP

    async def begin() -> Serving:
        await trio.sleep_forever()
        raise AssertionError

    assert await _begun(begin, signals()) is None


async def test_a_reload_that_waits_holds_up_no_end() -> None:
    reloads: list[int] = []

    async def reload_all() -> list[str]:
        reloads.append(len(reloads))
        await trio.Event().wait()
        return []

    async def signals() -> AsyncGenerator[int, None]:
        yield signal.SIGHUP
        await trio.testing.wait_all_tasks_blocked()
        assert reloads == [0]
        for _ in range(3):
            yield signal.SIGHUP
            await trio.testing.wait_all_tasks_blocked()
        yield signal.SIGTERM

    async with aclosing(signals()) as heard:
        await _obey(heard, reload_all)
    assert reloads == [0]


async def test_a_signal_during_a_reload_is_a_further_reload() -> None:
    may_end = trio.Event()
    ends: list[int] = []

    async def reload_all() -> list[str]:
        await may_end.wait()
        ends.append(len(ends))
        return []

    async def signals() -> AsyncGenerator[int, None]:
        for _ in range(3):
            yield signal.SIGHUP
            await trio.testing.wait_all_tasks_blocked()
        may_end.set()
        await trio.testing.wait_all_tasks_blocked()
        yield signal.SIGTERM

    async with aclosing(signals()) as heard:
        await _obey(heard, reload_all)
    assert ends == [0, 1]
