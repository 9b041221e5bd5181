"""Ports of transfers: given, taken back, closed; windows that the network refuses."""

import errno
import os
import resource
import select
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tokenless.protocol.tftp.blocks import Blocks
from tokenless.protocol.tftp.endings import Timing
from tokenless.protocol.tftp.options import NegotiatedOptions
from tokenless.protocol.tftp.transfer import Transfer
from tokenless.services.tftp.sockets.ports import (
    DESCRIPTORS_A_PORT,
    PortPool,
    TransferPort,
)
from tokenless.services.tftp.transfers.session import Session, send_segmented

HERE = "127.0.0.1"
ERROR_HEAD = b"\0\5"


@pytest.fixture
def pool() -> Iterator[PortPool]:
    with select.epoll() as epoll:
        pool = PortPool(socket.AF_INET, epoll)
        yield pool
        pool.close()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((HERE, 0))
        client.settimeout(5)
        yield client


@pytest.fixture
def port() -> Iterator[TransferPort]:
    port = TransferPort(socket.AF_INET, HERE)
    yield port
    port.close()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_address_that_is_not_ours_leaves_nothing_open() -> None:
    before = open_descriptors()
    with pytest.raises(OSError, match="assign requested address"):
        TransferPort(socket.AF_INET, "192.0.2.77")
    assert open_descriptors() == before


def test_the_last_descriptor_is_given_back() -> None:
    """A port is two sockets; there is room for one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            TransferPort(socket.AF_INET, HERE)
        os.close(os.open("/dev/null", os.O_RDONLY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_idle_ports_are_used_again_the_longest_idle_first(
    pool: PortPool, client: socket.socket
) -> None:
    peer = client.getsockname()
    first, second = pool.take(peer, HERE), pool.take(peer, HERE)
    pool.give_back(first)
    pool.give_back(second)
    assert pool.take(peer, HERE) is first
    assert pool.find(first.descriptor) is first
    assert pool.find(second.strangers_descriptor) is second


def test_a_client_that_cannot_be_reached_costs_no_port(pool: PortPool) -> None:
    before = open_descriptors()
    with pytest.raises(OSError, match=r"denied|unreachable|Invalid"):
        pool.take(("255.255.255.255", 69), HERE)
    assert open_descriptors() == before


def test_no_more_idle_ports_are_kept_than_needed(client: socket.socket) -> None:
    with select.epoll() as epoll:
        pool = PortPool(socket.AF_INET, epoll, most_idle=3)
        taken = [pool.take(client.getsockname(), HERE) for _ in range(5)]
        before = open_descriptors()
        for port in taken:
            pool.give_back(port)
        assert before - open_descriptors() == 2 * DESCRIPTORS_A_PORT
        pool.close()


def test_a_pool_leaves_descriptors_to_others(
    client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (25, 25))
    with select.epoll() as epoll:
        pool = PortPool(socket.AF_INET, epoll)
        for _ in range(5):
            pool.take(client.getsockname(), HERE)
        with pytest.raises(OSError, match="Too many open files"):
            pool.take(client.getsockname(), HERE)
        pool.close()


def test_a_late_datagram_of_an_earlier_client_is_thrown_away(
    port: TransferPort, client: socket.socket
) -> None:
    port.connect(client.getsockname())
    client.sendto(b"late", port.own.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HERE, 0))
        port.connect(other.getsockname())
        with pytest.raises(BlockingIOError):
            port.own.recv(100)
        other.sendto(b"its own", port.own.getsockname())
        assert port.own.recv(100) == b"its own"


def test_the_error_of_an_earlier_client_is_thrown_away(
    port: TransferPort, client: socket.socket
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((HERE, 0))
        closed = gone.getsockname()
    port.connect(closed)
    port.own.send(b"to nobody")  # ICMP answers at once on loopback
    port.connect(client.getsockname())
    port.own.send(b"x")
    assert client.recv(10) == b"x"


def test_many_strangers_are_answered_a_turn_at_a_time(
    port: TransferPort, client: socket.socket
) -> None:
    port.connect(("127.0.0.2", 69))
    there = (HERE, port.own.getsockname()[1])
    for _ in range(40):
        client.sendto(b"\0\4\0\1", there)
    client.sendto(ERROR_HEAD + b"\0\0no\0", there)
    answered = port.answer_strangers(b"wrong", ERROR_HEAD)
    assert 0 < answered < 40
    assert answered + port.answer_strangers(b"wrong", ERROR_HEAD) == 41
    client.setblocking(False)
    assert [client.recv(10) for _ in range(40)] == [b"wrong"] * 40
    with pytest.raises(BlockingIOError):  # an error is not answered with an error
        client.recv(10)


def test_parts_that_the_kernel_cannot_cut(port: TransferPort) -> None:
    assert not port.enable_segmentation(1 << 17)
    assert port.enable_segmentation(1000)
    assert port.enable_segmentation(1000)
    assert not port.enable_segmentation(0)


def window(count: int) -> tuple[Session, Sequence[bytes]]:
    """Return a transfer in windows, and one of them."""
    blocks = Blocks(b"x" * 512 * count, 512)
    agreement = NegotiatedOptions(block_size=512, window=count)
    transfer = Transfer(blocks, agreement, Timing(), 0.0)
    session = Session(transfer, (HERE, 1), b"", "file", 0.0)
    return session, [blocks.packet(number) for number in range(1, count + 1)]


def test_a_network_that_refuses_trains_gets_datagrams(port: TransferPort) -> None:
    session, datagrams = window(200)
    session.port = port
    sent: list[bytes] = []

    def send(data: bytes) -> None:
        if len(data) > 516 and len(sent) > 0:
            raise OSError(errno.EMSGSIZE, "Message too long")
        sent.append(data)

    session.send = send
    send_segmented(session, datagrams)
    assert len(sent[0]) == 64 * 516
    assert sent[1:] == datagrams[64:]
    assert session.segment_bytes == 0


@pytest.mark.parametrize("error", [BlockingIOError, ConnectionRefusedError])
def test_what_ends_a_window_is_no_reason_against_trains(error: type[OSError]) -> None:
    session, datagrams = window(8)

    def send(_data: bytes) -> None:
        raise error

    session.send = send
    with pytest.raises(error):
        send_segmented(session, datagrams)
    assert session.segment_bytes == 516


def test_a_transfer_without_its_own_port_stops_trains_too() -> None:
    session, _ = window(8)
    session.stop_segmentation()
    assert session.segment_bytes == 0
