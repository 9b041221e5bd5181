"""Sessions of streams that return messages as soon as they are whole: SCCP, SIP, links.

For guests of the stream server whose stream is a `PushedStream` of `protocol/`.
"""

from abc import abstractmethod
from typing import Generic, TypeVar

from tokenless.protocol.message_streams import PushedStream
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Session

MessageT = TypeVar("MessageT")


class MessageSession(Session, Generic[MessageT]):
    """One connection whose messages are taken one by one."""

    __slots__ = ("_stream", "_waiting")

    def __init__(self, connection: Connection, stream: PushedStream[MessageT]) -> None:
        super().__init__(connection)
        self._stream = stream
        self._waiting: list[MessageT] = []

    @abstractmethod
    def _take(self, message: MessageT) -> None:
        """Answer one message, or do what it says."""

    def _taken(self) -> None:
        """Do what follows once the messages of a turn were taken."""

    def receive(self, data: bytes) -> None:
        """Take bytes of the client. Raises ProtocolError as the stream does."""
        self._waiting += self._stream.receive(data)

    @property
    def is_between_requests(self) -> bool:
        """Return whether nothing of a next message has come."""
        return self._stream.is_between_messages and not self._waiting

    def answer(self) -> int:
        """Take the messages that are whole."""
        messages, self._waiting = self._waiting, []
        for message in messages:
            self._take(message)
        if messages:
            self._taken()
        return len(messages)
