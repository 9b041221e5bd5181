"""`/metrics` and `/health` over HTTP: few connections, one bounded request each."""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec
import trio

from tokenless.protocol.http_pages import (
    MAX_HEAD_BYTES,
    Page,
    answer_untrusted,
    needs_more,
)
from tokenless.services.errors import ServiceError
from tokenless.services.metrics import exposition
from tokenless.services.monitoring.health import Health, Verdict

_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
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
        raise ServiceError(
            f"metrics on {address} port {port}: {error.strerror or error}",
            hint="choose another port (0: a free one)",
        ) from None
    where = listeners[0].socket.getsockname()
    limit = trio.CapacityLimiter(_MAX_CONNECTIONS)
    task_status.started((where[0], where[1]))
    await trio.serve_listeners(partial(_serve_one, look, limit), listeners)


async def _serve_one(
    look: Callable[[], Health], limit: trio.CapacityLimiter, stream: trio.SocketStream
) -> None:
    async with _bounded(limit, stream):
        head = bytearray()
        while needs_more(head):
            data = await stream.receive_some(MAX_HEAD_BYTES)
            if not data:
                break
            head += data
        await stream.send_all(answer_untrusted(partial(_page, look), bytes(head)))


@contextlib.asynccontextmanager
async def _bounded(
    limit: trio.CapacityLimiter, stream: trio.SocketStream
) -> AsyncIterator[None]:
    """Whatever a client does costs one of few places for a few seconds at most."""
    with trio.move_on_after(_CONNECTION_S):
        async with limit, stream:
            with contextlib.suppress(trio.BrokenResourceError):  # the client has gone
                yield


def _page(look: Callable[[], Health], target: str) -> Page | None:
    match target.partition("?")[0]:
        case "/metrics":
            return Page(exposition().encode(), _METRICS_TYPE)
        case "/health":
            health = look()
            failing = health.verdict is Verdict.FAILING
            status = HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK
            body = msgspec.json.encode(health) + b"\n"
            return Page(body, "application/json", status)
        case _:
            return None
