"""Our connection to one other node: opened again as often as it ends."""

import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
import trio

from tokenless.protocol.cluster_link import Alive, Hello, LinkMessage, encode_message
from tokenless.protocol.errors import first_cause
from tokenless.services.cluster_links.guest import ALIVE_EVERY_S
from tokenless.services.cluster_links.peers import LinkHandler, PeerNode

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0
_SETTLED_S: Final = 1.0
_HANDSHAKE_S: Final = 10.0
_SEND_S: Final = 15.0
"""A node that does not read for so long is cut off."""
_MAX_WAITING: Final = 50_000
"""Messages: five times those of a boot storm."""
_READ_BYTES: Final = 4096
_BROKEN: Final = (OSError, trio.BrokenResourceError, trio.TooSlowError)


class _OtherCertificateError(Exception):
    """The node shows a certificate that the database does not have for it."""


class LinkClient:
    """The messages that this node sends to one other node."""

    def __init__(
        self,
        me: str,
        peer: PeerNode,
        handler: LinkHandler,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.peer = peer
        self.is_open = False
        """True if a message that is sent now will leave."""
        self._me = me
        self._handler = handler
        self._log = log.bind(peer=peer.name)
        self._waiting: deque[bytes] = deque()
        self._has_more = trio.Event()
        self._reason = ""

    def send(self, encoded: bytes) -> bool:
        """Say something, if the node is connected; return whether it is."""
        if not self.is_open:
            return False
        self._waiting.append(encoded)
        self._has_more.set()
        return True

    async def run(self, context: Callable[[], ssl.SSLContext]) -> None:
        """Stay connected until cancelled; `context` has our certificate of now."""
        pause_s = _FIRST_PAUSE_S
        while True:
            begun = trio.current_time()
            try:
                if self.peer.port:
                    await self._connect(context())
            except* (*_BROKEN, _OtherCertificateError) as errors:
                self._report(errors)
            if trio.current_time() - begun > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _report(self, errors: BaseExceptionGroup[BaseException]) -> None:
        """Log why a node cannot be reached, once for each reason."""
        error = first_cause(errors)
        reason = str(error.__cause__ or error) or type(error).__name__
        if reason != self._reason:
            self._log.info("link to a node is down", reason=reason)
        self._reason = reason

    async def _connect(self, context: ssl.SSLContext) -> None:
        with trio.fail_after(_HANDSHAKE_S):
            tcp = await trio.open_tcp_stream(self.peer.address, self.peer.port)
        stream = trio.SSLStream(tcp, context, https_compatible=True)
        try:
            with trio.fail_after(_HANDSHAKE_S):
                await stream.do_handshake()
            shown = stream.getpeercert(binary_form=True)
            if shown != self.peer.certificate:
                raise _OtherCertificateError(
                    "it shows another certificate than the database has"
                )
            await self._talk(stream)
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._waiting.clear()
        self._waiting += map(
            encode_message, [Hello(self._me), *self._handler.first_words()]
        )
        self._has_more.set()
        self.is_open = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream)
                nursery.start_soon(self._say_that_it_is_up)
                # The node says nothing here: whatever can be read is its end.
                await stream.receive_some(_READ_BYTES)
                nursery.cancel_scope.cancel()
        finally:
            self.is_open = False
            self._waiting.clear()
            self._handler.cut(self.peer.name)

    async def _say_that_it_is_up(self) -> None:
        """Log it once it has lasted: in TLS 1.3 a refusal comes after the handshake."""
        await trio.sleep(_SETTLED_S)
        self._reason = ""
        self._log.info("link to a node is up")

    async def _write(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        alive = encode_message(Alive())
        while True:
            with trio.move_on_after(ALIVE_EVERY_S) as patience:
                await self._has_more.wait()
            if patience.cancelled_caught:
                self._waiting.append(alive)
            if len(self._waiting) > _MAX_WAITING:
                raise trio.TooSlowError
            self._has_more = trio.Event()
            data = b"".join(self._waiting)
            self._waiting.clear()
            with trio.fail_after(_SEND_S):
                await stream.send_all(data)


def broadcast(clients: list[LinkClient], message: LinkMessage) -> None:
    """Say the same to all nodes that are connected."""
    encoded = encode_message(message)
    for client in clients:
        client.send(encoded)
