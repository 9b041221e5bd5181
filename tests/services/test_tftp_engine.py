"""The engine on real sockets: identifiers, repetitions, limits, what is logged."""

import ipaddress
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.errors import ProtocolError
from protocol.tftp_packets import TftpError, TftpErrorCode, encode_ack, encode_error
from protocol.tftp_transfer import Outcome
from services.tftp.counters import Count
from services.tftp.settings import Ports, TftpSettings
from services.tftp.source import MemoryFiles
from tests.tftp_rig import BLOCK, FILES, Rig, rig, single

BOTH = pytest.mark.parametrize("ports", list(Ports))
ERROR_5 = encode_error(TftpErrorCode.UNKNOWN_TRANSFER_ID)


def settings(ports: Ports, **values: object) -> TftpSettings:
    return replace(TftpSettings(ports=ports), **values)  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize("name", ["small", "large"])
def test_files_are_served(ports: Ports, name: str) -> None:
    with rig(settings(ports)) as server:
        assert server.fetch(server.client(), name) == FILES[name]
        assert server.counters.ended(Outcome.COMPLETE) == 1
        assert server.counters[Count.BYTES] == len(FILES[name])
        assert server.counters.under_way == 0


@BOTH
def test_the_same_client_fetches_again_and_again(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        for _ in range(5):
            assert server.fetch(client, "large") == FILES["large"]


def test_each_transfer_has_a_port_of_its_own() -> None:
    with rig() as server:
        clients = [server.client() for _ in range(20)]
        for client in clients:
            client.ask("large")
        server.turn()
        ports = {client.one()[1][1] for client in clients}
        assert len(ports) == 20
        assert server.address[1] not in ports


def test_a_single_port_answers_for_all() -> None:
    with rig(single()) as server:
        clients = [server.client() for _ in range(20)]
        for client in clients:
            client.ask("large")
        server.turn()
        assert {client.one()[1] for client in clients} == {server.address}


@BOTH
def test_a_repeated_request_is_answered_once(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        for _ in range(3):
            client.ask("large")
        server.turn()
        assert len(client.received()) == 1
        assert server.counters[Count.DUPLICATES] == 2
        assert server.counters[Count.STARTED] == 1


@BOTH
def test_a_repetition_after_our_last_one_is_answered_again(ports: Ports) -> None:
    """The client is there; all that we sent was lost, or the client sleeps long."""
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("small")
        server.turn()
        server.wait(1.0)
        assert len(client.received()) == 3
        client.ask("small")
        server.turn()
        _, source = client.one()
        client.send(encode_ack(1), source)
        server.turn()
        assert server.counters.ended(Outcome.COMPLETE) == 1


@BOTH
def test_another_request_before_an_answer_takes_the_place(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("large")
        client.ask("small")
        server.turn()
        assert [data[4:] for data, _ in client.received()] == [BLOCK, b"list"]
        assert server.counters.under_way == 1


@BOTH
def test_a_request_after_progress_replaces_the_transfer(ports: Ports) -> None:
    """A client's port is used again by its next program (or the same one)."""
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("large")
        server.turn()
        _, source = client.one()
        client.send(encode_ack(1), source)
        server.turn()
        client.received()
        assert server.fetch(client, "large") == FILES["large"]
        assert server.counters.ended(Outcome.REPLACED) == 1
        assert server.counters.under_way == 0


@BOTH
def test_a_late_repetition_of_the_request_does_not_end_the_transfer(
    ports: Ports,
) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("large")
        server.turn()
        data, source = client.one()
        client.send(encode_ack(1), source)
        server.turn()
        data, source = client.one()
        client.ask("large")  # was on the way all the time
        server.turn()
        client.received()  # block 1, to which a client pays no attention
        client.send(b"\0\4" + data[2:4], source)
        server.turn()
        assert client.one()[0][:4] == b"\0\3\0\3"


@BOTH
def test_packets_from_another_port_get_error_5_and_disturb_nothing(
    ports: Ports,
) -> None:
    with rig(settings(ports)) as server:
        client, stranger = server.client(), server.client()
        client.ask("large")
        server.turn()
        _, source = client.one()
        stranger.send(encode_ack(1), source)
        stranger.send(encode_error(0), source)
        server.turn()
        assert stranger.received() == [(ERROR_5, source)]
        assert not client.received()
        client.send(encode_ack(1), source)
        server.turn()
        assert client.one()[0][:4] == b"\0\3\0\2"


@pytest.mark.parametrize("data", [encode_ack(1), b"\0\3\0\1x"])
@BOTH
def test_answers_without_a_transfer_get_error_5(ports: Ports, data: bytes) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.send(data)
        server.turn()
        assert client.one()[0] == ERROR_5
        assert server.counters[Count.WRONG_TID] == 1


def test_a_used_port_knows_nothing_of_its_last_client() -> None:
    with rig() as server:
        first = server.client()
        server.fetch(first, "small")
        second = server.client()
        second.ask("large")
        server.turn()
        data, source = second.one()
        first.send(encode_ack(1), source)
        server.turn()
        assert first.one()[0] == ERROR_5
        assert data[:4] == b"\0\3\0\1"
        assert not second.received()


def test_what_an_earlier_client_sent_last_is_thrown_away() -> None:
    with rig() as server:
        first, second = server.client(), server.client()
        server.fetch(first, "small")
        first.ask("small")
        server.turn()
        data, source = first.one()
        for _ in range(3):
            first.send(b"\0\4" + data[2:4], source)  # two too many
        second.ask("large")
        server.turn()
        assert second.one()[0][:4] == b"\0\3\0\1"
        server.turn()
        assert server.counters.under_way == 1


def test_a_closed_client_ends_its_transfer_at_once() -> None:
    with rig() as server:
        client = server.client()
        client.ask("large")
        server.turn()
        client.socket.close()
        server.wait(0.5)
        assert server.counters.ended(Outcome.NO_ANSWER) == 1
        assert server.counters.under_way == 0
        assert server.fetch(server.client(), "large") == FILES["large"]


@BOTH
def test_without_an_answer_three_packets_are_sent(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("large")
        server.turn()
        server.wait(60)
        assert len(client.received()) == 3
        assert server.counters.ended(Outcome.NO_ANSWER) == 1
        assert server.engine.under_way == 0


@BOTH
@pytest.mark.parametrize("blksize", ["512", "1428", "20000"])
def test_windows_arrive_whole(ports: Ports, blksize: str) -> None:
    """1,428: the kernel cuts trains; 20,000: longer than a train may be."""
    content = bytes(range(256)) * 1000
    with rig(settings(ports), MemoryFiles({"f": content})) as server:
        client = server.client()
        client.ask("f", "blksize", blksize, "windowsize", "4")
        server.turn()
        data, source = client.one()
        assert data[:2] == b"\0\6"
        client.send(encode_ack(0), source)
        got, last = b"", 0
        while len(got) < len(content):
            server.turn()
            for data, _ in client.received():
                last += 1
                assert data[:4] == b"\0\3" + last.to_bytes(2)
                got += data[4:]
            client.send(encode_ack(last), source)
        assert got == content


@BOTH
def test_netascii(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("text", "tsize", "0", mode="NETASCII")
        server.turn()
        data, source = client.one()
        assert data == b"\0\6tsize\x004\0"
        client.send(encode_ack(0), source)
        server.turn()
        assert client.one()[0] == b"\0\3\0\1a\r\nb"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0\1absent\0octet\0", TftpErrorCode.FILE_NOT_FOUND),
        (b"\0\2small\0octet\0", TftpErrorCode.ACCESS_VIOLATION),
        (b"\0\1small\0mail\0", TftpErrorCode.ILLEGAL_OPERATION),
        (b"\0\1small\0octet\0blksize\0", TftpErrorCode.ILLEGAL_OPERATION),
        (b"\0\1" + b"\xff" * 500, TftpErrorCode.ILLEGAL_OPERATION),
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


@pytest.mark.parametrize("failure", [OSError("disk"), ProtocolError("cannot sign")])
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
        client.ask("broken")
        server.turn()
        assert client.one()[0][:4] == b"\0\5\0\0"
        assert server.fetch(client, "small") == b"list"


def test_a_source_decides_the_code() -> None:
    class Refusing:
        def find(self, name: str) -> bytes:
            raise TftpError(TftpErrorCode.NO_SUCH_USER, name)

    with rig(source=Refusing()) as server:
        client = server.client()
        client.ask("somebody")
        server.turn()
        assert client.one()[0] == b"\0\5\0\7somebody\0"


def test_a_transfer_ends_with_the_version_that_it_began_with() -> None:
    with rig() as server:
        client = server.client()
        client.ask("large")
        server.turn()
        server.engine.replace_source(MemoryFiles({"large": b"new"}))
        data, source = client.one()
        content = data[4:]
        while len(data) == 516:
            client.send(b"\0\4" + data[2:4], source)
            server.turn()
            data, _ = client.one()
            content += data[4:]
        assert content == FILES["large"]
        assert server.fetch(server.client(), "large") == b"new"


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
def test_a_full_table_displaces_who_never_answered(ports: Ports) -> None:
    with rig(settings(ports, max_transfers=4)) as server:
        honest = server.client()
        honest.ask("large")
        server.turn()
        _, source = honest.one()
        honest.send(encode_ack(1), source)
        server.turn()
        honest.received()
        for _ in range(50):
            server.client().ask("large")
            server.turn()
        assert server.engine.under_way == 4
        honest.send(encode_ack(2), source)
        server.turn()
        assert honest.one()[0][:4] == b"\0\3\0\3"
        assert server.counters.ended(Outcome.DISPLACED) == 47


def test_a_table_full_of_answered_transfers_takes_no_more() -> None:
    with rig(TftpSettings(max_transfers=2)) as server:
        for _ in range(2):
            client = server.client()
            client.ask("large")
            server.turn()
            _, source = client.one()
            client.send(encode_ack(1), source)
            server.turn()
        late = server.client()
        late.ask("small")
        server.turn()
        assert not late.received()
        assert server.counters[Count.OVER_LIMIT] == 1


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


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken:
            os.close(descriptor)


def test_descriptors_that_run_out_leave_the_single_port() -> None:
    with rig() as server:
        client = server.client()
        with no_descriptors_left():
            assert server.fetch(client, "large") == FILES["large"]
            assert server.counters[Count.SHARED_PORT] == 1
        assert server.fetch(client, "large") == FILES["large"]
        assert server.counters[Count.SHARED_PORT] == 1
        assert server.counters.ended(Outcome.COMPLETE) == 2


def _loopback_v6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


V6 = pytest.mark.skipif(not _loopback_v6(), reason="no IPv6 on this machine")


@V6
@BOTH
def test_ipv6(ports: Ports) -> None:
    with rig(settings(ports), address="::1") as server:
        assert server.fetch(server.client(), "large") == FILES["large"]
        assert str(server.log[0]["client"]).startswith("[::1]:")


def _asked_at(server: Rig, host: str, own: str) -> tuple[bytes, tuple[str, int]]:
    client = server.client(own)
    client.server = (host, server.address[1])
    client.ask("small")
    server.turn()
    return client.one()


@BOTH
def test_a_wildcard_answers_from_the_address_that_was_asked(ports: Ports) -> None:
    with rig(settings(ports), address="0.0.0.0") as server:  # noqa: S104 (the point)
        for host in ("127.0.47.155", "127.0.47.156", "127.0.0.1"):
            data, source = _asked_at(server, host, "127.0.0.1")
            assert (data[4:], source[0]) == (b"list", host)


@V6
@BOTH
def test_a_wildcard_of_both_families(ports: Ports) -> None:
    with rig(settings(ports), address="::") as server:
        server.address = ("127.0.0.1", server.address[1])
        data, source = _asked_at(server, "127.0.47.155", "127.0.0.1")
        assert (data[4:], source[0]) == (b"list", "127.0.47.155")
        server.address = ("::1", server.address[1])
        data, source = _asked_at(server, "::1", "::1")
        assert (data[4:], source[0]) == (b"list", "::1")
