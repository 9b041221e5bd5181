"""Minimal HTTP/1.1 server: bounded GET requests, for browsers and scrapers.

One request of at most 8 KB a connection, one answer, nothing is uploaded. A phone's web
server and the services' metrics are both made of it; sockets and time-outs are theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

MAX_HEAD_BYTES: Final = 8192
_END_OF_HEAD: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK

    def encode(self, *, with_body: bool = True) -> bytes:
        """Return the answer as it is sent; the connection ends with it."""
        connection = h11.Connection(h11.SERVER)
        head = h11.Response(
            status_code=self.status.value,
            reason=self.status.phrase,
            headers=[
                ("Content-Type", self.content_type),
                ("Content-Length", str(len(self.body))),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
            ],
        )
        return (connection.send(head) or b"") + (self.body if with_body else b"")


Site = Callable[[str], Page | None]
"""From a target (`/path?query`) to its page; None when there is none."""


def needs_more(head: bytes | bytearray) -> bool:
    """Return whether a request's head is not whole yet and may still become so."""
    return _END_OF_HEAD not in head and len(head) <= MAX_HEAD_BYTES


def answer_untrusted(site: Site, head: bytes) -> bytes:
    """Return the answer to a request's head: a page of the site, or an error."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head[: MAX_HEAD_BYTES + len(_END_OF_HEAD)])
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError:
        request = None
    if not isinstance(request, h11.Request):
        return _error(HTTPStatus.BAD_REQUEST).encode()
    if request.method not in (b"GET", b"HEAD"):
        return _error(HTTPStatus.METHOD_NOT_ALLOWED).encode()
    page = site(request.target.decode("ascii")) or _error(HTTPStatus.NOT_FOUND)
    return page.encode(with_body=request.method == b"GET")


def _error(status: HTTPStatus) -> Page:
    return Page(status.phrase.encode(), "text/plain", status)
