"""A peer of a WebSocket that sends frames which no browser would."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

import trio

from tests.rigs.any_server import any_server
from tests.rigs.console_rig import ConsoleRig, Visitor
from tokenless.services.console.sessions import COOKIE


class Opcode(IntEnum):
    """Kinds of frames (RFC 6455 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9


def frame(opcode: Opcode, data: bytes, *, is_last: bool = True, bits: int = 0) -> bytes:
    """Return a frame; its mask is zero, so that bytes stand as they are.

    Args:
        opcode: Its kind.
        data: Its payload.
        is_last: Whether a message ends with it.
        bits: Further bits of the first byte: 0x40 says that it is compressed.
    """
    return head(opcode, len(data), is_last=is_last, bits=bits) + data


def head(opcode: Opcode, length: int, *, is_last: bool = True, bits: int = 0) -> bytes:
    """Return the head of a frame with its mask."""
    first = (0x80 if is_last else 0) | bits | opcode
    if length < 126:
        size = struct.pack("!B", 0x80 | length)
    elif length < 65536:
        size = struct.pack("!BH", 0x80 | 126, length)
    else:
        size = struct.pack("!BQ", 0x80 | 127, length)
    return bytes([first]) + size + bytes(4)


class RawWebSocket:
    """A connection after the upgrade."""

    def __init__(
        self, stream: trio.SSLStream[trio.SocketStream], status: int, headers: str
    ) -> None:
        self.stream = stream
        self.status = status
        self.headers = headers

    async def send_until_cut(self, data: bytes, most_bytes: int) -> int:
        """Send the same again and again; return how much went until it was cut."""
        sent = 0
        while sent < most_bytes:
            try:
                await self.stream.send_all(data)
            except trio.BrokenResourceError:
                break
            sent += len(data)
        return sent

    async def received(self) -> bytes:
        """Return what comes until the server ends the connection."""
        data = b""
        try:
            while piece := await self.stream.receive_some():
                data += piece
        except trio.BrokenResourceError:
            pass
        return data


@asynccontextmanager
async def raw_shell(
    console: ConsoleRig, visitor: Visitor, *more: str, origin: str | None = None
) -> AsyncIterator[RawWebSocket]:
    """Ask for the shell's WebSocket with further lines in the request."""
    host, _, port = console.base.removeprefix("https://").partition(":")
    stream = await trio.open_ssl_over_tcp_stream(
        host, int(port), ssl_context=any_server(), https_compatible=True
    )
    lines = (
        "GET /shell HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: {console.base if origin is None else origin}",
        f"Cookie: {COOKIE}={visitor.client.cookies.get(COOKIE, '')}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *more,
    )
    async with stream:
        await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive_some()
        headers = answer.decode()
        yield RawWebSocket(stream, int(headers.split()[1]), headers.lower())
