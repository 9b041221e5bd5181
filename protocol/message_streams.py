"""Common part of streams of messages: bytes in, messages out, without any I/O.

A buffer is cut into messages, however the bytes were cut or joined. An error is final:
after a ProtocolError the connection can only be closed.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from tokenless.protocol.errors import ProtocolError

MessageT = TypeVar("MessageT")


class MessageStream(ABC, Generic[MessageT]):
    """The received bytes of one side of a connection that were not returned yet."""

    __slots__ = ("_broken", "_buffer")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken: ProtocolError | None = None

    @property
    def buffered_bytes(self) -> int:
        """Number of received bytes that are not part of a returned message."""
        return len(self._buffer)

    @property
    def is_between_messages(self) -> bool:
        """Return whether nothing of a next message has been received."""
        return not self._buffer

    @abstractmethod
    def _cut_message(self) -> MessageT | None:
        """Take the next message from the buffer; None until it is whole."""

    def _fail(self, error: ProtocolError) -> ProtocolError:
        self._broken = error
        self._buffer.clear()
        return error


class PulledStream(MessageStream[MessageT]):
    """A stream whose reader asks for one message after the other."""

    __slots__ = ("_limit",)

    def __init__(self, max_buffered_bytes: int) -> None:
        super().__init__()
        self._limit = max_buffered_bytes

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

    def next_event(self) -> MessageT | None:
        """Return the next message, or None until more bytes have come.

        Raises:
            ProtocolError: When the other side sent something that it may not send; the
                stream then stays broken and every later call raises again.
        """
        if self._broken is not None:
            raise self._broken
        if not self._buffer:
            return None
        try:
            return self._cut_message()
        except ProtocolError as error:
            raise self._fail(error) from None


class PushedStream(MessageStream[MessageT]):
    """A stream that returns messages as soon as they are whole."""

    __slots__ = ()

    def receive(self, data: bytes) -> list[MessageT]:
        """Take bytes from the connection and return the messages that are whole now.

        Raises:
            ProtocolError: When a message is malformed or too long. Messages before it
                in the same bytes are lost: the connection can only be closed.
        """
        if self._broken is not None:
            raise self._broken
        self._buffer += data
        messages: list[MessageT] = []
        try:
            while (message := self._cut_message()) is not None:
                messages.append(message)
        except ProtocolError as error:
            raise self._fail(error) from None
        return messages
