"""TVS messages over a connection: bytes in, events out, without any I/O.

Each side of a connection holds one stream. `receive` buffers what came in, however it
was cut or joined; `next_event` gives the next whole message, or None when more bytes
are needed; `send` gives the bytes of a message to write. The buffer is bounded, and an
error is final: after a ProtocolError the connection can only be closed.
"""

from typing import Final, TypeAlias

from protocol.errors import ProtocolError
from protocol.tvs_messages import (
    HEADER_LENGTH,
    MAX_MESSAGE_LENGTH,
    Answer,
    Header,
    MessageType,
    Query,
    Verify,
    decode_body,
)

Request: TypeAlias = Query | Verify

DEFAULT_BUFFER_BYTES: Final = 2 * MAX_MESSAGE_LENGTH
"""Room for one message of the greatest length and the beginnings of the next."""

TRACED_BYTES: Final = 50
"""How much of a message the vendor's log dumps (REFERENCE 3.3)."""


class _Stream:
    """What both sides share: a bounded buffer that is cut into messages."""

    __slots__ = (
        "_broken",
        "_buffer",
        "_header",
        "_limit",
        "last_head",
        "last_length",
    )

    _accepts: frozenset[MessageType]
    _peer: str

    def __init__(self, *, max_buffered_bytes: int = DEFAULT_BUFFER_BYTES) -> None:
        self._buffer = bytearray()
        self._header: Header | None = None
        self._limit = max_buffered_bytes
        self._broken: ProtocolError | None = None
        self.last_head = b""
        """The first bytes of the last message, as traces dump them."""
        self.last_length = 0
        """The last message's whole length."""

    @property
    def buffered_bytes(self) -> int:
        """How much has been received and not been given out as a message."""
        return len(self._buffer)

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing of a next message has been received."""
        return not self._buffer

    def receive(self, data: bytes) -> None:
        """Take bytes from the connection.

        Raises:
            ProtocolError: When more would be buffered than is allowed.
        """
        if len(self._buffer) + len(data) > self._limit:
            raise self._fail(
                ProtocolError(f"more than {self._limit} bytes wait in the buffer")
            )
        self._buffer += data

    def _next_message(self) -> Query | Verify | Answer | None:
        if self._broken is not None:
            raise self._broken
        try:
            return self._cut_message()
        except ProtocolError as error:
            raise self._fail(error) from None

    def _cut_message(self) -> Query | Verify | Answer | None:
        header = self._header
        if header is None:
            if len(self._buffer) < HEADER_LENGTH:
                return None
            header = self._header = self._checked_header()
        end = HEADER_LENGTH + header.body_length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[HEADER_LENGTH:end])
        self.last_head = bytes(self._buffer[:TRACED_BYTES])
        self.last_length = end
        del self._buffer[:end]
        self._header = None
        return decode_body(header, body)

    def _checked_header(self) -> Header:
        """Read the header as soon as it is here: garbage is not waited for."""
        header = Header.decode(self._buffer)
        if header.type not in self._accepts:
            raise ProtocolError(f"{self._peer} does not send {header.type.name}")
        if header.body_length == 0:
            raise ProtocolError("a message without body")
        return header

    def _fail(self, error: ProtocolError) -> ProtocolError:
        self._broken = error
        self._buffer.clear()
        return error


class ServerStream(_Stream):
    """The service's side: requests come in, answers go out."""

    __slots__ = ()

    _accepts = frozenset([MessageType.QUERY, MessageType.VERIFY])
    _peer = "a phone"

    def next_event(self) -> Request | None:
        """Return the next request, or None until more bytes have come.

        Raises:
            ProtocolError: When the phone sent something that is not a request; the
                stream then stays broken and every later call raises again.
        """
        message = self._next_message()
        if isinstance(message, Answer):  # pragma: no cover - the header was checked
            raise TypeError
        return message

    def send(self, answer: Answer) -> bytes:
        """Return the bytes of an answer."""
        return answer.encode()


class ClientStream(_Stream):
    """The phone's side: requests go out, answers come in."""

    __slots__ = ()

    _accepts = frozenset([MessageType.QUERY_ANSWER, MessageType.VERIFY_ANSWER])
    _peer = "a server"

    def next_event(self) -> Answer | None:
        """Return the next answer, or None until more bytes have come.

        Raises:
            ProtocolError: When the server sent something that is not an answer; the
                stream then stays broken and every later call raises again.
        """
        message = self._next_message()
        if isinstance(message, (Query, Verify)):  # pragma: no cover - checked before
            raise TypeError
        return message

    def send(self, request: Request) -> bytes:
        """Return the bytes of a request."""
        return request.encode()
