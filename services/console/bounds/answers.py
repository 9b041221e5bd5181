"""Answers: what comes for one that has ended is not kept waiting.

Hypercorn hands an application what its browser sends through a queue, and the task that
reads the connection waits for room in it. When the application ended meanwhile, that
task waited for ever: its connection took no more and noticed no end.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.protocol.events import Event, Request
from hypercorn.protocol.http_stream import HTTPStream


class EndsWithItsAnswer:
    """A stream of hypercorn that drops what comes after its application's end."""

    app_put: Any
    """Puts a message into the queue; None before there is an application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # hypercorn's
        super().__init__(*args, **kwargs)
        self._has_ended = False
        self._putting: trio.CancelScope | None = None

    async def handle(self, event: Event) -> None:
        """Take what a browser sent, or that it has left."""
        await super().handle(event)  # type: ignore[misc]  # of hypercorn's stream
        if isinstance(event, Request) and getattr(self, "app_put", None) is not None:
            self.app_put = self._unless_ended(self.app_put)

    async def app_send(self, message: Any) -> None:  # noqa: ANN401  # as in ASGI
        """Send what the application says; None: it has ended."""
        if message is None:
            self._has_ended = True
            if self._putting is not None:
                self._putting.cancel()
        await super().app_send(message)  # type: ignore[misc]  # of hypercorn's stream

    def _unless_ended(
        self, put: Callable[[Any], Awaitable[None]]
    ) -> Callable[[Any], Awaitable[None]]:
        async def put_unless_ended(message: Any) -> None:  # noqa: ANN401  # as in ASGI
            if not self._has_ended:
                with trio.CancelScope() as self._putting:
                    await put(message)

        return put_unless_ended


class BoundedAnswer(EndsWithItsAnswer, HTTPStream):
    """An answer to a request of HTTP/1.1 or HTTP/2."""
