"""Garbage of processes that run for long."""

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from tests.rigs.unmeasured import unmeasured
from tokenless.ground import heap
from tokenless.ground.heap import collect_garbage

_FROZEN = """
import gc
from tokenless.ground.heap import freeze_heap_after_startup
freeze_heap_after_startup()
print(gc.get_freeze_count(), *gc.get_threshold())
"""


class Session:
    """Part of a cycle, as a service and its files are."""

    def __init__(self) -> None:
        self.connection = self


@pytest.fixture
def seldom() -> Iterator[None]:
    """Leave all garbage to the one who collects it at intervals."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("seldom")
async def test_what_lived_for_minutes_is_freed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share is that of any heap: this process may have a large one."""
    _ = autojump_clock
    monkeypatch.setattr(heap, "_SHARE_OF_TIME", 1.0)
    ended = weakref.ref(Session())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_garbage)
        await trio.sleep(59)
        assert ended() is not None, "a storm of boots is not the time"
        await trio.sleep(2)
        assert ended() is None
        later = weakref.ref(Session())
        await trio.sleep(60)
        assert later() is None
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("seldom")
async def test_a_heap_that_takes_long_is_collected_less_often(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So small a share is set that the real collection is too long for a minute."""
    _ = autojump_clock
    monkeypatch.setattr(heap, "_SHARE_OF_TIME", 1e-7)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_garbage)
        await trio.sleep(61)
        later = weakref.ref(Session())
        await trio.sleep(120)
        assert later() is not None
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("seldom")
async def test_the_time_of_other_processes_does_not_count(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share is what a collection of 0.1 s costs each minute."""
    _ = autojump_clock
    monkeypatch.setattr(heap, "_SHARE_OF_TIME", 0.1 / 60)

    def wait(phase: str, _details: dict[str, int]) -> None:
        if phase == "start":
            time.sleep(0.5)  # another process has the processor

    gc.callbacks.append(wait)
    gc.freeze()  # so that the collection itself takes next to nothing
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect_garbage)
            await trio.sleep(61)
            later = weakref.ref(Session())
            await trio.sleep(60)
            assert later() is None
            nursery.cancel_scope.cancel()
    finally:
        gc.unfreeze()
        gc.callbacks.remove(wait)


def test_what_was_loaded_at_the_start_is_left_alone() -> None:
    said = subprocess.check_output(
        [sys.executable, "-c", _FROZEN], env=unmeasured(), text=True, timeout=60
    )
    frozen, *thresholds = map(int, said.split())
    assert frozen > 1000
    assert thresholds[0] > 700
