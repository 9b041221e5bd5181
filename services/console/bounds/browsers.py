"""Connections of browsers: how many there are, and that their peers read.

Nothing here asks who they are: a stranger that opens many, or asks and never reads,
must not take the process's descriptors and memory, nor keep it from ending.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_CONNECTIONS: Final = 128
"""Of all browsers; one browser needs one (HTTP/2) to six."""
MAX_ANSWERS: Final = 64
"""Of one connection at once. HTTP/2 allows half as many streams, but does not count
those that a browser has given up, whose answers are still being made."""
_PIECE_BYTES: Final = 32 * 1024
READ_S: Final = 30.0
"""The seconds that a browser may take to read a piece of an answer."""


class BrowserStream(trio.abc.HalfCloseableStream):
    """A TCP connection that breaks when its peer does not read, or asks too much."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.socket = stream.socket
        self._answers: set[trio.CancelScope] = set()

    def bounded(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose answers are few, and end with this connection.

        Otherwise a browser that asks and gives up, ten thousand times a second, would
        leave that many pages to be made for nobody.
        """

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            if len(self._answers) >= MAX_ANSWERS:
                self.cut()
                return
            with trio.CancelScope() as answer:
                self._answers.add(answer)
                try:
                    await app(scope, receive, send)
                finally:
                    self._answers.discard(answer)

        return answered

    def _end_answers(self) -> None:
        for answer in self._answers:
            answer.cancel()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send. Raises BrokenResourceError, also when the peer does not read."""
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            with trio.move_on_after(READ_S) as patience:
                await self._send(view[start : start + _PIECE_BYTES])
            if patience.cancelled_caught:
                self.cut()
                raise trio.BrokenResourceError("the browser does not read")

    async def _send(self, piece: memoryview) -> None:
        try:
            await self._stream.send_all(piece)
        except trio.ClosedResourceError:
            raise trio.BrokenResourceError("it was cut") from None

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the socket."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive. Raises BrokenResourceError, also when it was cut."""
        data: bytes | bytearray = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.ClosedResourceError:
            raise trio.BrokenResourceError("it was cut") from None
        finally:
            if not data:
                self._end_answers()
        return data

    async def send_eof(self) -> None:
        """Say that nothing more is sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    def cut(self) -> None:
        """Close at once; what waits for the peer wakes up."""
        self.socket.close()
        self._end_answers()


class Browsers:
    """The connections of now; for one too many, the greediest address loses one."""

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._open: dict[BrowserStream, str] = {}
        self._left = trio.Event()

    @contextmanager
    def admit(self, stream: trio.SocketStream) -> Iterator[BrowserStream]:
        """Count a connection while the block runs. Raises OSError when it has gone."""
        address = stream.socket.getpeername()[0]
        if len(self._open) >= self._most:
            self._make_room()
        browser = BrowserStream(stream)
        self._open[browser] = address
        try:
            yield browser
        finally:
            self._open.pop(browser, None)
            self._left.set()

    def _make_room(self) -> None:
        """Cut the oldest connection of the address that has most."""
        ((greediest, _),) = Counter(self._open.values()).most_common(1)
        oldest = next(each for each, of in self._open.items() if of == greediest)
        del self._open[oldest]
        oldest.cut()

    async def cut_at_end(self, drain_s: float) -> None:
        """When cancelled, let answers end for `drain_s` seconds; then cut the rest.

        Hypercorn shields what it sends from the end of the process.
        """
        try:
            await trio.sleep_forever()
        finally:
            deadline = trio.current_time() + drain_s
            with trio.CancelScope(deadline=deadline, shield=True):
                while self._open:
                    self._left = trio.Event()
                    await self._left.wait()
            for each in tuple(self._open):
                each.cut()


def only_for_readers(app: ASGIApp) -> ASGIApp:
    """Return an application that ends an answer which its browser does not read.

    In HTTP/2 a browser can hold up one answer while its connection flows.
    """

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        with trio.CancelScope() as answer:

            async def patiently(message: Message) -> None:
                for piece in _pieces(message):
                    with trio.move_on_after(READ_S) as patience:
                        await send(piece)
                    if patience.cancelled_caught:
                        answer.cancel()
                        await trio.lowlevel.checkpoint()

            await app(scope, receive, patiently)

    return answered


def _pieces(message: Message) -> Iterator[Message]:
    """Divide a long body, so that a slow reader is told from one that does not read."""
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or len(body) <= _PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        goes_on = end < len(body) or message.get("more_body", False)
        yield {**message, "body": body[start:end], "more_body": goes_on}
