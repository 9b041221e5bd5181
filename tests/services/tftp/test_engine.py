"""The engine on real sockets: identifiers, repetitions, windows, versions."""

import pytest

from tests.rigs.tftp_rig import BLOCK, BOTH, FILES, rig, settings, single
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.packets import TftpErrorCode, encode_ack, encode_error
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.settings import Ports

ERROR_5 = encode_error(TftpErrorCode.UNKNOWN_TRANSFER_ID)


@BOTH
@pytest.mark.parametrize("name", ["small", "large"])
def test_files_are_served(ports: Ports, name: str) -> None:
    with rig(settings(ports)) as server:
        assert server.fetch(server.client(), name) == FILES[name]
        assert server.counters.ended(TransferOutcome.COMPLETE) == 1
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
        assert len(client.received()) == 1
        server.begin(client, "small")
        assert server.counters.ended(TransferOutcome.COMPLETE) == 1
        assert server.counters[Count.STARTED] == 1


@BOTH
def test_another_request_before_an_answer_takes_the_place(ports: Ports) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        client.ask("large")
        client.ask("small")
        server.turn()
        files = [data[4:] for data, _ in client.received() if data[1] == 3]
        assert files == [BLOCK, b"list"]
        assert server.counters.under_way == 1


@BOTH
def test_a_request_after_progress_replaces_the_transfer(ports: Ports) -> None:
    """A client's port is used again by its next program (or the same one)."""
    with rig(settings(ports)) as server:
        client = server.client()
        server.begin(client, "large")
        client.received()
        assert server.fetch(client, "large") == FILES["large"]
        assert server.counters.ended(TransferOutcome.REPLACED) == 1
        assert server.counters.under_way == 0


@BOTH
def test_a_late_repetition_of_the_request_does_not_end_the_transfer(
    ports: Ports,
) -> None:
    with rig(settings(ports)) as server:
        client = server.client()
        data, source = server.ask(client, "large")
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
        _, source = server.ask(client, "large")
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
        data, source = server.ask(second, "large")
        first.send(encode_ack(1), source)
        server.turn()
        assert first.one()[0] == ERROR_5
        assert data[:4] == b"\0\3\0\1"
        assert not second.received()


def test_what_an_earlier_client_sent_last_is_thrown_away() -> None:
    with rig() as server:
        first, second = server.client(), server.client()
        server.fetch(first, "small")
        data, source = server.ask(first, "small")
        for _ in range(3):
            first.send(b"\0\4" + data[2:4], source)  # two too many
        assert server.ask(second, "large")[0][:4] == b"\0\3\0\1"
        server.turn()
        assert server.counters.under_way == 1


def test_a_closed_client_ends_its_transfer_at_once() -> None:
    with rig() as server:
        server.fetch(server.client(), "small")  # its address is known then
        client = server.client()
        client.ask("large")
        server.turn()
        client.socket.close()
        server.wait(0.5)
        assert server.counters.ended(TransferOutcome.NO_ANSWER) == 1
        assert server.counters.under_way == 0
        assert server.fetch(server.client(), "large") == FILES["large"]


@BOTH
@pytest.mark.parametrize("is_known", [False, True])
def test_without_an_answer_little_is_sent_twice(ports: Ports, is_known: bool) -> None:
    """To an address that never answered nothing, to another one packet once more."""
    with rig(settings(ports)) as server:
        client = server.client()
        if is_known:
            server.fetch(client, "small")
        client.ask("large")
        server.turn()
        server.wait(60)
        assert len(client.received()) == 1 + is_known
        assert server.counters.ended(TransferOutcome.NO_ANSWER) == 1
        assert server.engine.under_way == 0


@BOTH
@pytest.mark.parametrize("blksize", ["512", "1428", "20000"])
def test_windows_arrive_whole(ports: Ports, blksize: str) -> None:
    """1,428: the kernel cuts trains; 20,000: longer than a train may be."""
    content = bytes(range(256)) * 1000
    with rig(settings(ports), MemoryFiles({"f": content})) as server:
        client = server.client()
        data, source = server.ask(client, "f", "blksize", blksize, "windowsize", "4")
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
        data, source = server.ask(client, "text", "tsize", "0", mode="NETASCII")
        assert data == b"\0\6tsize\x004\0"
        client.send(encode_ack(0), source)
        server.turn()
        assert client.one()[0] == b"\0\3\0\1a\r\nb"


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
