"""Signals that come while services start: none is lost."""

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trio

from tokenless.services.cli.cluster.serve import _begun
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
