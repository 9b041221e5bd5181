"""Files over HTTP, port 6970 of a TFTP node, which newer phones try first.

    async with HttpClient(timeout_s=10) as client:  # for one boot of one phone
        data = await client.fetch(server, name, max_bytes=2_000_000)

Seen in captures (REFERENCE 4.1): `Content-length`, `Cache-Control: no-store`; a missing
CTL is a 503, after which the phone asks by TFTP. Whatever goes wrong here, the phone
falls back to TFTP, so there is one kind of failure only.

Files of one node come over one connection, as long as the node keeps it open. A node
that does not answer is not asked again by the same client: a phone would wait again for
each of its files (inferred).
"""

import os
import socket
from typing import Final, Self
from urllib.parse import quote

import h11
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
        self.failures: dict[Server, str] = {}
        """The first reason why a server's answer was of no use: late, or not HTTP."""

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        for connection in self._idle.values():
            connection.close()
        self._idle.clear()

    async def fetch(self, server: Server, name: str, *, max_bytes: int) -> bytes:
        """Download one file.

        Raises:
            NotByHttpError: When no server answers, the file is missing or too large, or
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
            self.failures.setdefault(server, reason)
            raise NotByHttpError(reason) from error
        except NotServedError:
            raise
        except NotByHttpError as error:
            self.failures.setdefault(server, str(error))
            raise
        except OSError as error:
            raise NotByHttpError(_in_words(error)) from error

    async def _fetch(self, server: Server, name: str, max_bytes: int) -> bytes:
        if (idle := self._idle.pop(server, None)) is not None:
            try:
                return await self._exchange(idle, server, name, max_bytes)
            except (_ClosedError, ConnectionError):
                pass  # it was idle for too long, perhaps: a new connection tells
        try:
            connection = await _connect(server)
        except OSError as error:
            self._without_answer[server] = _in_words(error)
            raise
        return await self._exchange(connection, server, name, max_bytes)

    async def _exchange(
        self, connection: "_Connection", server: Server, name: str, max_bytes: int
    ) -> bytes:
        """Ask on a connection; keep it when something else can be asked for on it."""
        is_whole = False
        try:
            head = await connection.ask(server, name)
            data = await connection.take(_length_untrusted(head, max_bytes))
            is_whole = connection.is_free_again()
        finally:
            if is_whole:
                self._idle[server] = connection
            else:
                connection.close()
        if head.status_code != _OK:
            raise NotServedError(f"the answer is {_shown(head)!r}")
        return data


class _Connection:
    """A connection to one server; h11 takes its answers apart."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        self._http = h11.Connection(
            h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES
        )

    def close(self) -> None:
        self._socket.close()

    async def ask(self, server: Server, name: str) -> h11.Response:
        """Send a request; return the head of its answer."""
        request = h11.Request(
            method="GET",
            target=f"/{quote(name)}",
            headers=[("Host", str(server)), ("Accept", "*/*")],
        )
        unsent = self._http.send(request) or b""
        unsent += self._http.send(h11.EndOfMessage()) or b""
        while unsent:
            unsent = unsent[await self._socket.send(unsent) :]
        event = await self._next_event(is_first=True)
        while isinstance(event, h11.InformationalResponse):
            event = await self._next_event()
        if not isinstance(event, h11.Response):
            raise NotByHttpError("the answer is not valid HTTP")
        return event

    async def take(self, length: int) -> bytes:
        """Return the content of an answer that says how long it is."""
        content = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            content += event.data
        if len(content) != length:
            raise NotByHttpError("the answer was cut short")
        return bytes(content)

    def is_free_again(self) -> bool:
        """Return whether something else can be asked for; only after a whole answer."""
        if self._http.trailing_data[0]:
            return False
        if self._http.our_state is self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    async def _next_event(self, *, is_first: bool = False) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._socket.recv(_READ_BYTES)
                if not data and is_first:
                    raise _ClosedError("the answer was cut short")
                is_first = False
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise NotByHttpError(f"the answer is not valid HTTP: {error}") from error
        return event


def _length_untrusted(response: h11.Response, max_bytes: int) -> int:
    """Return the length of an answer's content. Raises NotByHttpError without one.

    What comes with an error is passed over, if it is no longer than a head.
    """
    is_file = response.status_code == _OK
    headers = dict(response.headers)
    if b"transfer-encoding" in headers:
        raise NotByHttpError("the answer is not sent as it is")
    text = headers.get(b"content-length")
    if text is None and is_file:
        raise NotByHttpError("the answer has no Content-Length")
    # h11 has seen that it is a number; one of many digits is no length of a file.
    is_long = text is not None and len(text) > _MAX_DIGITS
    most = max_bytes if is_file else _MAX_HEAD_BYTES
    if text is None or is_long or int(text) > most:
        if not is_file:
            raise NotServedError(f"the answer is {_shown(response)!r}")
        raise NotByHttpError("the file is too large")
    return int(text)


def _shown(response: h11.Response) -> str:
    """Return the first line of an answer, as people see it."""
    version = response.http_version.decode("latin-1")
    reason = response.reason.decode("latin-1")
    return f"HTTP/{version} {response.status_code} {reason}"[:60]


def _in_words(error: OSError) -> str:
    # trio's own words have the address as Python writes it; an unknown name has a
    # number of another kind.
    is_unknown = isinstance(error, socket.gaierror) or not error.errno
    said = error.strerror if is_unknown else os.strerror(error.errno or 0)
    return said or str(error)


async def _connect(server: Server) -> _Connection:
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        await sock.connect((server.address, server.port))
    except BaseException:
        sock.close()
        raise
    return _Connection(sock)
