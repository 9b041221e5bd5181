"""Sockets that systemd hands over."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tokenless.services.tftp.activation import inherited_socket


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


SEVERAL_WORKERS = """
import os, socket, trio
from tokenless.services.errors import ServiceError
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import TftpSettings
from tokenless.services.tftp.source import MemoryFiles

given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
given.bind(("127.0.0.1", 0))
address, port = given.getsockname()
os.dup2(given.fileno(), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
server = TftpServer(
    MemoryFiles({}), address=address, port=port, settings=TftpSettings(workers=2)
)
try:
    trio.run(server.bind)
except ServiceError as error:
    print(error.explain())
"""


def test_one_socket_is_not_enough_for_several_workers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL_WORKERS],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a socket unit hands over one socket" in done.stdout
    assert "[tftp] workers = 1" in done.stdout
