"""The short wait of the loops, also where a process has many open files."""

import fcntl
import os
import resource
from collections.abc import Iterator

import pytest

from tokenless.services.listening import raise_descriptor_limit
from tokenless.services.short_wait import ShortWait


@pytest.fixture(params=[3, 1500], ids=["low", "beyond what select knows"])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe; the readable one has at least that number."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_descriptor_limit()
    end, writable = os.pipe()
    readable = fcntl.fcntl(end, fcntl.F_DUPFD, request.param)
    yield readable, writable
    for each in (end, readable, writable):
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_is_there_is_brought(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    wait = ShortWait(readable)
    os.write(writable, b"x")
    assert [wait.brought_something() for _ in range(3)] == [True] * 3


def test_after_waits_in_vain_the_next_are_skipped(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    wait = ShortWait(readable)
    assert not wait.brought_something()
    os.write(writable, b"x")
    assert [wait.brought_something() for _ in range(2)] == [False, True]
