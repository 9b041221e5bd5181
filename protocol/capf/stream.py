"""CAPF messages over a connection: bytes in, messages out, without any I/O.

`receive` buffers what came in, however it was cut or joined; `next_event` gives the
next whole message, or None when more bytes are needed. The buffer is bounded, and an
error is final: after a ProtocolError the connection can only be closed.
"""

from typing import Final

from tokenless.protocol.capf.messages import (
    HEADER_LENGTH,
    MAX_MESSAGE_LENGTH,
    CapfHeader,
    CapfMessage,
    Command,
)
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.message_streams import PulledStream

FROM_PHONES: Final = frozenset(
    {
        Command.AUTH_RESPONSE,
        Command.KEYGEN_RESPONSE,
        Command.STORE_RESPONSE,
        Command.FETCH_RESPONSE,
        Command.DELETE_RESPONSE,
        Command.REQUEST_IN_PROGRESS,
    }
)
FROM_SERVERS: Final = frozenset(
    {
        Command.AUTH_REQUEST,
        Command.KEYGEN_REQUEST,
        Command.STORE_REQUEST,
        Command.FETCH_REQUEST,
        Command.DELETE_REQUEST,
        Command.END_SESSION,
        Command.RETRY_LATER,
    }
)


class CapfStream(PulledStream[CapfMessage]):
    """Cuts what one side of a connection received into messages."""

    __slots__ = ("_commands", "_header")

    def __init__(
        self,
        commands: frozenset[Command],
        *,
        max_buffered_bytes: int = 2 * MAX_MESSAGE_LENGTH,
    ) -> None:
        """Start with nothing received.

        Args:
            commands: What the other side may send: `FROM_PHONES` or `FROM_SERVERS`.
            max_buffered_bytes: How much may wait.
        """
        super().__init__(max_buffered_bytes)
        self._commands = commands
        self._header: CapfHeader | None = None

    def _cut_message(self) -> CapfMessage | None:
        if self._header is None:
            if len(self._buffer) < HEADER_LENGTH:
                return None
            self._header = CapfHeader.decode(self._buffer)
            if self._header.command not in self._commands:
                name = self._header.command.name
                raise DecodeError(f"{name} does not come from this side", offset=1)
        end = HEADER_LENGTH + self._header.body_length
        if len(self._buffer) < end:
            return None
        header, body = self._header, bytes(self._buffer[HEADER_LENGTH:end])
        del self._buffer[:end]
        self._header = None
        return CapfMessage.decode_body(header, body)
