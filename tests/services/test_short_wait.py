"""The short wait of the loops, also where a process has many open files."""

import fcntl
import os
import resource
import select
import threading
from collections.abc import Iterator

import pytest

from tokenless.services.listening import raise_descriptor_limit
from tokenless.services.short_wait import ShortWait

Watched = tuple[select.epoll, int]


@pytest.fixture(params=[3, 1500], ids=["low", "beyond what select knows"])
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Return an epoll of at least that number, and what to write to for an event."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_descriptor_limit()
    readable, writable = os.pipe()
    with select.epoll() as low:
        number = fcntl.fcntl(low.fileno(), fcntl.F_DUPFD, request.param)
        with select.epoll.fromfd(number) as epoll:
            epoll.register(readable, select.EPOLLIN)
            yield epoll, writable
    for each in (readable, writable):
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("is_soon", [False, True])
def test_what_is_there_is_brought(watched: Watched, *, is_soon: bool) -> None:
    epoll, writable = watched
    wait = ShortWait(epoll)
    os.write(writable, b"x")
    assert [wait.brought_something(is_soon=is_soon) for _ in range(3)] == [True] * 3


def test_after_waits_in_vain_the_next_are_skipped(watched: Watched) -> None:
    epoll, writable = watched
    wait = ShortWait(epoll)
    assert not wait.brought_something()
    os.write(writable, b"x")
    assert [wait.brought_something() for _ in range(2)] == [False, True]


def test_after_looks_in_vain_the_next_are_skipped(watched: Watched) -> None:
    epoll, writable = watched
    wait = ShortWait(epoll)
    assert not wait.brought_something(is_soon=True)
    os.write(writable, b"x")
    assert [wait.brought_something(is_soon=True) for _ in range(2)] == [False, True]


def test_looking_lets_other_threads_bring_it(watched: Watched) -> None:
    epoll, writable = watched
    wait = ShortWait(epoll)
    writer = threading.Thread(target=os.write, args=(writable, b"x"))
    writer.start()
    while not wait.brought_something(is_soon=True):
        continue
    writer.join()
