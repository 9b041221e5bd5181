"""A free port that a server got is not given to other programs while it restarts."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenless.services.errors import ServiceError
from tokenless.services.free_ports import bind_free, draw_ports
from tokenless.services.listening import cannot_listen, listen_tcp
from tokenless.services.tftp.sockets.listener import open_listener

HOST = "127.0.0.1"
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
DRAW = """
from tokenless.services.free_ports import draw_ports
print(*draw_ports(), flush=True)
input()
"""


@pytest.fixture
def automatic() -> range:
    first, last = map(int, RANGE.read_text().split())
    return range(first, last + 1)


@pytest.fixture
def drawn_elsewhere() -> Iterator[set[int]]:
    """Ports of another process, which holds them."""
    with subprocess.Popen(
        [sys.executable, "-c", DRAW], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield set(map(int, process.stdout.readline().split()))
        process.communicate(b"\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_server_gets_none_of_the_automatic_ports(
    automatic: range, workers: int
) -> None:
    listeners = listen_tcp("HTTP", HOST, 0, workers)
    ports = {each.getsockname()[1] for each in listeners}
    for each in listeners:
        each.close()
    assert len(ports) == 1
    assert not ports & set(automatic)


def test_tftp_gets_none_of_them(automatic: range) -> None:
    with open_listener(HOST, 0, 1) as listener:
        assert listener.getsockname()[1] not in automatic


def test_a_port_comes_back_last() -> None:
    with socket.socket() as first:
        port = bind_free(lambda each: bound(first, each))
    drawn = list(draw_ports())
    assert drawn[-1] == port
    assert len(set(drawn)) == len(drawn)


def test_processes_draw_from_disjoint_parts(drawn_elsewhere: set[int]) -> None:
    assert drawn_elsewhere
    assert not drawn_elsewhere & set(draw_ports())


def test_a_port_that_is_taken_is_left_out() -> None:
    with socket.socket() as stranger, socket.socket() as ours:
        stranger.bind((HOST, 0))
        stranger.listen()
        drawn: list[int] = []

        def bind(port: int) -> int:
            drawn.append(port)
            taken = stranger.getsockname()[1]
            return bound(ours, taken if len(drawn) == 1 else port)

        # Other programs may hold more of the ports that are drawn.
        assert bind_free(bind) == drawn[-1]
        assert len(drawn) > 1


def test_when_all_are_taken_the_system_gives_one(automatic: range) -> None:
    with socket.socket() as stranger, socket.socket() as ours:
        stranger.bind((HOST, 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        got = bind_free(lambda port: bound(ours, taken if port else 0))
    assert got in automatic


def test_an_address_of_others_is_refused_at_once() -> None:
    with pytest.raises(ServiceError, match=r"cannot listen on 192\.0\.2\.77 port 0"):
        listen_tcp("HTTP", "192.0.2.77", 0, 1)


def test_a_name_that_has_no_address_is_said_in_words() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    said = cannot_listen("metrics", "nowhere", 9469, error).explain()
    assert said.startswith(
        "metrics cannot listen on nowhere port 9469: Name or service not known; "
        "choose an address of this machine"
    )


def bound(unbound: socket.socket, port: int) -> int:
    unbound.bind((HOST, port))
    return int(unbound.getsockname()[1])
