"""A phone's web server: one bounded request each, within ten seconds.

A phone's pages are read by scrapers and people (protocol.http_pages has the words).
"""

from functools import partial
from http import HTTPStatus
from typing import Final

import trio

from tokenless.protocol.errors import TokenlessError
from tokenless.protocol.http.pages import (
    MAX_HEAD_BYTES,
    Page,
    Site,
    answer_untrusted,
    needs_more,
)

__all__ = ["Page", "Site", "serve_site"]

_CONNECTION_S: Final = 10.0
_MAX_CONNECTIONS: Final = 32
_BACKLOG: Final = 64


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
    if not limit.available_tokens:
        # One that waited for a place would hold a descriptor meanwhile.
        await trio.aclose_forcefully(stream)
        return
    with trio.move_on_after(_CONNECTION_S):
        async with limit, stream:
            try:
                await stream.send_all(_answer(site, await _read_head(stream)))
            except trio.BrokenResourceError:
                return  # the client has gone


def _answer(site: Site, head: bytes) -> bytes:
    """Answer; a page that cannot be made, as of an erased flash, ends no server."""
    try:
        return answer_untrusted(site, head)
    except (OSError, TokenlessError):
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return Page(status.phrase.encode(), "text/plain", status).encode()


async def _read_head(stream: trio.SocketStream) -> bytes:
    """Read up to the empty line, within bounds."""
    head = bytearray()
    while needs_more(head):
        data = await stream.receive_some(MAX_HEAD_BYTES)
        if not data:
            break
        head += data
    return bytes(head)
