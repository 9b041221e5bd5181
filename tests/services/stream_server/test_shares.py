"""Turns at handshakes: round robin by address, places, rates. Pure: no sockets."""

import socket
from collections.abc import Iterator

import pytest
import structlog

from tokenless.services.limited_log import LimitedLog
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.loop.loop import StreamLoop
from tokenless.services.stream_server.loop.shares import Shares
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.tvs.guest import make_worker_guest

ATTACKER, HONEST = "192.0.2.1", "192.0.2.2"


class _Sockets:
    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.open: list[socket.socket] = []
        self.loop = _idle_loop()

    def connection(self, address: str) -> Connection:
        sock = socket.socket()
        self.open.append(sock)
        share = self.shares.of(address)
        made = Connection(sock, address, 0, None, share, self.loop)
        share.connections[made] = None
        return made

    def waiting(self, address: str) -> Connection:
        made = self.connection(address)
        self.shares.wait_for_turn(made)
        return made


def _idle_loop() -> StreamLoop:
    """Return a loop without listeners: nothing is sent here, and no timer set."""
    limits = StreamLimits()
    cells = memoryview(bytearray(8 * 64)).cast("Q")
    log = LimitedLog(structlog.get_logger(), 0, summary="not listed one by one")
    guest = make_worker_guest(GuestTools(cells, log, limits))
    return StreamLoop([], (), guest, name="idle", limits=limits, cells=cells, log=log)


@pytest.fixture
def sockets() -> Iterator[_Sockets]:
    made = _Sockets(Shares(StreamLimits(handshakes_per_address=4)))
    yield made
    for each in made.open:
        each.close()
    made.loop.close()


def test_an_address_waits_for_one_handshake_of_each_other(sockets: _Sockets) -> None:
    for _ in range(50):
        sockets.waiting(ATTACKER)
    sockets.shares.next(0.0)
    honest = sockets.waiting(HONEST)
    assert honest in {sockets.shares.next(0.0), sockets.shares.next(0.0)}


def test_one_that_has_begun_goes_first_and_gives_its_place_back(
    sockets: _Sockets,
) -> None:
    shares = sockets.shares
    all_of_them = [sockets.waiting(ATTACKER) for _ in range(6)]
    first = [shares.next(0.0) for _ in range(5)]
    assert first == [*all_of_them[:4], None]
    assert not shares.is_behind
    shares.wait_for_turn(all_of_them[2])
    assert shares.next(0.0) is all_of_them[2]
    shares.end_handshake(all_of_them[2])
    assert shares.next(0.0) is all_of_them[4]
    assert shares.next(0.0) is None


def test_who_goes_leaves_nothing_behind(sockets: _Sockets) -> None:
    shares = sockets.shares
    all_of_them = [sockets.waiting(ATTACKER) for _ in range(6)]
    for _ in range(4):
        shares.next(0.0)
    for each in all_of_them:
        shares.remove(each)
    assert shares.next(0.0) is None
    assert shares.of(ATTACKER) is not all_of_them[0].share


def test_a_rate_is_kept_across_connections(sockets: _Sockets) -> None:
    shares = sockets.shares
    shares.change_limits(StreamLimits(handshakes_per_address_s=2))
    begun = 0
    for _ in range(10):
        each = sockets.waiting(ATTACKER)
        begun += shares.next(100.0) is not None
        shares.remove(each)
    assert begun == 2
    again = sockets.waiting(ATTACKER)
    assert shares.next(100.2) is None
    shares.unblock(100.5)
    assert shares.next(100.5) is again


def test_a_host_of_ipv6_has_one_share(sockets: _Sockets) -> None:
    of = sockets.shares.of
    assert of("2001:db8::1") is of("2001:db8::ffff:1")
    assert of("2001:db8::1") is not of("2001:db8:0:1::1")
    assert of("::ffff:192.0.2.1") is not of("::ffff:192.0.2.2")
    assert of("fe80::1%eth0") is of("fe80::2%eth0")
