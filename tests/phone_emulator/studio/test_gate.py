"""Pause, step and faults at the ends of lines."""

import trio
import trio.testing

from tokenless.phone_emulator.studio.events import Command
from tokenless.phone_emulator.studio.gate import MAX_WAITING, Gate


def gate(*, is_paused: bool = False) -> Gate:
    return Gate(2, is_paused=is_paused, on_change=lambda: None)


async def test_the_cluster_is_set_up_whatever_was_clicked() -> None:
    closed = gate(is_paused=True)
    closed.obey(Command("inject", "node stop a"))
    assert await closed.before_line(1, 0) == ()
    assert closed.waiting == ("node stop a",)


async def test_a_paused_gate_lets_one_line_pass_a_step() -> None:
    closed = gate(is_paused=True)
    passed: list[int] = []

    async def play() -> None:
        for line in range(3):
            await closed.before_line(2, line)
            passed.append(line)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        for count in range(2):
            await trio.testing.wait_all_tasks_blocked()
            assert closed.is_held
            assert len(passed) == count
            await trio.to_thread.run_sync(closed.obey, Command("step"))
        await trio.testing.wait_all_tasks_blocked()
        assert passed == [0, 1]
        closed.obey(Command("resume"))
    assert passed == [0, 1, 2]


async def test_a_click_while_the_page_is_told_of_the_pause_is_not_missed() -> None:
    clicks: list[bool] = []

    def click() -> None:
        if closed.is_held and not clicks:
            clicks.append(True)
            closed.obey(Command("step"))

    closed = Gate(1, is_paused=True, on_change=click)
    with trio.fail_after(60):
        assert await closed.before_line(1, 0) == []


async def test_a_fault_comes_before_the_next_line_once() -> None:
    opened = gate()
    opened.obey(Command("inject", "node stop a"))
    assert await opened.before_line(2, 0) == ["node stop a"]
    assert await opened.before_line(2, 1) == []
    opened.obey(Command("inject", "node start a"))
    assert await opened.before_line(2, None) == ["node start a"]


def test_faults_do_not_pile_up_without_end() -> None:
    opened = gate()
    for _ in range(MAX_WAITING + 5):
        opened.obey(Command("inject", "node stop a"))
    assert len(opened.waiting) == MAX_WAITING
    assert opened.refused == 5


async def test_what_was_not_taken_counts_until_there_is_room_again() -> None:
    opened = gate()
    for _ in range(MAX_WAITING + 1):
        opened.obey(Command("inject", "node stop a"))
    assert opened.refused == 1
    assert len(await opened.before_line(2, 0)) == MAX_WAITING
    assert opened.refused == 0
