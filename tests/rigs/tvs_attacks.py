"""Attackers of a TVS daemon, and honest phones that must be answered meanwhile."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from msgspec.structs import replace

from tests.rigs.tvs_rig import (
    PUBLISHER,
    Address,
    Rig,
    ask,
    client_context,
    query_for,
    running,
    settings_for,
)
from tokenless.services.stream_server.settings import StreamLimits

MANY = 500


LONG = StreamLimits(first_byte_s=60, handshake_s=60, request_s=60, idle_s=60)


SOON_S = 1.5  # long enough for an honest client on a busy machine


@asynccontextmanager
async def attacked(folder: Path, limits: StreamLimits = LONG) -> AsyncIterator[Rig]:
    async with running(settings_for(folder, limits=limits)) as rig:
        yield rig


def soon(limit: str) -> StreamLimits:
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
