"""Writes to a database that may never answer: one at a time, awaited for a while."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from tokenless.services.errors import ServiceError
from tokenless.services.store.access import one_writer
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.access.one_writer import OneWriter, Trouble


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_writer, "ANSWER_S", 0.05)


@contextmanager
def hanging() -> Iterator[threading.Event]:
    """Give what a write waits for; it ends with the block at the latest."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


async def test_what_a_write_raises_is_raised_and_the_next_one_runs() -> None:
    done: list[str] = []

    def refuse() -> None:
        raise ServiceError("a full disk")

    writer = OneWriter(may_hang=True)
    with pytest.raises(ServiceError, match="a full disk"):
        await writer.run(refuse)
    await writer.run(partial(done.append, "next"))
    assert done == ["next"]


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("may_hang", "is_last"), [(True, False), (False, True)])
async def test_a_write_that_hangs_is_left_and_none_is_begun_beside_it(
    *, may_hang: bool, is_last: bool
) -> None:
    writer, done = OneWriter(may_hang=may_hang), list[str]()
    with hanging() as event:

        def late() -> None:
            event.wait()
            done.append("late")

        for write in (late, partial(done.append, "beside")):
            with pytest.raises(DatabaseAwayError) as caught:
                await writer.run(write, is_last=is_last)
            assert caught.value.explain() == (
                "the database takes no change: one has not ended within 0.05 s; look "
                "at its disk, and at a standby that it waits for"
            )
    while "after" not in done:
        try:
            await writer.run(partial(done.append, "after"))
        except DatabaseAwayError:
            await trio.sleep(0.01)
    assert done == ["late", "after"]


@pytest.mark.usefixtures("_impatient")
async def test_a_write_that_fails_late_lets_the_next_one_begin() -> None:
    writer, done = OneWriter(may_hang=True), list[str]()
    with hanging() as event:

        def fail() -> None:
            event.wait()
            raise ServiceError("a full disk")

        with pytest.raises(DatabaseAwayError):
            await writer.run(fail)
    while not done:
        try:
            await writer.run(partial(done.append, "after"))
        except DatabaseAwayError:
            await trio.sleep(0.01)


@pytest.mark.usefixtures("_impatient")
async def test_a_database_that_always_answers_is_waited_for() -> None:
    done: list[str] = []

    def slow() -> None:
        time.sleep(0.1)
        done.append("slow")

    await OneWriter(may_hang=False).run(slow)
    assert done == ["slow"]


async def test_two_writes_never_run_at_once() -> None:
    writer, running, at_once = OneWriter(may_hang=False), set[int](), list[int]()

    def write(number: int) -> None:
        running.add(number)
        at_once.append(len(running))
        time.sleep(0.02)
        running.remove(number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(writer.run, partial(write, number))
    assert at_once == [1] * 4


def test_a_trouble_is_logged_when_it_begins_and_when_it_ends() -> None:
    with capture_logs() as told:
        trouble = Trouble(structlog.get_logger(), "it begins", "it ends")
        trouble.end()
        assert (trouble.reason, told) == (None, [])
        trouble.note(ServiceError("a full disk", hint="make room"), list="CTL")
        trouble.note(ServiceError("still full"))
        assert str(trouble.reason) == "still full"
        trouble.end()
        trouble.end()
    assert trouble.reason is None
    assert told == [
        {
            "event": "it begins",
            "log_level": "warning",
            "reason": "a full disk; make room",
            "list": "CTL",
        },
        {"event": "it ends", "log_level": "info"},
    ]
