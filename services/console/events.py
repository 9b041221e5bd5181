"""Server-sent events: how they are written, and when their stream ends."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import trio
from starlette.types import Receive, Send


def encode_event(name: str, fields: Mapping[str, object] | int) -> str:
    """Return one event; JSON has no line breaks, so it is one line of data."""
    return f"event: {name}\ndata: {msgspec.json.encode(fields).decode()}\n\n"


async def send_start(send: Send) -> None:
    """Begin a stream of events."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def send_part(send: Send, event: str) -> None:
    """Send an event."""
    await send(
        {"type": "http.response.body", "body": event.encode(), "more_body": True}
    )


async def send_end(send: Send) -> None:
    """End the stream."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def until_left(receive: Receive) -> AsyncIterator[None]:
    """Run the block; end it when the browser leaves."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_await_end, receive, nursery.cancel_scope)
        yield
        nursery.cancel_scope.cancel()


async def _await_end(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
