"""Minimal HTTP/1.1 server: bounded GET requests, for browsers and scrapers.

One request of at most 8 KB a connection, one answer, nothing is uploaded. A phone's web
server and the services' metrics are both made of it; sockets and time-outs are theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

MAX_HEAD_BYTES: Final = 8192
_END_OF_HEAD: Final = b"\r\n\r\n"
_WORDS_OF_A_REQUEST: Final = 3


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK

    def encode(self, *, with_body: bool = True) -> bytes:
        """Return the answer as it is sent; the connection ends with it."""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (self.body if with_body else b"")


Site = Callable[[str], Page | None]
"""From a target (`/path?query`) to its page; None when there is none."""


def needs_more(head: bytes | bytearray) -> bool:
    """Whether a request's head is not whole yet and may still become so."""
    return _END_OF_HEAD not in head and len(head) <= MAX_HEAD_BYTES


def answer_untrusted(site: Site, head: bytes) -> bytes:
    """Return the answer to a request's head: a page of the site, or an error."""
    words = head.partition(b"\r\n")[0].split(b" ")
    is_whole = _END_OF_HEAD in head[: MAX_HEAD_BYTES + len(_END_OF_HEAD)]
    if not is_whole or len(words) != _WORDS_OF_A_REQUEST:
        return _error(HTTPStatus.BAD_REQUEST).encode()
    method, target, _version = words
    if method not in (b"GET", b"HEAD"):
        return _error(HTTPStatus.METHOD_NOT_ALLOWED).encode()
    page = site(target.decode("latin-1")) or _error(HTTPStatus.NOT_FOUND)
    return page.encode(with_body=method == b"GET")


def _error(status: HTTPStatus) -> Page:
    return Page(status.phrase.encode(), "text/plain", status)
