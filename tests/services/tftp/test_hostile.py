"""A hostile network: forged requests, silent clients, any bytes at all."""

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rigs.tftp_rig import BOTH, FILES, Rig, no_descriptors_left, rig
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.packets import encode_ack
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.files.static_files import StaticFiles
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.transfers.table import UnknownClientLimiter

REQUEST = b"\0\1large\0octet\0"


@pytest.fixture
def forge() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.bind(("0.0.0.0", 0))  # noqa: S104 (to send from all of 127/8)
        yield forger


def send_from(
    forger: socket.socket, host: int, data: bytes, to: tuple[str, int]
) -> None:
    """Send with a source address of our choice in 127/8 (IP_PKTINFO)."""
    source = struct.pack("@I4sI", 0, (127 << 24 | host).to_bytes(4), 0)
    forger.sendmsg([data], [(socket.IPPROTO_IP, 8, source)], 0, to)


@BOTH
def test_a_flood_of_forged_requests_is_bounded(
    ports: Ports, forge: socket.socket
) -> None:
    limit = 300
    with rig(TftpSettings(ports=ports, max_transfers=limit)) as server:
        for number in range(1, 6000):
            send_from(forge, number, REQUEST, server.address)
            if number % 50 == 0:
                server.turn()
                server.wait(0.01)
                assert server.engine.under_way <= limit
            if number % 1000 == 0:
                assert server.fetch(server.client(), "large") == FILES["large"]
        server.turn()
        assert server.counters[Count.STARTED] == 5999 + 5
        server.wait(30)
        assert server.engine.under_way == 0
        table = server.engine._table
        assert not table._sessions
        assert not table._unanswered
        assert not table._by_address
        assert not server.engine._by_descriptor
        assert not server.engine._deadlines._slots


def test_a_flood_costs_little_and_keeps_no_known_phone_waiting(
    forge: socket.socket,
) -> None:
    limits = TftpSettings(max_unanswered=100, unknown_clients_per_s=50)
    with rig(limits) as server:
        known, unknown = server.client("127.0.9.1"), server.client("127.0.9.2")
        server.fetch(known, "small")
        for number in range(1, 1000):
            send_from(forge, number, REQUEST, server.address)
        server.turn()
        started = server.counters[Count.STARTED]
        assert started == 1 + 100 + 5
        assert server.counters[Count.FLOOD] == 999 - 105
        assert server.fetch(known, "large") == FILES["large"]
        unknown.ask("small")
        server.turn()
        assert not unknown.received()
        server.now += 0.1  # the next slice of its second
        assert server.fetch(unknown, "small") == FILES["small"]
        server.wait(10)
        assert server.engine.under_way == 0


def test_a_storm_of_phones_that_answer_is_no_flood() -> None:
    with rig(TftpSettings(max_unanswered=100, unknown_clients_per_s=50)) as server:
        for number in range(1, 500):
            phone = server.client(f"127.0.{number // 250}.{number % 250 + 1}")
            assert server.fetch(phone, "small") == FILES["small"]
        assert server.counters[Count.FLOOD] == 0


def test_the_memory_of_addresses_is_bounded() -> None:
    limiter = UnknownClientLimiter(per_s=10)
    for number in range(40_000):
        limiter.note_answer(f"10.0.{number // 256}.{number % 256}")
    assert len(limiter._known) == 16_384
    assert limiter.may_enter("10.0.156.63", 0.0)


GREEDY = b"\0\1large\0octet\0blksize\x0065464\0windowsize\x0065535\0"


@BOTH
def test_forged_requests_are_answered_with_little(ports: Ports) -> None:
    """One packet of 516 bytes at most for a request, whatever it asks for."""
    with rig(TftpSettings(ports=ports)) as server:
        victim = server.client("127.0.5.5")
        for request in (REQUEST, GREEDY):
            victim.send(request)  # stands for somebody else who forges its address
            server.turn()
            server.wait(60)
            (got,) = [data for data, _ in victim.received()]
            assert len(got) <= 516


@pytest.mark.parametrize("request_data", [REQUEST, GREEDY])
@pytest.mark.parametrize("step", [1, 64])
@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("mode", ["per-transfer", "single", "no ports left"])
def test_forged_acks_gain_less_than_one_packet_more_for_each(
    mode: str, is_known: bool, step: int, request_data: bytes
) -> None:
    """Somebody who hears nothing sends a request and ACKs with the victim's address."""
    ports = Ports.SINGLE if mode == "single" else Ports.PER_TRANSFER
    content = bytes(512 * 3000)
    files = MemoryFiles({"large": content, "small": b"list"})
    with ExitStack() as stack:
        server = stack.enter_context(rig(TftpSettings(ports=ports), files))
        victim = server.client("127.0.5.5")
        if mode == "no ports left":
            stack.enter_context(no_descriptors_left())
        if is_known:
            server.fetch(victim, "small")
        forged = [request_data, *(encode_ack(n * step) for n in range(300))]
        received: list[bytes] = []
        for datagram in forged:
            victim.send(datagram)  # to the well-known port: no other is known
            server.turn()
            received += [data for data, _ in victim.received()]
        server.wait(60)
        received += [data for data, _ in victim.received()]
        assert len(received) < 2 * len(forged)
        assert max(map(len, received)) <= 516
        assert server.counters.under_way == 0
        assert (server.counters[Count.SHARED_PORT] > 0) == (mode == "no ports left")


@pytest.mark.parametrize("ports", list(Ports))
def test_an_agreed_timeout_holds_no_transfer(ports: Ports) -> None:
    """One ACK and silence: 255 s times seven retransmits, if it were agreed to."""
    with rig(TftpSettings(ports=ports, max_transfers=50)) as server:
        for _ in range(50):
            attacker = server.client("127.0.6.6")
            data, source = server.ask(attacker, "large", "timeout", "255")
            assert data[:2] == b"\0\3"  # not agreed to
            attacker.send(encode_ack(1), source)
            server.turn()
        server.wait(2)
        assert server.engine.under_way == 50
        assert server.fetch(server.client("127.0.6.7"), "large") == FILES["large"]
        server.wait(12)
        assert server.engine.under_way == 0


def test_a_client_that_answers_now_and_then_is_displaced() -> None:
    with rig(TftpSettings(max_transfers=20)) as server:
        dribbling = [server.client("127.0.6.6") for _ in range(20)]
        begun = [(each, server.begin(each, "large")) for each in dribbling]
        for block in range(2, 6):
            server.wait(5)
            for client, source in begun:
                client.received()
                client.send(encode_ack(block), source)
            server.turn()
            assert server.engine.under_way >= 19
            server.wait(1.5)
            assert server.fetch(server.client(), "large") == FILES["large"]


@BOTH
def test_silent_clients_keep_nobody_waiting(ports: Ports) -> None:
    with rig(TftpSettings(ports=ports)) as server:
        for _ in range(1200):
            server.client().send(REQUEST)
        server.turn()
        assert server.engine.under_way == 1200
        honest = server.client()
        assert server.fetch(honest, "large") == FILES["large"]
        server.wait(10)
        assert server.engine.under_way == 0
        assert server.counters.ended(TransferOutcome.NO_ANSWER) == 1200
        assert server.fetch(honest, "large") == FILES["large"]


def test_idle_ports_are_given_back() -> None:
    with rig() as server:
        clients = [server.client() for _ in range(700)]
        for client in clients:
            client.send(REQUEST)
        server.turn()
        server.wait(20)
        assert len(server.engine._ports._by_descriptor) == 2 * 256
        assert server.engine.next_at == float("inf")
        assert server.fetch(server.client(), "large") == FILES["large"]


@given(
    datagrams=st.lists(
        st.one_of(
            st.binary(max_size=600),
            st.binary(max_size=100).map(lambda tail: b"\0\1" + tail),
            st.binary(max_size=40).map(lambda tail: b"\0\1large\0octet\0" + tail),
            st.integers(0, 65535).map(encode_ack),
            st.binary(max_size=40).map(lambda tail: b"\0\5" + tail),
        ),
        max_size=30,
    ),
    ports=st.sampled_from(list(Ports)),
    to_transfer=st.lists(st.booleans(), min_size=30, max_size=30),
)
@settings(max_examples=150)
def test_no_datagrams_stop_the_server(
    datagrams: list[bytes], ports: Ports, to_transfer: list[bool]
) -> None:
    with rig(TftpSettings(ports=ports)) as server:
        hostile = server.client()
        hostile.ask("large")
        server.turn()
        where = hostile.one()[1]
        for data, is_transfer in zip(datagrams, to_transfer, strict=False):
            hostile.send(data, where if is_transfer else None)
            server.turn()
        hostile.received()
        assert server.fetch(server.client(), "large") == FILES["large"]
        server.wait(120)
        assert server.engine.under_way == 0


HOSTILE_NAMES = [
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a\\b",
    "%00",
    "~root",
    "-",
    " ",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_refused_by_a_running_server(
    name: str, on_disk: Path
) -> None:
    (on_disk / "large").write_bytes(FILES["large"])
    with rig(source=StaticFiles(on_disk)) as server:
        client = server.client()
        assert server.ask(client, name)[0][:2] == b"\0\5"
        assert server.fetch(client, "large") == FILES["large"]


def test_slow_clients_cannot_lose_a_packet_in_another_ones_transfer() -> None:
    """Many transfers advance in random order; each gets its own file whole."""
    order = random.Random(3)
    with rig() as server:
        transfers = [_Slow(server) for _ in range(40)]
        while transfers:
            transfer = order.choice(transfers)
            if transfer.step():
                transfers.remove(transfer)
        assert server.counters.ended(TransferOutcome.COMPLETE) == 40


class _Slow:
    def __init__(self, server: Rig) -> None:
        self._server = server
        self._client = server.client()
        self._client.ask("large")
        self._content = b""

    def step(self) -> bool:
        self._server.turn()
        data, source = self._client.one()
        self._content += data[4:]
        self._client.send(b"\0\4" + data[2:4], source)
        self._server.turn()
        if len(data) == 516:
            return False
        assert self._content == FILES["large"]
        return True
