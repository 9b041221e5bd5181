"""How many requests a turn takes: few while transfers bring work, else all."""

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tokenless.services.tftp.intake import Intake
from tokenless.services.tftp.sockets.listener import open_listener

ALL = 64
SO_MEMINFO = 55
BUFFER = 8 << 20


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with open_listener("127.0.0.1", 0, BUFFER) as opened:
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < BUFFER:
            pytest.skip("the kernel gives no large buffer here")
        yield opened


def ask(listener: socket.socket, times: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(times):
            client.sendto(b"a request", listener.getsockname())


def running(listener: socket.socket, per_s: int) -> Intake:
    """Return one that has looked at 1.0 and takes so many a second since then."""
    intake = Intake(listener, has_ports=True)
    assert intake.room(9, 1.0) in {2, ALL}
    intake.taken = per_s // 10
    return intake


def test_few_are_taken_while_transfers_bring_work(listener: socket.socket) -> None:
    ask(listener, 30)
    intake = running(listener, 1000)
    assert [intake.room(events, 1.1) for events in (3, 31, 64, 512)] == [2, 2, 4, 18]


def test_all_are_taken_when_there_is_little_else(listener: socket.socket) -> None:
    intake = running(listener, 1000)
    assert [intake.room(events, 1.1) for events in (0, 1, 2)] == [ALL] * 3


def test_all_are_taken_when_some_would_wait_for_long(listener: socket.socket) -> None:
    ask(listener, 700)
    intake = running(listener, 1000)
    assert intake.room(100, 1.1) == ALL


def test_it_looks_again(listener: socket.socket) -> None:
    ask(listener, 700)
    intake = running(listener, 1000)
    assert intake.room(100, 1.1) == ALL
    intake.taken = 1000
    assert intake.room(100, 1.11) == ALL
    assert intake.room(100, 1.2) == 5


def test_one_slow_look_lets_nobody_in_but_many_do(listener: socket.socket) -> None:
    ask(listener, 700)
    intake = running(listener, 10_000)
    looks = [intake.room(100, 1.1 + look / 10) for look in range(7)]
    assert looks[:4] == [5] * 4
    assert looks[-1] == ALL


def test_a_crowd_after_a_rest_is_not_let_in_at_once(listener: socket.socket) -> None:
    ask(listener, 700)
    intake = running(listener, 1000)
    assert intake.room(100, 9.0) == 5
    assert intake.room(100, 9.04) == 5
    assert intake.room(100, 9.06) == ALL


def test_all_are_taken_from_a_small_buffer() -> None:
    with open_listener("127.0.0.1", 0, 100_000) as opened:
        assert running(opened, 1000).room(100, 1.1) == ALL


class SilentKernel(socket.socket):
    """A socket of a kernel that does not know SO_MEMINFO."""

    def getsockopt(self, level: int, name: int, *length: int) -> Any:  # noqa: ANN401
        if name == SO_MEMINFO:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        return super().getsockopt(level, name, *length)


def test_all_are_taken_where_the_kernel_does_not_tell_what_waits(
    listener: socket.socket,
) -> None:
    with SilentKernel(fileno=os.dup(listener.fileno())) as silent:
        assert running(silent, 1000).room(100, 1.1) == ALL


def test_all_are_taken_where_answers_come_by_the_same_port(
    listener: socket.socket,
) -> None:
    intake = Intake(listener, has_ports=False)
    intake.taken = 1000
    assert intake.room(100, 2.0) == ALL
