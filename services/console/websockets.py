"""WebSockets with bounds that hypercorn's own lack.

Hypercorn offers no setting for them: its modules for HTTP/1.1 and HTTP/2 name the class
of a WebSocket, and ours takes its place there. What differs:

- A message that is too long ends the connection. Hypercorn sends a Close, and goes on
  to keep what comes after it.
- Messages are not compressed: a kilobyte of a compressed message is a megabyte in
  memory before anyone has counted it.
- Between pieces of what came, other connections have their turn: a browser can send
  thousands of frames in one packet.
"""

from dataclasses import replace
from typing import Final

import trio
from hypercorn.protocol import h2, h11
from hypercorn.protocol.events import Body, Data, Event, Request, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.connection import ConnectionState

_PIECE_BYTES: Final = 4096
_EXTENSIONS: Final = b"sec-websocket-extensions"


class BoundedWebSocket(WSStream):
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
            case _:
                await super().handle(event)

    async def _end_when_too_long(self) -> None:
        """End the connection after a Close that the application has not sent."""
        if self.closed or self.state is not ASGIWebsocketState.CONNECTED:
            return
        if self.connection.state is ConnectionState.LOCAL_CLOSING:
            await self.send(StreamClosed(stream_id=self.stream_id))


def use_bounded_websockets() -> None:
    """Let hypercorn make WebSockets of this class."""
    for module in (h11, h2):
        vars(module)["WSStream"] = BoundedWebSocket
