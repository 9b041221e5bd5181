"""Files over HTTP, port 6970 of a TFTP node, which newer phones try first.

    async with HttpClient(timeout_s=10) as client:  # for one boot of one phone
        data = await client.fetch(server, name, max_bytes=2_000_000)

Seen in captures (REFERENCE 4.1): `Content-length`, `Cache-Control: no-store`; a missing
CTL is a 503, after which the phone asks by TFTP. Whatever goes wrong here, the phone
falls back to TFTP, so there is one kind of failure only.

Files of one node come over one connection, as long as the node keeps it open. A node
that does not answer is not asked again by the same client: a phone would wait anew for
each of its files (inferred).
"""

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import trio

from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.errors import ProtocolError

_MAX_HEAD_BYTES: Final = 8192
_READ_BYTES: Final = 65_536
_OK: Final = 200
_MAX_DIGITS: Final = 9


class NotByHttpError(ProtocolError):
    """The file cannot be had by HTTP; TFTP may have it."""


class NotServedError(NotByHttpError):
    """The server says that there is no file, with a status other than 200."""


class _ClosedError(NotByHttpError):
    """The server closed the connection before it answered."""


class HttpClient:
    """Downloads files, over one connection a server, until it is closed."""

    def __init__(self, *, timeout_s: float) -> None:
        """Make a client that waits so long for each file."""
        self._timeout_s = timeout_s
        self._idle: dict[Server, _Connection] = {}
        self._without_answer: dict[Server, str] = {}

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        for connection in self._idle.values():
            connection.close()
        self._idle.clear()

    async def fetch(self, server: Server, name: str, *, max_bytes: int) -> bytes:
        """Download one file.

        Raises:
            NotByHttpError: When nobody answers, the file is missing or too large, or
                the answer makes no sense.
        """
        if (reason := self._without_answer.get(server)) is not None:
            raise NotByHttpError(reason)
        try:
            with trio.fail_after(self._timeout_s):
                return await self._fetch(server, name, max_bytes)
        except trio.TooSlowError as error:
            reason = f"no answer within {self._timeout_s:g} s"
            self._without_answer[server] = reason
            raise NotByHttpError(reason) from error
        except OSError as error:
            raise NotByHttpError(f"no HTTP: {error}") from error

    async def _fetch(self, server: Server, name: str, max_bytes: int) -> bytes:
        if (idle := self._idle.pop(server, None)) is not None:
            try:
                return await self._exchange(idle, server, name, max_bytes)
            except (_ClosedError, ConnectionError):
                pass  # it was idle for too long, perhaps: a new connection tells
        try:
            connection = await _connect(server)
        except OSError as error:
            self._without_answer[server] = f"no HTTP: {error}"
            raise
        return await self._exchange(connection, server, name, max_bytes)

    async def _exchange(
        self, connection: "_Connection", server: Server, name: str, max_bytes: int
    ) -> bytes:
        """Ask on a connection; keep it when something else can be asked for on it."""
        is_whole = False
        try:
            head = await connection.ask(server, name)
            data = await connection.take(head.length_within(max_bytes))
            is_whole = not head.closes and not connection.received
        finally:
            if is_whole:
                self._idle[server] = connection
            else:
                connection.close()
        if head.status != _OK:
            raise NotServedError(f"the answer is {head.shown!r}")
        return data


@dataclass(frozen=True, slots=True)
class _Head:
    """What an answer says of itself."""

    status: int
    shown: str
    """The first line, as people see it."""
    length: int | None
    closes: bool
    """Whether nothing follows on this connection."""

    def length_within(self, max_bytes: int) -> int:
        """Return the length of the content. Raises NotByHttpError when there is none.

        What comes with an error is passed over, if it is no longer than a head.
        """
        most = max_bytes if self.status == _OK else _MAX_HEAD_BYTES
        if self.length is None or self.length > most:
            if self.status != _OK:
                raise NotServedError(f"the answer is {self.shown!r}")
            too_large = "the file is too large"
            why = "the answer has no Content-Length"
            raise NotByHttpError(why if self.length is None else too_large)
        return self.length


class _Connection:
    """A connection to one server, with what has come and was not taken yet."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        self.received = bytearray()

    def close(self) -> None:
        self._socket.close()

    async def ask(self, server: Server, name: str) -> _Head:
        """Send a request; return the head of its answer."""
        request = (
            f"GET /{quote(name)} HTTP/1.1\r\nHost: {server}\r\nAccept: */*\r\n\r\n"
        )
        unsent = request.encode()
        while unsent:
            unsent = unsent[await self._socket.send(unsent) :]
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            if len(self.received) > _MAX_HEAD_BYTES:
                raise NotByHttpError("the head of the answer does not end")
            await self._receive()
        head = bytes(self.received[:end])
        del self.received[: end + 4]
        return _read_head_untrusted(head)

    async def take(self, length: int) -> bytes:
        """Return the next bytes of an answer."""
        while len(self.received) < length:
            await self._receive()
        data = bytes(self.received[:length])
        del self.received[:length]
        return data

    async def _receive(self) -> None:
        data = await self._socket.recv(_READ_BYTES)
        if not data:
            why = "the answer was cut short"
            raise NotByHttpError(why) if self.received else _ClosedError(why)
        self.received += data


async def _connect(server: Server) -> _Connection:
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await sock.connect((server.address, server.port))
    except BaseException:
        sock.close()
        raise
    return _Connection(sock)


def _read_head_untrusted(head: bytes) -> _Head:
    """Read an answer's head. Raises NotByHttpError when it is none."""
    status_line, *fields = head.split(b"\r\n")
    shown = status_line[:60].decode("latin-1")
    version, _, rest = status_line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        raise NotByHttpError(f"the answer is {shown!r}")
    length, closes = None, version == b"HTTP/1.0"
    for field in fields:
        key, _, value = field.partition(b":")
        match key.strip().lower():
            case b"content-length":
                said = _number_untrusted(value.strip())
                if length not in {None, said}:
                    raise NotByHttpError("the answer has two lengths")
                length = said
            case b"transfer-encoding":
                raise NotByHttpError("the answer is not sent as it is")
            case b"connection":
                closes = closes or value.strip().lower() != b"keep-alive"
            case _:
                pass
    return _Head(int(status), shown, length, closes)


def _number_untrusted(text: bytes) -> int:
    if not text.isdigit() or len(text) > _MAX_DIGITS:
        raise NotByHttpError("the answer has no length that makes sense")
    return int(text)
