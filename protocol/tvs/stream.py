"""TVS messages over a connection: bytes in, events out, without any I/O.

Each side of a connection holds one stream. `receive` buffers what came in, however it
was cut or joined; `next_event` gives the next whole message, or None when more bytes
are needed; `send` gives the bytes of a message to write. The buffer is bounded, and an
error is final: after a ProtocolError the connection can only be closed.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Final, TypeAlias, assert_never

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.message_streams import MessageT, PulledStream
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.elements import HEADER_LENGTH
from tokenless.protocol.tvs.messages import (
    MAX_MESSAGE_LENGTH,
    Header,
    MessageType,
    Query,
    Verify,
)

Request: TypeAlias = Query | Verify

DEFAULT_BUFFER_BYTES: Final = 2 * MAX_MESSAGE_LENGTH
"""Room for one message of the greatest length and the beginnings of the next."""

TRACED_BYTES: Final = 50
"""The bytes of a message that the vendor's log dumps (REFERENCE 3.3)."""


class _Stream(PulledStream[MessageT]):
    """Common part of both sides: a bounded buffer that is cut into messages."""

    __slots__ = ("_header", "last_head", "last_length")

    # Which types the other side may send, and how their bodies are read.
    _decoders: ClassVar[Mapping[MessageType, Callable[[int, bytes], object]]]
    _peer: ClassVar[str]

    def __init__(self, *, max_buffered_bytes: int = DEFAULT_BUFFER_BYTES) -> None:
        super().__init__(max_buffered_bytes)
        self._header: Header | None = None
        self.last_head = b""
        """The first bytes of the last message, as traces dump them."""
        self.last_length = 0
        """The last message's whole length."""

    def _cut_message(self) -> MessageT | None:
        buffer, header = self._buffer, self._header
        if header is None:
            if len(buffer) < HEADER_LENGTH:
                return None
            header = Header.decode(buffer)
            if header.type not in self._decoders or not header.body_length:
                raise self._unexpected(header)
            self._header = header
        end = HEADER_LENGTH + header.body_length
        if len(buffer) < end:
            return None
        message = bytes(buffer) if len(buffer) == end else bytes(buffer[:end])
        del buffer[:end]
        self._header = None
        self.last_head, self.last_length = message[:TRACED_BYTES], end
        decode = self._decoders[header.type]
        decoded: MessageT = decode(header.session_id, message[HEADER_LENGTH:])  # type: ignore[assignment]  # by the table
        return decoded

    def _unexpected(self, header: Header) -> ProtocolError:
        """Return the fault of a header, as soon as it is here."""
        if header.type not in self._decoders:
            return ProtocolError(f"{self._peer} does not send {header.type.name}")
        return ProtocolError("a message without body")


class ServerStream(_Stream[Request]):
    """The service's side: requests come in, answers go out."""

    __slots__ = ()

    _decoders: ClassVar = {
        MessageType.QUERY: Query.decode_body,
        MessageType.VERIFY: Verify.decode_body,
    }
    _peer = "a phone"

    def send(self, answer: Answer) -> bytes:
        """Return the bytes of an answer."""
        return answer.encode()


class ClientStream(_Stream[Answer]):
    """The phone's side: requests go out, answers come in."""

    __slots__ = ()

    _decoders: ClassVar = {
        kind: partial(Answer.decode_body, kind)
        for kind in (MessageType.QUERY_ANSWER, MessageType.VERIFY_ANSWER)
    }
    _peer = "a server"

    def send(self, request: Request) -> bytes:
        """Return the bytes of a request. Raises ProtocolError when it is too long."""
        return request.encode()


def decode_message(data: bytes) -> Query | Verify | Answer:
    """Decode one whole message and nothing after it.

    Raises:
        DecodeError: When the bytes are not exactly one message.
    """
    header = Header.decode(data)
    body = data[HEADER_LENGTH:]
    if len(body) != header.body_length:
        raise DecodeError(
            f"a body of {header.body_length} bytes was announced, {len(body)} are here",
            offset=8,
        )
    return _decode_body(header, body)


def _decode_body(header: Header, body: bytes) -> Query | Verify | Answer:
    """Decode a body whose header is known. Raises DecodeError as the types do."""
    match header.type:
        case MessageType.QUERY:
            return Query.decode_body(header.session_id, body)
        case MessageType.VERIFY:
            return Verify.decode_body(header.session_id, body)
        case MessageType.QUERY_ANSWER | MessageType.VERIFY_ANSWER:
            return Answer.decode_body(header.type, header.session_id, body)
        case _:
            assert_never(header.type)
