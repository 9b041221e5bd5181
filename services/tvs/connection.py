"""One phone's connection: its socket, its TLS and its messages put together.

It moves bytes and decides nothing: what is answered is the responder's part, when it
has to end the loop's. A connection that nobody speaks on is a socket and some fields;
TLS begins with its first byte.
"""

import contextlib
import socket
import ssl
from typing import Final

from tokenless.protocol.tvs_stream import Request, ServerStream
from tokenless.services.tvs.tls_channel import TlsChannel
from tokenless.services.tvs.waits import Phase

# One turn's share of one connection: what is left comes with the next event.
_READ_BYTES: Final = 16_384
# Answers are written once so many bytes of them wait.
_FLUSH_BYTES: Final = 32_768


class Disconnected(Exception):  # noqa: N818 - it is no error that a phone hangs up
    """The peer is gone, or has said goodbye."""


class Connection:
    """A phone, from accept to close."""

    __slots__ = (
        "_buffered_bytes",
        "_context",
        "address",
        "channel",
        "fd",
        "phase",
        "socket",
        "stream",
        "unsent",
    )

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        context: ssl.SSLContext,
        buffered_bytes: int,
    ) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.address = address
        self.phase = Phase.FIRST_BYTE
        self.channel: TlsChannel | None = None
        self.stream: ServerStream | None = None
        self._context = context
        self._buffered_bytes = buffered_bytes
        self.unsent = b""
        """What the peer has not read yet: while there is any, nothing is read from it
        and none of its requests is answered."""

    def receive(self) -> None:
        """Read what has come and put its plaintext into the stream.

        Raises:
            Disconnected: When the peer has gone or said goodbye.
            TlsError: When the bytes are not TLS that is spoken here.
            ProtocolError: When more is buffered than allowed.
        """
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        if self.channel is None or self.stream is None:
            self.channel = TlsChannel(self._context)
            self.stream = ServerStream(max_buffered_bytes=self._buffered_bytes)
        plaintext = self.channel.receive(data)
        if plaintext:
            self.stream.receive(plaintext)

    def next_request(self) -> Request | None:
        """Return a whole request, or None while there is none or answers are stuck.

        Raises:
            ProtocolError: When the phone sent something that is not a request.
        """
        return None if self.unsent or self.stream is None else self.stream.next_event()

    def send(self, message: bytes) -> None:
        """Encrypt an answer; write it when enough waits.

        Raises:
            Disconnected, TlsError: When the peer has gone.
        """
        if self.channel is None:
            msg = "nothing can be sent before the first byte has come"
            raise RuntimeError(msg)
        if self.channel.send(message) >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it.

        Raises:
            Disconnected: When the peer has gone.
        """
        data, channel = self.unsent, self.channel
        if channel is not None and channel.output_bytes:
            output = channel.take_output()
            data = data + output if data else output
        if not data:
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Disconnected from error
        self.unsent = data[sent:]

    @property
    def last_message(self) -> tuple[bytes, int]:
        """The first bytes and the whole length of the last request, for the trace."""
        if self.stream is None:
            return b"", 0
        return self.stream.last_head, self.stream.last_length

    @property
    def peer_certificate(self) -> bytes | None:
        """The MIC or LSC that the phone showed, in DER."""
        return None if self.channel is None else self.channel.peer_certificate

    def phase_now(self) -> Phase:
        """Return what the connection is waiting for after its bytes were looked at."""
        if self.channel is None or self.stream is None:
            return Phase.FIRST_BYTE
        if not self.channel.is_established:
            return Phase.HANDSHAKE
        if self.unsent or not self.stream.is_between_messages:
            return Phase.REQUEST
        return Phase.IDLE

    @property
    def is_established(self) -> bool:
        """Whether the TLS handshake is over."""
        return self.channel is not None and self.channel.is_established

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
        self.socket.close()
