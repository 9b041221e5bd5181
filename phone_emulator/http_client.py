"""Files over HTTP, port 6970 of a TFTP node, which newer phones try first.

Seen in captures (REFERENCE 4.1): `Content-length`, `Cache-Control: no-store`; a missing
CTL is a 503, after which the phone asks by TFTP. Whatever goes wrong here, the phone
falls back to TFTP, so there is one kind of failure only.
"""

from typing import Final
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


async def fetch_by_http(
    server: Server, name: str, *, max_bytes: int, timeout_s: float
) -> bytes:
    """Download one file.

    Raises:
        NotByHttpError: When nobody answers, the file is missing or too large, or the
            answer makes no sense.
    """
    try:
        with trio.fail_after(timeout_s):
            stream = await trio.open_tcp_stream(server.address, server.port)
            async with stream:
                return await _exchange(stream, server, name, max_bytes)
    except trio.TooSlowError as error:
        raise NotByHttpError(f"no answer within {timeout_s:g} s") from error
    except (OSError, trio.BrokenResourceError) as error:
        raise NotByHttpError(f"no HTTP: {error}") from error


async def _exchange(
    stream: trio.SocketStream, server: Server, name: str, max_bytes: int
) -> bytes:
    request = (
        f"GET /{quote(name)} HTTP/1.1\r\nHost: {server}\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    )
    await stream.send_all(request.encode())
    received = bytearray()
    while b"\r\n\r\n" not in received:
        if len(received) > _MAX_HEAD_BYTES:
            raise NotByHttpError("the head of the answer does not end")
        received += await _more(stream)
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    length = _length_untrusted(head, max_bytes)
    whole = bytearray(body)
    while len(whole) < length:
        whole += await _more(stream)
    return bytes(whole[:length])


async def _more(stream: trio.SocketStream) -> bytes:
    data = await stream.receive_some(_READ_BYTES)
    if not data:
        raise NotByHttpError("the answer was cut short")
    return bytes(data)


def _length_untrusted(head: bytes, max_bytes: int) -> int:
    """Return the body's length. Raises NotByHttpError for any answer but a file."""
    status_line, *fields = head.split(b"\r\n")
    words = status_line.split(b" ", 2)
    if not words[0].startswith(b"HTTP/1.") or words[1:2] != [b"%d" % _OK]:
        shown = status_line[:60].decode("latin-1")
        raise NotByHttpError(f"the answer is {shown!r}")
    for field in fields:
        key, _, value = field.partition(b":")
        if key.strip().lower() == b"content-length":
            text = value.strip()
            is_number = text.isdigit() and len(text) <= _MAX_DIGITS
            if is_number and int(text) <= max_bytes:
                return int(text)
            raise NotByHttpError("the file is too large")
    raise NotByHttpError("the answer has no Content-Length")
