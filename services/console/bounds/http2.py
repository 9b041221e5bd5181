"""HTTP/2 with bounds that hypercorn's own lacks.

What differs:

- Floods of frames end their connection with ENHANCE_YOUR_CALM, or wait
  (http2_frames); between pieces of what came, other connections have their turn.
- An answer that breaks off is reset, and what was kept of it is dropped. Hypercorn
  kept it, and its stream, until the connection's end.
- What waits for a window of the browser is bounded. Hypercorn took more whenever it had
  sent something, or had looked whether it can: answers to pings had no end.
- Data for a stream that was answered resets that stream, not all of the connection's.
- After many requests the connection ends when none is under way. Hypercorn ends it in
  the middle, and drops the answers: an administrator's form was carried out, and its
  page was an error.
- CONNECT is for WebSockets only; other protocols are refused.
- The table of headers that were sent has its usual length, whatever a browser offers.
"""

from contextlib import suppress
from typing import Any, Final

import trio
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived
from h2.events import Event as H2Event
from h2.exceptions import ProtocolError
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h2 import BUFFER_LOW_WATER, H2Protocol, StreamBuffer
from hypercorn.protocol.ws_stream import WSStream

from tokenless.services.console.bounds.http2_frames import (
    FrameMeter,
    TooManyFramesError,
)

_PIECE_BYTES: Final = 4096
_HEADER_TABLE_BYTES: Final = 4096
_REQUESTS: Final = 1000
"""Of a connection; then it ends as soon as each has its answer."""
_MOST_REQUESTS: Final = 20_000
"""Then it ends in any case: the library keeps something of each."""


class BoundedBuffer(StreamBuffer):
    """What one stream has to send."""

    async def pop(self, max_length: int) -> bytes:
        """Take up to so many bytes; let more in when there is room, not before."""
        data = bytes(self.buffer[:max_length])
        del self.buffer[:max_length]
        if len(self.buffer) < BUFFER_LOW_WATER:
            await self._paused.set()
        if not self.buffer:
            await self._is_empty.set()
        return data


class BoundedHttp2(H2Protocol):
    """One browser's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # hypercorn's
        super().__init__(*args, **kwargs)
        self._meter = FrameMeter(trio.current_time())
        self._requests = 0
        self._has_said_goodbye = False

    async def handle(self, event: Event) -> None:
        """Take what a browser sent, or that it has left."""
        if not isinstance(event, RawData):
            await super().handle(event)
            return
        for start in range(0, len(event.data), _PIECE_BYTES):
            piece = event.data[start : start + _PIECE_BYTES]
            if self.closed:
                return
            try:
                wait_s = self._meter.receive(piece, trio.current_time())
            except TooManyFramesError:
                await self._refuse()
                return
            await super().handle(RawData(piece))
            await trio.sleep(wait_s)

    async def _refuse(self) -> None:
        with suppress(ProtocolError):
            self.connection.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
        await self._flush()
        await self.send(Closed())

    async def _handle_events(self, events: list[H2Event]) -> None:
        encoder = self.connection.encoder
        if encoder.header_table_size > _HEADER_TABLE_BYTES:  # noqa: PLR1730  # each setting of it is sent
            encoder.header_table_size = _HEADER_TABLE_BYTES
        for event in events:
            match event:
                case DataReceived(stream_id=number) if number not in self.streams:
                    self._drop(event)
                case RequestReceived(stream_id=number) if _is_odd(event):
                    self._reset(number)
                case _:
                    await super()._handle_events([event])
        await self._flush()

    async def _create_stream(self, request: RequestReceived) -> None:
        await super()._create_stream(request)
        self._requests += 1
        self.keep_alive_requests = 0  # ours is counted above
        if self._requests > _MOST_REQUESTS:
            self.connection.close_connection()

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        await self._end_when_due()

    async def _close_stream(self, stream_id: int) -> None:
        stream = self.streams.get(stream_id)
        await super()._close_stream(stream_id)
        buffer = self.stream_buffers.get(stream_id)
        if stream is None or self.closed:
            return
        if buffer is not None and not buffer.complete:
            if isinstance(stream, WSStream):
                buffer.set_complete()  # its last words are in there
            else:
                self._reset(stream_id)
                await buffer.close()
            await self._window_updated(stream_id)
            await self._flush()
        await self._end_when_due()

    async def _end_when_due(self) -> None:
        """Say goodbye after many requests, when each has all of its answer."""
        is_busy = self.streams or self.stream_buffers
        if self._requests > _REQUESTS and not is_busy and not self._has_said_goodbye:
            self._has_said_goodbye = True
            self.connection.close_connection()
            await self._flush()

    def _drop(self, data: DataReceived) -> None:
        """Reset the stream; the connection's window is that of the others, too."""
        with suppress(ProtocolError):
            self.connection.acknowledge_received_data(
                data.flow_controlled_length or 0, data.stream_id or 0
            )
        self._reset(data.stream_id)

    def _reset(self, stream_id: int | None) -> None:
        with suppress(ProtocolError):
            self.connection.reset_stream(stream_id or 0, ErrorCodes.CANCEL)


def _is_odd(request: RequestReceived) -> bool:
    """Tell whether a request is for a tunnel, or a protocol that is not served."""
    headers = dict(request.headers or ())
    if headers.get(b":method", b"").upper() != b"CONNECT":
        return False
    return headers.get(b":protocol") != b"websocket"
