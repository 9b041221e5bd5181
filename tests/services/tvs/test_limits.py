"""A daemon at its limits: who makes room, who waits, who is refused."""

import contextlib
import resource
import sys
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from tests.rigs import minting
from tests.rigs.tvs_attacks import (
    LONG,
    attacked,
    client_hello,
    close_all,
    connections,
    honest_are_answered,
    soon,
)
from tests.rigs.tvs_rig import PUBLISHER, Address, phone, query_for, read_to_end
from tests.rigs.waiting import until
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.tvs.counters import TvsCount

ROOT = Path(__file__).parents[3]


async def test_a_client_that_never_reads(tmp_path: Path) -> None:
    flood = query_for(PUBLISHER).encode() * 1000
    async with attacked(tmp_path, soon("request_s")) as rig:
        async with phone(rig.address, receive_buffer=4096) as client:
            with contextlib.suppress(trio.BrokenResourceError):
                with trio.move_on_after(30):
                    while not rig.refusals:
                        await client.tls.send_all(flood)
        await honest_are_answered(rig.address)
        assert rig.refusals == {"request-timeout": 1}


async def test_one_who_reads_late_gets_all_answers(tmp_path: Path) -> None:
    count = 8000
    requests = b"".join(query_for(PUBLISHER, n).encode() for n in range(count))
    async with (
        attacked(tmp_path) as rig,
        phone(rig.address, receive_buffer=4096) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(client.tls.send_all, requests)
        # Only a full socket ends it: 8,000 answers have 6 MB.
        await until(lambda: rig.count(TvsCount.QUERIES) > 0)
        await trio.sleep(0.2)
        assert rig.count(TvsCount.QUERIES) < count
        await honest_are_answered(rig.address)
        sessions = [(await client.answer()).session_id for _ in range(count)]
        assert sessions == list(range(count))


async def test_an_idle_connection_ends_with_a_goodbye(tmp_path: Path) -> None:
    limits = soon("idle_s")
    async with attacked(tmp_path, limits) as rig, phone(rig.address) as client:
        assert (await client.ask(query_for(PUBLISHER))).is_trusted
        assert await client.tls.receive_some() == b""
        assert rig.refusals == {"idle": 1}


async def test_at_the_limit_the_longest_waiting_makes_room(tmp_path: Path) -> None:
    async with attacked(tmp_path, replace(LONG, connections=20)) as rig:
        streams = await connections(rig.address, 50)
        await honest_are_answered(rig.address)
        assert await streams[0].receive_some() == b""
        assert rig.refusals["made-room"] >= 30
        assert rig.count(StreamCount.CONNECTIONS_OPEN) <= 20
        await close_all(streams)


async def test_at_the_limit_of_busy_ones_others_wait(tmp_path: Path) -> None:
    async with attacked(tmp_path, replace(LONG, connections=5)) as rig:
        streams = await connections(rig.address, 10)
        for stream in streams:
            await stream.send_all(client_hello()[:20])
        await honest_are_answered(rig.address)
        assert rig.refusals["too-many-connections"] >= 1
        assert rig.refusals["made-room"] >= 10 - 5
        await close_all(streams)


async def test_at_the_limit_of_an_address_its_own_make_room(tmp_path: Path) -> None:
    limits = replace(LONG, connections_per_address=10)
    async with attacked(tmp_path, limits) as rig:
        streams = await connections(rig.address, 15)
        await honest_are_answered(rig.address)
        assert rig.refusals["made-room"] >= 5
        other = await connect_from("127.0.0.2", rig.address)
        assert rig.count(StreamCount.CONNECTIONS_OPEN) <= 11
        other.close()
        await close_all(streams)


async def test_an_address_with_all_its_connections_busy_is_refused_cleanly(
    tmp_path: Path,
) -> None:
    limits = replace(LONG, connections_per_address=5)
    async with attacked(tmp_path, limits) as rig:
        streams = await connections(rig.address, 5)
        for stream in streams:
            await stream.send_all(client_hello()[:20])
        await until(lambda: rig.count(StreamCount.CONNECTIONS_ACCEPTED) == 5)
        (refused,) = await connections(rig.address, 1)
        assert await read_to_end(refused) == b""
        assert rig.refusals == {"too-many-from-address": 1}
        await close_all([*streams, refused])


async def connect_from(source: str, address: Address) -> trio.socket.SocketType:
    sock = trio.socket.socket()
    await sock.bind((source, 0))
    await sock.connect(address)
    return sock


@pytest.mark.parametrize(
    ("what", "said"),
    [(b"", "Too many open files"), (client_hello()[:20], "no-file-descriptors")],
    ids=["silent", "in-handshake"],
)
async def test_file_descriptors_exhausted(
    tmp_path: Path, what: bytes, said: str
) -> None:
    """A process of its own, whose limit is lowered under it while it runs."""
    process = await trio.lowlevel.open_process(
        daemon_command(tmp_path), stdout=-1, stderr=-1
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with trio.fail_after(60):
            address = ("127.0.0.1", int(await process.stdout.receive_some()))
            await honest_are_answered(address, 4)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (40, 40))
            streams = await connections(address, 100)
            for stream in streams:
                with contextlib.suppress(trio.BrokenResourceError):
                    await stream.send_all(what)
            await honest_are_answered(address, 8)
            await close_all(streams)
            await honest_are_answered(address)
    finally:
        process.terminate()
        await process.wait()
    assert said in (await read_to_end(process.stderr)).decode()


def daemon_command(folder: Path) -> list[str]:
    """Write what a daemon of its own needs; return how it is run."""
    own = minting.server("tvs", 2048)
    files = {
        "cert": own.certificate_pem,
        "key": own.key_pem,
        "asked": minting.server().certificate_pem,
    }
    for name, data in files.items():
        (folder / f"{name}.pem").write_bytes(data)
    script = ROOT / "benchmarks" / "tvs_daemon.py"
    return [sys.executable, str(script), *(str(folder / f"{n}.pem") for n in files)]
