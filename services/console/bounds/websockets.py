"""WebSockets with bounds that hypercorn's own lack.

Hypercorn offers no setting for them: its modules for HTTP/1.1 and HTTP/2 name the class
of a WebSocket, and ours takes its place there. What differs:

- A message that is too long ends the connection. Hypercorn sends a Close, and goes on
  to keep what comes after it.
- Messages are not compressed: a kilobyte of a compressed message is a megabyte in
  memory before anyone has counted it.
- Between pieces of what came, other connections have their turn: a browser can send
  thousands of frames in one packet.
- Over HTTP/2 the end of the browser's half is its leave.
- Answers to pings, and farewells, wait a while for a browser that does not read, not
  for ever.
"""

from dataclasses import replace
from typing import Final

import trio
from hypercorn.protocol.events import (
    Body,
    Data,
    EndBody,
    Event,
    Request,
    StreamClosed,
)
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Pong
from wsproto.events import Event as WebSocketEvent

from tokenless.services.console.bounds.answers import EndsWithItsAnswer
from tokenless.services.console.bounds.browsers import READ_S

_PIECE_BYTES: Final = 1024
_HTTP_2: Final = "2"
_EXTENSIONS: Final = b"sec-websocket-extensions"


class BoundedWebSocket(EndsWithItsAnswer, WSStream):
    """A WebSocket whose messages are short and plain."""

    async def handle(self, event: Event) -> None:
        """Take what a browser sent, or that it has left."""
        match event:
            case Request(headers=headers):
                plain = [each for each in headers if each[0].lower() != _EXTENSIONS]
                await super().handle(replace(event, headers=plain))
            case Body(data=data) | Data(data=data):
                for start in range(0, len(data), _PIECE_BYTES):
                    piece = data[start : start + _PIECE_BYTES]
                    await super().handle(replace(event, data=piece))
                    await self._end_when_too_long()
                    await trio.lowlevel.checkpoint()
            case EndBody() if self.scope["http_version"] == _HTTP_2:
                await self.send(StreamClosed(stream_id=self.stream_id))
            case _:
                await super().handle(event)

    async def _send_wsproto_event(self, event: WebSocketEvent) -> None:
        if not isinstance(event, (CloseConnection, Pong)):
            await super()._send_wsproto_event(event)
            return
        # The task that reads may be the one that waits here.
        with trio.move_on_after(READ_S) as patience:
            await super()._send_wsproto_event(event)
        if patience.cancelled_caught:
            raise trio.BrokenResourceError("the browser does not read")

    async def _end_when_too_long(self) -> None:
        """End the connection after a Close that the application has not sent."""
        if self.closed or self.state is not ASGIWebsocketState.CONNECTED:
            return
        if self.connection.state is ConnectionState.LOCAL_CLOSING:
            await self.send(StreamClosed(stream_id=self.stream_id))
