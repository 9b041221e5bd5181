"""SIP requests and responses (RFC 3261 7), read within bounds.

    start line CRLF  (name: value CRLF)…  CRLF  body of Content-Length bytes

Folded lines are joined, short header names are understood, and unknown headers are
kept in order. What two readers could understand differently is refused: differing
lengths, a bare CR or LF inside a value, control characters.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.sip.addresses import REQUEST_URI

MAX_HEAD_BYTES: Final = 8192
MAX_BODY_BYTES: Final = 16384
_MAX_HEADERS: Final = 100
_VERSION: Final = "SIP/2.0"
_TOKEN: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}\Z")
_REQUEST_LINE: Final = re.compile(r"([^ ]+) ([^ ]+) SIP/2\.0\Z", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(
    r"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?\Z", re.IGNORECASE
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^\s;,]{1,256})", re.IGNORECASE)
_LENGTH: Final = re.compile(r"[0-9]{1,9}\Z")

_SHORT_NAMES: Final = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "v": "via",
}
Headers: TypeAlias = tuple[tuple[str, str], ...]


class _Headers:
    """Common part of requests and responses: their headers by name."""

    __slots__ = ()
    headers: Headers

    def all(self, name: str) -> Iterator[str]:
        """Return the values of a header, in order; `name` in lower case."""
        for each, value in self.headers:
            lower = each.lower()
            if _SHORT_NAMES.get(lower, lower) == name:
                yield value

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a header; `name` in lower case."""
        return next(self.all(name), default)


@dataclass(frozen=True, slots=True)
class SipRequest(_Headers):
    """A request."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes; Content-Length is added."""
        return _encode(f"{self.method} {self.uri} {_VERSION}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class SipResponse(_Headers):
    """A response."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes; Content-Length is added."""
        return _encode(
            f"{_VERSION} {self.status} {self.reason}", self.headers, self.body
        )


SipMessage: TypeAlias = SipRequest | SipResponse

COPIED: Final = ("via", "from", "to", "call-id", "cseq")
"""The headers that a response copies from its request (RFC 3261 8.2.6.2)."""


def date_header(unix_s: float | None) -> tuple[tuple[str, str], ...]:
    """Return the header Date of a clock (RFC 3261 20.17), nothing without one."""
    if unix_s is None:
        return ()
    now = datetime.fromtimestamp(unix_s, UTC)
    return (("Date", f"{now:%a, %d %b %Y %H:%M:%S} GMT"),)


def answer_to(
    request: SipRequest,
    status: int,
    reason: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    body: bytes = b"",
    to_tag: str = "",
) -> SipResponse:
    """Return a response to a request.

    Args:
        request: What is answered.
        status: The status code.
        reason: Its phrase.
        headers: What is added to the copied headers.
        body: The body; its Content-Type belongs to `headers`.
        to_tag: The tag of To, where the request has none.
    """
    copied: list[tuple[str, str]] = []
    for name, value in request.headers:
        lower = name.lower()
        full = _SHORT_NAMES.get(lower, lower)
        if full in COPIED:
            tagged = full == "to" and to_tag and ";tag=" not in value.lower()
            copied.append((name, f"{value};tag={to_tag}" if tagged else value))
    return SipResponse(status, reason, (*copied, *headers), body)


def branch_of(message: "SipMessage") -> str:
    """Return the branch of the first Via, which names the transaction; "" without."""
    first = message.get("via").split(",", 1)[0]
    found = _BRANCH.search(first)
    return found[1] if found else ""


def _encode(start: str, headers: Headers, body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def decode_message(data: bytes) -> SipMessage:
    """Read one message that came as a datagram.

    Raises:
        DecodeError: When it is not SIP, or its length is not what it claims.
    """
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise DecodeError("a SIP message has no end of its headers", offset=len(data))
    start, headers = decode_head(head)
    length = content_length(headers)
    if length is not None and length > len(body):
        raise DecodeError("a SIP body is shorter than it claims", offset=len(data))
    return make_message(start, headers, body if length is None else body[:length])


def decode_head(head: bytes) -> tuple[str, Headers]:
    """Read the start line and the headers.

    Raises:
        DecodeError: When they are too long or malformed.
    """
    if len(head) > MAX_HEAD_BYTES:
        raise DecodeError("the headers of a SIP message are too long", offset=len(head))
    try:
        text = _FOLD.sub(b" ", head).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a SIP message is not UTF-8", offset=error.start) from None
    start, *lines = text.split("\r\n")
    if len(lines) > _MAX_HEADERS:
        raise DecodeError("a SIP message has too many headers", offset=0)
    if _CONTROL.search(start):
        raise DecodeError("a SIP message has control characters", offset=0)
    return start, tuple(_header(line) for line in lines)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not _TOKEN.match(name):
        raise DecodeError("a line of a SIP message is not a header", offset=0)
    if _CONTROL.search(value):
        raise DecodeError("a SIP header has control characters", offset=0)
    return name, value.strip(" \t")


def content_length(headers: Headers) -> int | None:
    """Return what Content-Length says, None without it.

    Raises:
        DecodeError: When it is not a number, too large, or said twice differently.
    """
    said = {value for name, value in headers if name.lower() in {"content-length", "l"}}
    if not said:
        return None
    if len(said) > 1 or not all(_LENGTH.match(value) for value in said):
        raise DecodeError("Content-Length is not one number", offset=0)
    length = int(said.pop())
    if length > MAX_BODY_BYTES:
        raise DecodeError(f"a SIP body of {length} bytes is too long", offset=0)
    return length


def make_message(start: str, headers: Headers, body: bytes) -> SipMessage:
    """Return the message with this start line.

    Raises:
        DecodeError: When the start line is neither a request's nor a response's.
    """
    if status := _STATUS_LINE.match(start):
        return SipResponse(int(status[1]), status[2] or "", headers, body)
    request = _REQUEST_LINE.match(start)
    if not request or not _TOKEN.match(request[1]) or not REQUEST_URI.match(request[2]):
        raise DecodeError("a SIP message begins with no request or status", offset=0)
    return SipRequest(request[1], request[2], headers, body)
