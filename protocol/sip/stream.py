"""Cut a SIP connection into messages (RFC 3261 18.3); any error is final.

Over a stream every message needs its Content-Length. Empty lines between messages are
keep-alives and are skipped.
"""

from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.message_streams import PushedStream
from tokenless.protocol.sip.messages import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Headers,
    SipMessage,
    content_length,
    decode_head,
    make_message,
)

_END: Final = b"\r\n\r\n"
_MAX_BUFFERED: Final = 2 * (MAX_HEAD_BYTES + MAX_BODY_BYTES)


class SipStream(PushedStream[SipMessage]):
    """One side of a connection: bytes in, messages out."""

    __slots__ = ("_head", "_scanned")

    def __init__(self) -> None:
        super().__init__()
        self._head: tuple[str, Headers, int] | None = None
        # How far the end of the headers was looked for: a dribbling peer must not make
        # each byte cost the whole buffer.
        self._scanned = 0

    @property
    def is_between_messages(self) -> bool:
        """Return whether nothing of a next message has been received."""
        return not self._buffer and self._head is None

    def _cut_message(self) -> SipMessage | None:
        if len(self._buffer) > _MAX_BUFFERED:
            raise DecodeError("too much waits to be read", offset=_MAX_BUFFERED)
        head = self._head or self._read_head()
        if head is None:
            return None
        start, headers, length = self._head = head
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._head = None
        return make_message(start, headers, body)

    def _read_head(self) -> tuple[str, Headers, int] | None:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":
            del buffer[:2]
            self._scanned = 0
        end = buffer.find(_END, max(0, self._scanned - len(_END)))
        self._scanned = len(buffer)
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise DecodeError("the headers are too long", offset=MAX_HEAD_BYTES)
            return None
        start, headers = decode_head(bytes(buffer[:end]))
        length = content_length(headers)
        if length is None:
            raise DecodeError("a message has no Content-Length", offset=end)
        del buffer[: end + len(_END)]
        self._scanned = 0
        return start, headers, length
