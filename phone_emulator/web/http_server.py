"""As much of HTTP/1.1 as a phone's web server needs: GET, bounded, one request each.

A phone's pages are read by scrapers and people; nothing is uploaded. Every connection
carries one request of at most 8 KB and has ten seconds for all of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import trio

_MAX_HEAD_BYTES: Final = 8192
_CONNECTION_S: Final = 10.0
_MAX_CONNECTIONS: Final = 32
_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Site = Callable[[str], Page | None]
"""From a target (`/path?query`) to its page; None when there is none."""


async def serve_site(
    site: Site,
    *,
    address: str,
    port: int,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve pages until cancelled.

    Raises:
        OSError: When the address is not ours or the port is in use.
    """
    listeners = await trio.open_tcp_listeners(port, host=address, backlog=_BACKLOG)
    where = listeners[0].socket.getsockname()
    limit = trio.CapacityLimiter(_MAX_CONNECTIONS)
    task_status.started((where[0], where[1]))
    await trio.serve_listeners(partial(_serve_one, site, limit), listeners)


async def _serve_one(
    site: Site, limit: trio.CapacityLimiter, stream: trio.SocketStream
) -> None:
    with trio.move_on_after(_CONNECTION_S):
        async with limit, stream:
            try:
                page, with_body = _answer_untrusted(site, await _read_head(stream))
                await stream.send_all(_encode(page, with_body=with_body))
            except trio.BrokenResourceError:
                return  # the client has gone


async def _read_head(stream: trio.SocketStream) -> bytes:
    """Read up to the empty line, within bounds."""
    head = bytearray()
    while b"\r\n\r\n" not in head and len(head) <= _MAX_HEAD_BYTES:
        data = await stream.receive_some(_MAX_HEAD_BYTES)
        if not data:
            break
        head += data
    return bytes(head)


def _answer_untrusted(site: Site, head: bytes) -> tuple[Page, bool]:
    """Find the page that a request asks for, and whether to send its body."""
    words = head.partition(b"\r\n")[0].split(b" ")
    is_whole = b"\r\n\r\n" in head[: _MAX_HEAD_BYTES + 4]
    if not is_whole or len(words) != len(("method", "target", "version")):
        return _error(HTTPStatus.BAD_REQUEST), True
    method, target, _version = words
    if method not in (b"GET", b"HEAD"):
        return _error(HTTPStatus.METHOD_NOT_ALLOWED), True
    page = site(target.decode("latin-1"))
    return page or _error(HTTPStatus.NOT_FOUND), method == b"GET"


def _error(status: HTTPStatus) -> Page:
    return Page(status.phrase.encode(), "text/plain", status)


def _encode(page: Page, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (page.body if with_body else b"")
