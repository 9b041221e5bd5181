"""What becomes of requests: refusals, limits, and what is logged of them."""

import ipaddress

import pytest

from tests.rigs.tftp_rig import BOTH, FILES, rig, settings
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode, encode_ack
from tokenless.services.tftp.counters import Count, TftpCounters
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.settings import Ports, TftpSettings


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0\1absent\0octet\0", TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\2small\0octet\0", TftpErrorCode.ACCESS_VIOLATION),
        (b"\0\1small\0mail\0", TftpErrorCode.ILLEGAL_OPERATION),
        (b"\0\1small\0octet\0blksize\0", TftpErrorCode.ILLEGAL_OPERATION),
        (b"\0\1" + b"\xff" * 500, TftpErrorCode.ILLEGAL_OPERATION),
        ("\0\1Klingeltöne.xml\0octet\0".encode(), TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\1/absent\0octet\0", TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\1/\0octet\0", TftpErrorCode.FILE_NOT_FOUND),
    ],
)
@BOTH
def test_requests_that_are_refused(ports: Ports, data: bytes, code: int) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.send(data)
        server.turn()
        assert client.one()[0][:4] == b"\0\5" + int(code).to_bytes(2)
        assert server.engine.under_way == 0


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\1"[:1], b"\0\6a\0b\0", b"\0\5\0\1x\0", b"\xff" * 513]
)
@BOTH
def test_junk_is_not_answered(ports: Ports, data: bytes) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.send(data)
        server.turn()
        assert not client.received()
        assert server.fetch(client, "small") == b"list"


@BOTH
@pytest.mark.parametrize("name", ["/small", "//small"])
def test_a_leading_slash_is_no_part_of_the_name(ports: Ports, name: str) -> None:
    with rig(settings(ports)) as server:
        assert server.fetch(server.client(), name) == FILES["small"]


@BOTH
def test_an_unknown_option_with_an_empty_value_is_ignored(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        assert server.fetch(server.client(), "large", "multicast", "") == FILES["large"]


@pytest.mark.parametrize(
    "failure",
    [
        OSError("disk"),
        ProtocolError("cannot sign"),
        OverflowError("can't convert negative int to unsigned"),
        KeyError("pool"),
        AssertionError(),
    ],
)
def test_a_source_that_fails_for_one_file_serves_the_others(
    failure: Exception,
) -> None:
    class Failing(MemoryFiles):
        def find(self, name: str) -> bytes:
            if name == "broken":
                raise failure
            return super().find(name)

    with rig(source=Failing(dict(FILES))) as server:
        client = server.client()
        answer = server.ask(client, "broken")[0]
        assert answer == b"\0\5\0\0The file cannot be made\0"
        (line,) = server.log
        assert (line["event"], line["file"]) == ("tftp refused", "broken")
        assert str(failure) in str(line["reason"])
        assert server.fetch(client, "small") == b"list"


def test_a_source_decides_the_code() -> None:
    class Refusing:
        def find(self, name: str) -> bytes:
            raise TftpError(TftpErrorCode.NO_SUCH_USER, name)

    with rig(source=Refusing()) as server:
        client = server.client()
        assert server.ask(client, "somebody")[0] == b"\0\5\0\7somebody\0"


def test_networks_that_are_not_allowed_get_no_answer() -> None:
    allow = (ipaddress.ip_network("127.0.1.0/24"),)
    with rig(TftpSettings(allow=allow)) as server:
        stranger = server.client("127.0.0.1")
        stranger.ask("small")
        server.turn()
        assert not stranger.received()
        assert server.counters[Count.NOT_ALLOWED] == 1
        assert server.fetch(server.client("127.0.1.77"), "small") == b"list"


def test_an_address_has_its_share() -> None:
    with rig(TftpSettings(max_transfers_per_address=3)) as server:
        clients = [server.client() for _ in range(5)]
        for client in clients:
            client.ask("large")
        server.turn()
        assert [len(client.received()) for client in clients] == [1, 1, 1, 0, 0]
        assert server.counters[Count.OVER_LIMIT] == 2
        assert server.fetch(server.client("127.0.0.2"), "small") == b"list"
        server.wait(10)
        assert server.fetch(clients[4], "small") == b"list"


@BOTH
def test_five_requests_from_one_port(ports: Ports) -> None:
    """The last one is served; who sent them learns that the others are not."""
    with rig(settings(ports)) as server:
        client = server.client()
        for number in range(5):
            client.ask("large", "timeout", str(number + 1))
            server.turn()
        answers = client.received()
        errors = [data for data, _ in answers if data[:2] == b"\0\5"]
        has_ports = ports is Ports.PER_TRANSFER
        assert errors == [b"\0\5\0\0Replaced by a newer request from this port\0"] * (
            4 * has_ports
        )
        assert answers[-1][0][:4] == b"\0\3\0\1"  # its time-out is not accepted


@BOTH
def test_a_full_table_displaces_who_never_answered(ports: Ports) -> None:
    with rig(settings(ports, max_transfers=4)) as server:
        honest = server.client()
        source = server.begin(honest, "large")
        honest.received()
        for _ in range(50):
            server.client().ask("large")
            server.turn()
        assert server.engine.under_way == 4
        honest.send(encode_ack(2), source)
        server.turn()
        assert honest.one()[0][:4] == b"\0\3\0\3"
        assert server.counters.ended(TransferOutcome.DISPLACED) == 47


@BOTH
def test_a_full_table_displaces_who_made_no_progress_longest(ports: Ports) -> None:
    with rig(settings(ports, max_transfers=3)) as server:
        silent, slow, honest = (server.client() for _ in range(3))
        begun = [(each, server.begin(each, "large")) for each in (silent, slow, honest)]
        late = server.client()
        late.ask("small")
        server.turn()
        assert not late.received()  # all made progress within this second
        assert server.counters[Count.OVER_LIMIT] == 1
        for block in (2, 3, 4):
            server.wait(0.4)
            for client, source in begun[1:]:
                client.received()
                client.send(encode_ack(block), source)
            server.turn()
        assert server.fetch(late, "small") == FILES["small"]
        assert server.counters.ended(TransferOutcome.DISPLACED) == 1
        for client, source in begun[1:]:
            client.received()
            client.send(encode_ack(5), source)
            server.turn()
            assert client.one()[0][:4] == b"\0\3\0\6"
        silent.received()
        silent.send(encode_ack(2), begun[0][1])
        server.turn()
        assert [data[:2] for data, _ in silent.received()] in ([b"\0\5"], [])


@BOTH
def test_a_full_table_leaves_clients_the_time_to_answer(ports: Ports) -> None:
    """Phones that ask at once must not displace each other beside silent transfers."""
    with rig(settings(ports, max_transfers=4)) as server:
        for _ in range(4):
            server.begin(server.client(), "large")
        server.wait(2)
        phones = [server.client() for _ in range(4)]
        for phone in phones:
            phone.ask("small")
        server.turn()
        assert [phone.one()[0][4:] for phone in phones] == [FILES["small"]] * 4
        assert server.engine.under_way == 4
        for phone in phones:
            assert server.engine._table.get(phone.socket.getsockname()) is not None


def test_an_address_at_its_limit_displaces_one_of_its_own() -> None:
    with rig(TftpSettings(max_transfers_per_address=2)) as server:
        other = server.client("127.0.0.2")
        elsewhere = server.begin(other, "large")
        mine = [server.client() for _ in range(2)]
        for client in mine:
            server.begin(client, "large")
        server.wait(2)
        assert server.fetch(server.client(), "small") == FILES["small"]
        assert server.counters.ended(TransferOutcome.DISPLACED) == 1
        other.received()
        other.send(encode_ack(2), elsewhere)
        server.turn()
        assert other.one()[0][:4] == b"\0\3\0\3"


def test_a_transfer_is_one_line() -> None:
    with rig() as server:
        server.now = 5.0
        server.fetch(server.client(), "large")
        (line,) = server.log
        port = server.clients[0].socket.getsockname()[1]
        assert line == {
            "level": "info",
            "event": "tftp transfer",
            "file": "large",
            "client": f"127.0.0.1:{port}",
            "bytes": 4611,
            "blocks": 10,
            "retransmits": 0,
            "seconds": 0.0,
            "outcome": "complete",
        }


def test_lines_are_rate_limited_and_summed_up() -> None:
    with rig(TftpSettings(log_lines_per_s=3)) as server:
        client = server.client()
        for _ in range(10):
            server.fetch(client, "small")
        client.ask("absent")
        server.turn()
        assert len(server.log) == 3
        client.received()
        server.wait(1.5)
        (summary,) = server.log[3:]
        assert summary["event"] == "tftp, not listed one by one"
        assert (summary["complete"], summary["refused"]) == (7, 1)
        server.fetch(client, "small")
        assert server.log[-1]["event"] == "tftp transfer"


def test_what_was_dropped_at_a_limit_is_known_for_a_while() -> None:
    counters = TftpCounters()
    assert not counters.dropped_within(1000)
    for count in (Count.DUPLICATES, Count.NOT_ALLOWED):
        counters.drop(count)
    assert not counters.dropped_within(1000)
    counters.drop(Count.OVER_LIMIT)
    assert counters.dropped_within(1000)
    assert not counters.dropped_within(-1)
