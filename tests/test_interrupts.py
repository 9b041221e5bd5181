"""Ctrl-C in what runs under trio."""

import signal

import pytest
import trio

from tokenless.ground.interrupts import run_trio


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
