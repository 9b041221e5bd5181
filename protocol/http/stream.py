"""The server's side of an HTTP connection that asks for files, without I/O (RFC 9112).

    stream.receive(data)                    # what the client sent
    request = stream.next_request()         # Request, Refused or None: more is needed
    send(stream.head(status, length, …))    # then exactly `length` bytes of content
    stream.sent(count)                      # for each piece of them
    until stream.must_close

h11 takes the messages apart. What it leaves to its users is decided here: a file server
needs no bodies, so a request with one is refused and its connection closed: two ideas
of where a body ends are how requests are smuggled. Names are printable ASCII after
percent-decoding, as over TFTP; whether a name is served is not decided here.

Observed (REFERENCE 4.1, REFERENCE-3 1.3): `Content-length`, `Cache-Control: no-store`,
`Content-type: */*`. Ranges are those of RFC 9110, 14.2: one range of bytes, anything
else is answered with the whole file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from tokenless.protocol.errors import ProtocolError

MAX_HEAD_BYTES: Final = 8192
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_NAME: Final = re.compile(rb"[\x20-\x7e]*")
_METHODS: Final = frozenset({b"GET", b"HEAD"})
_OBSERVED: Final = (("Cache-Control", "no-store"), ("Content-type", "*/*"))


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file: the bytes from `first` to `last`, or the `last` ones of all."""

    first: int | None
    last: int | None

    def within(self, size: int) -> tuple[int, int] | None:
        """Return offset and length in a file, None when nothing of it is there."""
        if self.first is None:
            length = min(self.last or 0, size)
            return (size - length, length) if length else None
        last = size - 1 if self.last is None else min(self.last, size - 1)
        return (self.first, last - self.first + 1) if self.first <= last else None


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request."""

    name: str
    """The path without its leading slashes, decoded."""
    is_head: bool = False
    """True if the content itself is not wanted."""
    range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is answered with an error, whatever it asks for."""

    status: HTTPStatus
    reason: str


class ServerStream:
    """One connection's requests and answers."""

    def __init__(self) -> None:
        self._http = h11.Connection(
            h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES
        )
        self._is_broken = False
        self._may_ask = True
        self._received = False

    @property
    def is_between_requests(self) -> bool:
        """Return whether nothing of a request has come, and no answer is due."""
        return self._may_ask and not self._received

    @property
    def must_close(self) -> bool:
        """Return whether nothing can follow on this connection once all was sent."""
        return self._is_broken or self._http.our_state is h11.MUST_CLOSE

    def receive(self, data: bytes) -> None:
        """Take bytes.

        Raises:
            ProtocolError: When more was sent ahead than is kept.
        """
        if self._is_broken or not data:
            return
        ahead, _ = self._http.trailing_data
        if len(ahead) + len(data) > 4 * MAX_HEAD_BYTES and not self._may_ask:
            raise ProtocolError("too many requests were sent ahead")
        self._received = True
        self._http.receive_data(data)

    def next_request(self) -> Request | Refused | None:
        """Return the next request; None when it is not whole, or one is answered."""
        if self._is_broken or not self._may_ask:
            return None
        held = len(self._http.trailing_data[0])
        try:
            event = self._http.next_event()
            if not isinstance(event, h11.Request):
                return None
            self._may_ask = False
            if held - len(self._http.trailing_data[0]) > MAX_HEAD_BYTES:
                # h11 bounds only what is not whole yet: how it was cut must not count.
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                return self._refuse(status, "the head is too long")
            request = self._understand_untrusted(event)
            if isinstance(request, Request):
                # Without a body this is the end of it, and h11 knows.
                self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._may_ask = False
            status = HTTPStatus(error.error_status_hint)
            return self._refuse(status, str(error))
        return request

    def head(
        self,
        status: HTTPStatus,
        length: int,
        more: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Return the head of an answer; `length` bytes of content have to follow."""
        headers = [("Content-length", str(length)), *_OBSERVED, *more]
        if self._is_broken:
            headers.append(("Connection", "close"))
        response = h11.Response(
            status_code=status.value, reason=status.phrase, headers=headers
        )
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return b""
        data: bytes = self._http.send(response) or b""
        return data

    def sent(self, count: int) -> None:
        """Note that so many bytes of the content were sent as they are."""
        if count:
            self._http.send_with_data_passthrough(h11.Data(data=_Passing(count)))

    def finish(self) -> None:
        """End an answer whose content was sent; another request may be taken then."""
        self._http.send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._may_ask = True
            self._received = bool(self._http.trailing_data[0])
        else:
            self._is_broken = True

    def _understand_untrusted(self, event: h11.Request) -> Request | Refused:
        headers = dict(event.headers)
        if event.method not in _METHODS:
            return self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
        if b"transfer-encoding" in headers or headers.get(
            b"content-length", b"0"
        ).strip(b"0"):
            return self._refuse(HTTPStatus.BAD_REQUEST, "a request has no body here")
        name = _name_untrusted(event.target)
        if name is None:
            return self._refuse(HTTPStatus.BAD_REQUEST, "no path of a file")
        is_head = event.method == b"HEAD"
        ignores_range = is_head or b"if-range" in headers  # RFC 9110, 14.2: GET only
        asked = None if ignores_range else headers.get(b"range")
        return Request(name, is_head, None if asked is None else _range_of(asked))

    def _refuse(self, status: HTTPStatus, reason: str) -> Refused:
        self._is_broken = True
        return Refused(status, reason)


class _Passing(bytes):
    """Stands for content that does not pass through here; only its length counts."""

    _count: int

    def __new__(cls, count: int) -> Self:
        made = super().__new__(cls)
        made._count = count
        return made

    def __len__(self) -> int:
        return self._count


def _name_untrusted(target: bytes) -> str | None:
    """Return the name in a request's target; None when it cannot be one."""
    try:
        path = target if target.startswith(b"/") else _path_of_url(target)
    except ValueError:
        return None
    if path is None:
        return None
    name = unquote_to_bytes(path.partition(b"?")[0]).lstrip(b"/")
    return name.decode("ascii") if _NAME.fullmatch(name) else None


def _path_of_url(target: bytes) -> bytes | None:
    """Return the path of a whole URL, as a proxy asks for it."""
    parts = urlsplit(target)
    is_url = parts.scheme in {b"http", b"https"} and bool(parts.netloc)
    return parts.path if is_url else None


def _range_of(header: bytes) -> ByteRange | None:
    """Return the one range that is asked for; None: all of the file."""
    match = _RANGE.fullmatch(header.decode("latin-1").strip())
    if match is None:
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is None and last is None:
        return None
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)
