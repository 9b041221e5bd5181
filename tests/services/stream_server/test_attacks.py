"""Every guest of the stream server under the same attacks, on real sockets."""

import contextlib
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from tests.rigs.stream_attacks import (
    CLEAR,
    MANY,
    VICTIMS,
    client_hello,
    hold,
    let_go,
    reset,
)
from tests.rigs.stream_target import Victim, plain_connection
from tests.rigs.waiting import until
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.stream_server.settings import StreamLimits

LONG = StreamLimits(first_byte_s=60, handshake_s=60, request_s=60, idle_s=60)
SOON_S = 1.5  # long enough for an honest client on a busy machine


def soon(limit: str) -> StreamLimits:
    return replace(LONG, **{limit: SOON_S})


@pytest.fixture(params=VICTIMS)
def victim(request: pytest.FixtureRequest) -> Victim:
    return VICTIMS[request.param]


@pytest.fixture(params=[name for name in VICTIMS if name not in CLEAR])
def tls_victim(request: pytest.FixtureRequest) -> Victim:
    return VICTIMS[request.param]


async def test_many_that_never_speak(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, LONG) as target:
        streams = await hold(target, MANY)
        await target.honest_are_answered()
        assert target.counters[StreamCount.CONNECTIONS_OPEN] >= MANY
        assert target.refusals == {}
        await let_go(streams)


async def test_one_that_never_speaks_is_closed(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, soon("first_byte_s")) as target:
        (stream,) = await hold(target, 1)
        assert await stream.receive_some(10) == b""
        assert target.refusals == {"no-first-byte": 1}
        await let_go([stream])


async def test_many_that_stop_within_a_hello(
    tls_victim: Victim, tmp_path: Path
) -> None:
    async with tls_victim(tmp_path, LONG) as target:
        for first in (b"\x16", client_hello()[:-20], client_hello()):
            streams = await hold(target, MANY // 3, first)
            await target.honest_are_answered()
            await let_go(streams)


async def test_a_dribbled_handshake_has_one_limit(
    tls_victim: Victim, tmp_path: Path
) -> None:
    async with tls_victim(tmp_path, soon("handshake_s")) as target:
        stream = await plain_connection(target.address)
        async with stream:
            with contextlib.suppress(trio.BrokenResourceError):
                for byte in client_hello():
                    await stream.send_all(bytes([byte]))
                    await trio.sleep(0.02)
        assert target.refusals == {"handshake-timeout": 1}


async def test_a_request_that_is_never_whole(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, soon("request_s")) as target:
        async with target.connected() as stream:
            for byte in target.half_request:
                await stream.send_all(bytes([byte]))
            await target.honest_are_answered(2)
            assert await stream.receive_some(10) == b""
        assert target.refusals == {"request-timeout": 1}


async def test_who_is_idle_is_closed(tls_victim: Victim, tmp_path: Path) -> None:
    async with tls_victim(tmp_path, replace(LONG, idle_s=SOON_S)) as target:
        async with target.connected() as stream:
            assert await stream.receive_some(10) == b""
        assert target.refusals == {"idle": 1}


async def test_more_than_may_be_kept(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, LONG) as target:
        async with target.connected() as stream:
            answer = b""
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(target.oversized)
                while data := await stream.receive_some(1000):
                    answer += data
        expected = target.answer_to_oversized
        assert answer[: len(expected) or None] == expected
        await target.honest_are_answered()
        assert target.refusals == ({} if expected else {"bad-request": 1})


async def test_a_flood_of_connections(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, replace(LONG, connections=20)) as target:
        streams = await hold(target, 60)
        await target.honest_are_answered()
        assert target.refusals["made-room"] >= 40
        assert target.counters[StreamCount.CONNECTIONS_OPEN] <= 20
        await let_go(streams)


async def test_a_storm_of_resets(victim: Victim, tmp_path: Path) -> None:
    async with victim(tmp_path, LONG) as target:

        async def storm() -> None:
            for turn in range(MANY):
                stream = await plain_connection(target.address)
                if turn % 2:
                    await stream.send_all(client_hello()[: turn % 100 + 1])
                reset(stream)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm)
            await target.honest_are_answered()
        await until(lambda: not target.counters[StreamCount.CONNECTIONS_OPEN])


async def test_hellos_over_the_share_of_an_address_wait_and_end(
    tls_victim: Victim, tmp_path: Path
) -> None:
    """An address that holds all its handshakes open delays only itself."""
    limits = replace(LONG, handshakes_per_address=5, first_byte_s=SOON_S)
    async with tls_victim(tmp_path, limits) as target:
        streams = await hold(target, 25, client_hello())
        await target.honest_are_answered()
        await until(lambda: target.refusals == {"address-over-its-share": 20})
        await let_go(streams)
        await target.honest_are_answered()
        await until(lambda: not target.counters[StreamCount.CONNECTIONS_OPEN])


async def test_the_rate_of_handshakes_is_by_address(
    tls_victim: Victim, tmp_path: Path
) -> None:
    limits = replace(LONG, handshakes_per_address_s=1, first_byte_s=SOON_S)
    async with tls_victim(tmp_path, limits) as target:
        streams = await hold(target, 10, client_hello())
        await target.honest_are_answered(1)
        # One at once, and one a second while they wait.
        await until(lambda: target.refusals.get("address-over-its-share", 0) >= 7)
        await let_go(streams)
