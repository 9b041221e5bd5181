"""One client's connection: its socket, its TLS and its session put together.

It moves bytes and decides nothing: what is answered is the session's part, when it has
to end the loop's. A connection without any bytes is a socket and some fields; TLS
begins with its first byte.
"""

import contextlib
import os
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, Protocol

from tokenless.services.stream_server.connections.tls_channel import (
    TlsChannel,
    TlsError,
)
from tokenless.services.stream_server.connections.waits import Phase

if TYPE_CHECKING:
    from tokenless.services.stream_server.guest import Session
    from tokenless.services.stream_server.loop.loop import StreamLoop
    from tokenless.services.stream_server.loop.shares import Share

# One turn's share of one connection: what is left comes with the next event.
_READ_BYTES: Final = 16_384
_WRITE_BYTES: Final = 262_144
# Answers are written once so many bytes of them wait.
_FLUSH_BYTES: Final = 32_768
_FILE_BYTES: Final = 65_536


class HasDescriptor(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...


class Disconnected(Exception):  # noqa: N818 - it is not an error that a client hangs up
    """The peer is gone, or has said goodbye."""


class Connection:
    """A client, from accept to close."""

    __slots__ = (
        "_clear",
        "_context",
        "_loop",
        "_may_write",
        "address",
        "channel",
        "events",
        "fd",
        "has_timer",
        "holds_place",
        "is_clear",
        "is_closing",
        "is_parked",
        "is_waiting",
        "phase",
        "port",
        "session",
        "share",
        "socket",
        "unsent",
    )

    def __init__(  # noqa: PLR0917 (only the acceptor calls it)
        self,
        sock: socket.socket,
        address: str,
        port: int,
        context: ssl.SSLContext | None,
        share: "Share",
        loop: "StreamLoop",
    ) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.address = address
        """The client's."""
        self.port = port
        """Which of the server's ports it came to: an index of `StreamSettings.ports`"""
        self.share = share
        self.phase = Phase.FIRST_BYTE
        self.channel: TlsChannel | None = None
        self.session: Session | None = None
        self.unsent = b""
        """What the client has not read yet: while there is any, nothing is read from it
        and none of its requests is answered."""
        self.events = 0
        """What the loop's epoll watches for."""
        self.is_closing = False
        self.has_timer = False
        """Whether a timer was ever set."""
        self.is_waiting = False
        """Whether it waits for its address's turn at handshakes."""
        self.is_parked = False
        """Whether it waits for that unwatched."""
        self.holds_place = False
        """Whether its handshake is one of those that its address may have."""
        self.is_clear = context is None
        """Whether no TLS is spoken."""
        self._context = context
        self._loop = loop
        self._clear = b""
        self._may_write = _WRITE_BYTES

    # --- for sessions ------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Send, within a call of the session; it is written when enough waits.

        Raises:
            Disconnected, TlsError: When the peer has gone.
        """
        if self.channel is not None:
            waiting = self.channel.send(message)
        else:
            self._clear += message
            waiting = len(self._clear)
        if waiting >= _FLUSH_BYTES:
            self.flush()

    def send_file(self, file: HasDescriptor, offset: int, length: int) -> int | None:
        """Send a piece of a file; return how many bytes were taken, None at its end.

        Call it while `may_send`, with the sum of what was taken as the offset. Without
        TLS the kernel sends the file's pages and nothing is copied here. That they need
        no disk is the caller's care.

        Raises:
            Disconnected, TlsError: When the peer has gone.
            OSError: When the file cannot be read.
        """
        self.flush()
        if self.unsent:
            return 0
        if self.is_clear:
            return self._send_pages(file, offset, min(length, _WRITE_BYTES))
        piece = os.pread(file.fileno(), min(length, _FILE_BYTES), offset)
        if not piece:
            return None
        self.send(piece)
        self.flush()
        return len(piece)

    def _send_pages(self, file: HasDescriptor, offset: int, length: int) -> int | None:
        try:
            sent = os.sendfile(self.fd, file.fileno(), offset, length)
        except BlockingIOError:
            self._may_write = 0  # until the client has read some of it
            return 0
        except ConnectionError as error:
            raise Disconnected from error
        self._may_write -= sent
        return sent or None

    def push(self, message: bytes) -> None:
        """Send at any moment, unasked; never raises for the client's sake.

        A client that does not read what was pushed to it is closed in the end.
        """
        self._loop.push(self, message)

    def close(self) -> None:
        """Close after all data has been sent; from within a session's call or not."""
        self.is_closing = True
        self._loop.look_after(self)

    def reconsider(self) -> None:
        """Ask the session again whether it is kept; at any moment."""
        self._loop.look_after(self)

    def set_timer(self, seconds: float | None) -> None:
        """Have `on_timer` called after so long, None: never; replaces the former."""
        timers = self._loop.timers
        if seconds is None:
            timers.cancel(self)
        else:
            self.has_timer = True
            timers.set(self, time.monotonic() + seconds)

    @property
    def is_stuck(self) -> bool:
        """Return whether the client has to read before it is answered further."""
        return bool(self.unsent)

    @property
    def may_send(self) -> bool:
        """Return whether there is room, and its share of a turn is not used up."""
        return not self.unsent and self._may_write > 0

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate that the client showed and that verified, in DER."""
        return None if self.channel is None else self.channel.peer_certificate

    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """All certificates that the client showed, its own first, in DER."""
        return () if self.channel is None else self.channel.peer_chain

    # --- for the loop ------------------------------------------------------------

    def receive(self) -> bytes:
        """Read what has come; return the plaintext of it.

        Raises:
            Disconnected: When the peer has gone or said goodbye.
            TlsError: When the bytes are not TLS that is spoken here.
        """
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        if self._context is None:
            return data
        if self.channel is None:
            # Created with the first byte: a TLS object needs far more memory than a
            # connection, and a flood of silent connections shall not cost it.
            self.channel = TlsChannel(self._context)
        return self.channel.receive(data)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it.

        Raises:
            Disconnected: When the peer has gone.
        """
        # What is left of the last write must leave first: TLS records are numbered, and
        # the peer refuses them in another order.
        data, channel = self.unsent, self.channel
        if channel is not None:
            if channel.output_bytes:
                output = channel.take_output()
                data = data + output if data else output
        elif self._clear:
            data += self._clear
            self._clear = b""
        if not data:
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Disconnected from error
        self._may_write -= sent
        self.unsent = data[sent:]

    def renew_share(self) -> None:
        """Let the session write its share of another turn."""
        self._may_write = _WRITE_BYTES

    @property
    def is_established(self) -> bool:
        """Return whether data can flow: over clear TCP, or after the TLS handshake."""
        if self._context is None:
            return True
        return self.channel is not None and self.channel.is_established

    def phase_now(self) -> Phase:
        """Return what the connection is waiting for after its bytes were looked at."""
        session = self.session
        if session is None:
            return Phase.FIRST_BYTE if self.channel is None else Phase.HANDSHAKE
        if self.unsent or not session.is_between_requests:
            return Phase.REQUEST
        return Phase.KEPT if session.is_kept else Phase.IDLE

    def say_goodbye(self) -> None:
        """Send what waits and TLS's goodbye, as far as the socket takes it."""
        with contextlib.suppress(Disconnected):
            if self.channel is not None:
                self.channel.close()
            self.flush()

    def end(self) -> None:
        """Say goodbye and close, without resetting the connection.

        What is still unread is read first: closing a socket with unread bytes would
        send a reset, and the peer might never see the alert or the goodbye.
        """
        self.say_goodbye()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.recv(_READ_BYTES)
        self.abandon()

    def abandon(self) -> None:
        """Close the socket, and let go of TLS and of what was to be sent.

        A session may be part of a cycle, or another may still name it: until that ends,
        it must not keep the 25 kB of a TLS object.
        """
        self.socket.close()
        self.channel = None
        self.unsent = self._clear = b""


__all__ = ["Connection", "Disconnected", "TlsError"]
