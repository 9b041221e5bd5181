"""Sockets that systemd hands over."""

import os
import socket
from collections.abc import Iterator

import pytest

from tokenless.services.listening import inherited_socket


@pytest.fixture
def handed_over() -> Iterator[tuple[int, tuple[str, int]]]:
    """Two descriptors one after the other, as systemd gives them."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
    ):
        datagram.bind(("127.0.0.1", 0))
        first = 200
        os.dup2(stream.fileno(), first)
        os.dup2(datagram.fileno(), first + 1)
        yield first, datagram.getsockname()
        os.close(first)
        os.close(first + 1)


def test_the_socket_of_our_address_is_taken(
    handed_over: tuple[int, tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, (host, port) = handed_over
    assert inherited_socket(host, port, first) is None
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    assert inherited_socket(host, port, first) is None
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert inherited_socket(host, port + 1, first) is None
    found = inherited_socket(host, port, first)
    assert found is not None
    assert found.getsockname() == (host, port)
    assert not found.getblocking()
    found.close()


@pytest.mark.parametrize("count", ["", "x", "-1", "0", "1"])
def test_odd_counts_hand_nothing_over(
    handed_over: tuple[int, tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    count: str,
) -> None:
    first, where = handed_over
    monkeypatch.setenv("LISTEN_FDS", count)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert inherited_socket(*where, first) is None
