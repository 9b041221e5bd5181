"""Hostile clients on real sockets: what is no TLS, no request, no certificate."""

import contextlib
import random
import socket
import struct
from pathlib import Path

import pytest
import trio

from tests.rigs.peers import require
from tests.rigs.tvs_attacks import (
    MANY,
    attacked,
    client_hello,
    close_all,
    connections,
    honest_are_answered,
    soon,
)
from tests.rigs.tvs_rig import (
    DEVICE,
    PUBLISHER,
    ask,
    phone,
    query_for,
    read_to_end,
    running,
    settings_for,
)
from tests.rigs.waiting import until
from tokenless.protocol.tvs.elements import Tag
from tokenless.protocol.tvs.messages import MessageType, Verify, pack_message
from tokenless.protocol.wire import pack_element
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.counters import StreamCount


@pytest.mark.parametrize("what", [b"", client_hello(), client_hello()[:-50], b"\x16"])
async def test_many_that_stop_before_they_ask(tmp_path: Path, what: bytes) -> None:
    async with attacked(tmp_path) as rig:
        streams = await connections(rig.address, MANY)
        for stream in streams:
            if what:
                await stream.send_all(what)
        await honest_are_answered(rig.address)
        assert rig.count(StreamCount.CONNECTIONS_OPEN) >= MANY
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
        random.Random(0).randbytes(4096),
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
            for byte in query_for(PUBLISHER).encode()[:60]:
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
        random.Random(0).randbytes(65_000),
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
        await until(lambda: not rig.count(StreamCount.CONNECTIONS_OPEN))


async def test_renegotiation_is_refused(tmp_path: Path) -> None:
    openssl = require("openssl")
    async with attacked(tmp_path) as rig:
        host, port = rig.address
        command = [openssl, "s_client", "-tls1_2", "-connect", f"{host}:{port}"]
        process = await trio.lowlevel.open_process(
            command,
            stdin=-1,
            stdout=-1,
            stderr=-3,  # to /dev/null
        )
        assert process.stdin is not None
        await until(lambda: rig.count(StreamCount.HANDSHAKES_FULL) == 1)
        await process.stdin.send_all(b"R\n")
        await honest_are_answered(rig.address)
        await process.stdin.aclose()
        await process.wait()
        assert rig.count(StreamCount.HANDSHAKES_FULL) == 21
