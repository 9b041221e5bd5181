"""Hostile clients on real sockets, and honest ones that are answered meanwhile."""

import contextlib
import os
import resource
import shutil
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from protocol.tvs_elements import Tag
from protocol.tvs_messages import MessageType, Verify, pack_message
from protocol.wire import pack_element
from services.logs import LogLevel
from services.tvs.settings import TvsLimits
from tests import minting
from tests.tvs_rig import (
    DEVICE,
    PUBLISHER,
    Address,
    Rig,
    ask,
    client_context,
    phone,
    query_for,
    read_to_end,
    running,
    settings_for,
)

MANY = 500
ROOT = Path(__file__).parents[2]
LONG = TvsLimits(first_byte_s=60, handshake_s=60, request_s=60, idle_s=60)
SOON_S = 0.7


@asynccontextmanager
async def attacked(folder: Path, limits: TvsLimits = LONG) -> AsyncIterator[Rig]:
    async with running(settings_for(folder, limits=limits)) as rig:
        yield rig


def soon(limit: str) -> TvsLimits:
    """Return limits of which one is short: honest clients must not meet the others."""
    return replace(LONG, **{limit: SOON_S})


async def honest_are_answered(address: Address, times: int = 20) -> None:
    """Four honest phones ask again and again; each answer must be right."""

    async def one() -> None:
        for session in range(times // 4):
            answer = await ask(address, query_for(PUBLISHER, session))
            assert answer.is_trusted
            assert answer.session_id == session

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one)


async def connections(address: Address, count: int) -> list[trio.SocketStream]:
    return [await trio.open_tcp_stream(*address) for _ in range(count)]


async def close_all(streams: list[trio.SocketStream]) -> None:
    for stream in streams:
        await trio.aclose_forcefully(stream)


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("what", [b"", client_hello(), client_hello()[:-50], b"\x16"])
async def test_many_that_stop_before_they_ask(tmp_path: Path, what: bytes) -> None:
    async with attacked(tmp_path) as rig:
        streams = await connections(rig.address, MANY)
        for stream in streams:
            if what:
                await stream.send_all(what)
        await honest_are_answered(rig.address)
        assert rig.server.counters.connections_open >= MANY
        assert rig.refusals == {}
        await close_all(streams)


@pytest.mark.parametrize(
    ("what", "limit", "reason"),
    [
        (b"", "first_byte_s", "no-first-byte"),
        (b"\x16", "handshake_s", "handshake-timeout"),
        (client_hello(), "handshake_s", "handshake-timeout"),
    ],
)
async def test_who_stops_is_closed_cleanly_in_time(
    tmp_path: Path, what: bytes, limit: str, reason: str
) -> None:
    async with attacked(tmp_path, soon(limit)) as rig:
        (stream,) = await connections(rig.address, 1)
        if what:
            await stream.send_all(what)
        async with stream:
            await read_to_end(stream)  # a reset would raise
        assert rig.refusals == {reason: 1}
        await honest_are_answered(rig.address)


async def test_a_handshake_in_drops_has_one_limit_in_all(tmp_path: Path) -> None:
    async with attacked(tmp_path, soon("handshake_s")) as rig:
        (stream,) = await connections(rig.address, 1)
        async with stream:
            with contextlib.suppress(trio.BrokenResourceError):
                for byte in client_hello():
                    await stream.send_all(bytes([byte]))
                    await trio.sleep(0.02)
        assert rig.refusals == {"handshake-timeout": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: tvs\r\n\r\n",
        query_for(PUBLISHER).encode(),
        os.urandom(4096),
        b"\x16\x03\x01\xff\xff" + bytes(100_000),
        b"\x80\x2e\x01\x00\x02" + bytes(44),
        b"\x15\x03\x01\x00\x02\x02\x28",
    ],
    ids=["http", "plain-text", "random", "huge-record", "sslv2", "alert"],
)
async def test_what_is_not_tls(tmp_path: Path, garbage: bytes) -> None:
    async with attacked(tmp_path) as rig:
        for _ in range(20):
            (stream,) = await connections(rig.address, 1)
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(garbage)
                await read_to_end(stream)
            await trio.aclose_forcefully(stream)
        await honest_are_answered(rig.address)
        assert rig.refusals == {"handshake-failed": 20}
        warnings = [each for each in rig.log.entries if each["log_level"] == "warning"]
        assert len(warnings) == 1  # the rest is counted, not said


async def test_a_header_one_byte_at_a_time(tmp_path: Path) -> None:
    limits = soon("request_s")
    async with attacked(tmp_path, limits) as rig, phone(rig.address) as client:
        with contextlib.suppress(trio.BrokenResourceError):
            for byte in query_for(PUBLISHER).encode()[:40]:
                await client.tls.send_all(bytes([byte]))
                await trio.sleep(0.05)
        await honest_are_answered(rig.address)
        assert rig.refusals == {"request-timeout": 1}


async def test_many_that_declare_much_and_fall_silent(tmp_path: Path) -> None:
    head = b"\x57\x01\x01\x00\x00\x00\x03\xe9\xff\xff"
    async with attacked(tmp_path, soon("request_s")) as rig:
        async with trio.open_nursery() as nursery:

            async def declare() -> None:
                async with phone(rig.address) as client:
                    await client.tls.send_all(head)
                    assert await client.tls.receive_some() == b""

            for _ in range(100):
                nursery.start_soon(declare)
            await honest_are_answered(rig.address)
        assert rig.refusals == {"request-timeout": 100}


def raw_query(body: bytes) -> bytes:
    return pack_message(MessageType.QUERY, 1, body)


@pytest.mark.parametrize(
    "message",
    [
        raw_query(b"\x03\xff\xffCN=a\0"),
        raw_query(b"\x03\x00\x00\x04\x00\x00\x05\x00\x00"),
        raw_query(b"\x05\x00"),
        raw_query(pack_element(Tag.SUBJECT, b"a") * 3),
        raw_query(pack_element(200, bytes(65_000))),
        raw_query(b""),
        b"\x57\x01\x02" + bytes(7),
        b"\x00" * 4096,
        pack_message(MessageType.VERIFY, 1, pack_element(Tag.CERTIFICATE, b"")),
    ],
)
async def test_what_is_not_a_request(tmp_path: Path, message: bytes) -> None:
    async with attacked(tmp_path) as rig:
        async with phone(rig.address) as client:
            await client.tls.send_all(message)
            assert await client.tls.receive_some() == b""
        await honest_are_answered(rig.address)
        assert rig.refusals == {"bad-request": 1}


def nested(depth: int) -> bytes:
    data = b"\x05\x00"
    for _ in range(depth):
        data = b"\x30\x84" + len(data).to_bytes(4) + data
    return data


@pytest.mark.parametrize(
    "certificate",
    [
        os.urandom(65_000),
        nested(9_000),
        b"\x30\x82\xfd\xe4\x02\x82\xfd\xe0" + b"\x7f" * 64_992,
        b"\x30\x84\xff\xff\xff\xff" + bytes(500),
        b"\x30\x80" * 30_000,
        b"\x00",
    ],
    ids=["nonsense", "deep", "huge-integer", "long-length", "indefinite", "one-byte"],
)
async def test_certificates_that_would_crash_a_parser(
    tmp_path: Path, certificate: bytes
) -> None:
    async with attacked(tmp_path) as rig:
        for _ in range(5):
            answer = await ask(rig.address, Verify(1, DEVICE, certificate))
            assert not answer.is_trusted
        await honest_are_answered(rig.address)
        assert rig.refusals == {}


@pytest.mark.parametrize("level", [LogLevel.INFO, LogLevel.DEBUG])
@pytest.mark.parametrize("count", [500, 10_000])
async def test_a_certificate_of_many_names(
    tmp_path: Path, count: int, level: LogLevel
) -> None:
    """At debug level small certificates are parsed, for the vendor's lines."""
    whole, least = b"\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03xyz", b"\x31\x00"
    names = sequence((whole if count < 5000 else least) * count)
    head = b"\xa0\x03\x02\x01\x02\x02\x01\x01" + sequence(b"\x06\x01\x2a")
    certificate = sequence(sequence(head + names + sequence(b"") + names) + b"\x05\0")
    async with running(settings_for(tmp_path), level=level) as rig:
        answer = await ask(rig.address, Verify(1, DEVICE, certificate[:65_000]))
        assert not answer.is_trusted
        await honest_are_answered(rig.address)


def sequence(contents: bytes) -> bytes:
    return b"\x30\x83" + len(contents).to_bytes(3) + contents


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
        await until(lambda: rig.server.counters.queries > 0)
        await trio.sleep(0.2)
        assert rig.server.counters.queries < count
        await honest_are_answered(rig.address)
        sessions = [(await client.answer()).session_id for _ in range(count)]
        assert sessions == list(range(count))


async def test_a_storm_of_resets(tmp_path: Path) -> None:
    now = struct.pack("ii", 1, 0)
    async with attacked(tmp_path) as rig:

        async def storm() -> None:
            for turn in range(1000):
                stream = await trio.open_tcp_stream(*rig.address)
                if turn % 2:
                    await stream.send_all(client_hello()[: turn % 300 + 1])
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
                stream.socket.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm)
            await honest_are_answered(rig.address, 40)
        await honest_are_answered(rig.address)
        await until(lambda: not rig.server.counters.connections_open)


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
        assert rig.server.counters.connections_open <= 20
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
        assert rig.server.counters.connections_open <= 11
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
        await until(lambda: rig.server.counters.connections_accepted == 5)
        (refused,) = await connections(rig.address, 1)
        assert await read_to_end(refused) == b""
        assert rig.refusals == {"too-many-from-address": 1}
        await close_all([*streams, refused])


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for rings no bell
        await trio.sleep(0.01)


async def connect_from(source: str, address: Address) -> trio.socket.SocketType:
    sock = trio.socket.socket()
    await sock.bind((source, 0))
    await sock.connect(address)
    return sock


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_renegotiation_is_refused(tmp_path: Path) -> None:
    async with attacked(tmp_path) as rig:
        host, port = rig.address
        command = ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}"]
        process = await trio.lowlevel.open_process(
            command,
            stdin=-1,
            stdout=-1,
            stderr=-3,  # to /dev/null
        )
        assert process.stdin is not None
        await until(lambda: rig.server.counters.handshakes_full == 1)
        await process.stdin.send_all(b"R\n")
        await honest_are_answered(rig.address)
        await process.stdin.aclose()
        await process.wait()
        assert rig.server.counters.handshakes_full == 21


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
