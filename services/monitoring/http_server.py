"""`/metrics`, `/health`, `/ready` and `/live` over HTTP.

Few connections, one bounded request each.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
import trio

from tokenless.protocol.http.pages import (
    MAX_HEAD_BYTES,
    Page,
    answer_untrusted,
    needs_more,
)
from tokenless.services.listening import cannot_listen
from tokenless.services.metrics import exposition
from tokenless.services.monitoring.health import Health, Question
from tokenless.services.reserved import serve_reserved

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_QUESTIONS: Final = {f"/{each}": each for each in Question}
_CONNECTION_S: Final = 5.0
_MAX_CONNECTIONS: Final = 16
_BACKLOG: Final = 32


async def serve_monitoring(
    look: Callable[[], Health],
    *,
    address: str,
    port: int,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve metrics and health until cancelled.

    Args:
        look: Tells how the process is now.
        address: Where to listen; there is no password, so loopback.
        port: 0 takes a free one.
        task_status: Is given the address and the port.

    Raises:
        ServiceError: When the address is not ours or the port is in use.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=address, backlog=_BACKLOG)
    except OSError as error:
        raise cannot_listen("metrics", address, port, error) from None
    where = listeners[0].socket.getsockname()
    task_status.started((where[0], where[1]))
    await serve_reserved(partial(_serve_one, look, _Places()), listeners)


async def _serve_one(
    look: Callable[[], Health], places: "_Places", stream: trio.SocketStream
) -> None:
    async with places.take():
        head = bytearray()
        while needs_more(head):
            data = await stream.receive_some(MAX_HEAD_BYTES)
            if not data:
                break
            head += data
        await stream.send_all(answer_untrusted(partial(_page, look), bytes(head)))


class _Places:
    """Room for few connections, each for a few seconds; for one more, the oldest goes.

    An honest client needs its place for milliseconds, so the connection that has had
    one longest is most likely to say nothing. Nobody waits for a place with an open
    socket, as TFTP and TVS need the process's descriptors.
    """

    def __init__(self) -> None:
        self._taken: dict[trio.CancelScope, None] = {}

    @contextlib.asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Take a place for a connection; leave when it is over, however that comes."""
        if len(self._taken) >= _MAX_CONNECTIONS:
            oldest = next(iter(self._taken))
            del self._taken[oldest]
            oldest.cancel()
        with trio.move_on_after(_CONNECTION_S) as scope:
            self._taken[scope] = None
            try:
                with contextlib.suppress(trio.BrokenResourceError):  # it has gone
                    yield
            finally:
                self._taken.pop(scope, None)


def _page(look: Callable[[], Health], target: str) -> Page | None:
    path = target.partition("?")[0]
    if path == "/metrics":
        return Page(exposition().encode(), _METRICS_TYPE)
    if path not in _QUESTIONS:
        return None
    health = look()
    is_yes = health.says_yes_to(_QUESTIONS[path])
    status = HTTPStatus.OK if is_yes else HTTPStatus.SERVICE_UNAVAILABLE
    body = msgspec.json.encode(health) + b"\n"
    return Page(body, "application/json", status)
