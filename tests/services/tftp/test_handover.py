"""Workers that are replaced lose no request, also of clients that never repeat one."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import trio

from tests.rigs.tftp_rig import BOTH, Client, Rig, Where, keeping, rig, single
from tokenless.protocol.tftp_options import OptionLimits
from tokenless.protocol.tftp_packets import MAX_REQUEST_BYTES, encode_ack
from tokenless.services.tftp.counters import GENERATIONS, Count
from tokenless.services.tftp.handover import Handover
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.source import MemoryFiles
from tokenless.services.tftp.workers import Workers

PEERS = (("192.0.2.1", 50_000), ("fe80::1%lo", 65_535, 0, 1))
REQUEST = b"\0\1a\0octet\0"
CLIENTS = 64


async def _serve(nursery: trio.Nursery, ports: Ports) -> tuple[TftpServer, Where]:
    server = TftpServer(
        _files(0),
        address="127.0.0.1",
        port=0,
        settings=TftpSettings(workers=2, ports=ports),
        logger=keeping([]),
    )
    return server, await nursery.start(server.serve)


def _files(version: int) -> MemoryFiles:
    return MemoryFiles({"a": f"version {version}".encode()})


@contextmanager
def _clients(count: int, where: Where) -> Iterator[list[trio.socket.SocketType]]:
    """Sockets that have asked once, and will never ask again."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            plain.sendto(REQUEST, where)
            made.append(stack.enter_context(trio.socket.from_stdlib_socket(plain)))
        yield made


async def _answers(clients: list[trio.socket.SocketType]) -> list[bytes]:
    """Wait for the first block of each; acknowledge none."""
    found = []
    with trio.fail_after(20):
        for client in clients:
            data, _ = await client.recvfrom(1000)
            found.append(data[4:])
    return found


@BOTH
async def test_no_request_is_lost_when_settings_change(
    nursery: trio.Nursery, ports: Ports
) -> None:
    """Transfers under way keep the workers of before alive, beside their successors."""
    server, where = await _serve(nursery, ports)
    with _clients(CLIENTS, where) as before:
        await _answers(before)
        for number in range(1, 3):
            options = OptionLimits(600 + number, 1)
            server.change_settings(replace(server._settings, options=options))
            with _clients(CLIENTS, where) as after:
                assert await _answers(after) == [b"version 0"] * CLIENTS


@BOTH
async def test_no_request_is_lost_when_files_change(
    nursery: trio.Nursery, ports: Ports
) -> None:
    """More often than generations have rows to count in, where they overlap."""
    changes = 2 if ports is Ports.SINGLE else GENERATIONS + 2
    server, where = await _serve(nursery, ports)
    with ExitStack() as stack:
        for number in range(1, changes + 1):
            server.source = _files(number)
            clients = stack.enter_context(_clients(CLIENTS, where))
            content = f"version {number}".encode()
            assert await _answers(clients) == [content] * CLIENTS
    assert server.counters[Count.STARTED] == CLIENTS * changes


async def test_a_worker_that_has_just_been_killed_is_replaced_too(
    nursery: trio.Nursery,
) -> None:
    server, where = await _serve(nursery, Ports.PER_TRANSFER)
    workers = server._running
    assert isinstance(workers, Workers)
    for worker in workers._current:
        os.kill(worker.pid, signal.SIGKILL)
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
    server.source = _files(1)
    with _clients(CLIENTS, where) as clients:
        assert await _answers(clients) == [b"version 1"] * CLIENTS


def test_records_come_out_as_they_went_in() -> None:
    handover = Handover()
    assert handover.take() == []
    put = [(b"x" * MAX_REQUEST_BYTES, peer, "::1") for peer in PEERS] * 50
    for received in put:
        handover.put(received)
    taken = handover.take()
    assert len(taken) < len(put)  # a turn's worth; others wait their turn
    assert taken + handover.take() == put
    handover.close()


def test_a_full_pipe_loses_the_newest() -> None:
    handover = Handover()
    for number in range(3000):
        handover.put((b"%d" % number, PEERS[0], "127.0.0.1"))
    taken = [int(data) for _ in range(3000) for data, _, _ in handover.take()]
    handover.close()
    assert 60 <= len(taken) < 3000
    assert taken == list(range(len(taken)))


def test_a_retired_engine_keeps_its_clients_and_hands_over_the_rest() -> None:
    handover = Handover()
    with rig(single(), handover=handover) as old:
        known, late = old.client(), old.client()
        _fetch_a_block(old, known)
        old.counters.retire(0)  # its parent has decided, and it has not heard yet
        late.ask("small")
        old.turn()
        assert late.received() == []
        ((data, peer, local),) = handover.take()
        assert (data[2:7], peer[0], local) == (b"small", "127.0.0.1", "127.0.0.1")
        old.engine.drain()
        old.engine.drain()
        known.send(encode_ack(1))
        old.turn()
        assert known.one()[0][:4] == b"\0\3\0\2"
    handover.close()


@BOTH
def test_what_is_handed_over_is_answered(ports: Ports) -> None:
    handover = Handover()
    with rig(TftpSettings(ports=ports), handover=handover) as successor:
        client = successor.client()
        handover.put((REQUEST, client.socket.getsockname(), "127.0.0.1"))
        successor.turn()
        assert client.one()[0][:2] == b"\0\5"  # there is no such file
    handover.close()


def test_a_retired_engine_leaves_the_socket_alone() -> None:
    with rig() as old:
        _fetch_a_block(old, old.client())
        old.engine.drain()
        old.client().ask("small")
        assert old.engine.turn(0.0) == 0


def _fetch_a_block(server: Rig, client: Client) -> None:
    assert server.ask(client, "large")[0][:4] == b"\0\3\0\1"
