"""A server under attack, and connections to it."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.rigs.tvs_rig import Address, client_context
from tokenless.services.stream_server.counters import StreamCounters
from tokenless.services.stream_server.settings import StreamLimits

ATTACKER = "127.0.0.2"


@dataclass(frozen=True)
class Target:
    """A running server, as attackers and honest clients see it."""

    address: Address
    counters: StreamCounters
    is_tls: bool
    half_request: bytes
    """Of a request, the part that makes the server wait for more."""
    oversized: bytes
    """What no server of this protocol may keep."""
    exchange: Callable[[], Awaitable[None]]
    """What an honest client does once; raises where the answer is not right."""
    answer_to_oversized: bytes = b""
    """How the answer begins, of a protocol that has one before the end."""
    greeting: int = 0
    """How many bytes a server sends that speaks first."""
    context: ssl.SSLContext | None = None
    """Of clients that have to show a certificate."""

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[trio.abc.Stream]:
        """Connect from the attacker's address, and take the greeting."""
        async with connected(
            self.address, tls=self.is_tls, context=self.context
        ) as stream:
            if self.greeting:
                assert len(await stream.receive_some(self.greeting)) == self.greeting
            yield stream

    @property
    def refusals(self) -> dict[str, int]:
        return {k: n for k, n in self.counters.refusals.items() if n}

    async def honest_are_answered(self, times: int = 8) -> None:
        for _ in range(times):
            await self.exchange()


Victim = Callable[[Path, StreamLimits], AbstractAsyncContextManager[Target]]


@asynccontextmanager
async def connected(
    address: Address,
    *,
    tls: bool,
    source: str = ATTACKER,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[trio.abc.Stream]:
    """Connect from the attacker's address; over TLS, finish the handshake."""
    stream: trio.abc.Stream = await plain_connection(address, source)
    if tls:
        secure = trio.SSLStream(
            stream, context or client_context(), https_compatible=True
        )
        await secure.do_handshake()
        stream = secure
    try:
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


async def plain_connection(
    address: Address, source: str = ATTACKER
) -> trio.SocketStream:
    """Connect by TCP and say nothing."""
    sock = trio.socket.socket()
    await sock.bind((source, 0))
    await sock.connect(address)
    return trio.SocketStream(sock)
