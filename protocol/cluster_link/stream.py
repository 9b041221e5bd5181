"""Cut a connection between two nodes into messages; any error is final.

| bytes | field |
|---|---|
| 4 | length of the message, big-endian |
| so many | the message, JSON |
"""

from typing import Final

import msgspec

from tokenless.protocol.cluster_link.messages import LinkMessage
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.message_streams import PushedStream

MAX_BODY_BYTES: Final = 256 * 1024
"""A message of 500 phones has less than half of it."""
_LENGTH_BYTES: Final = 4
_DECODER: Final = msgspec.json.Decoder(LinkMessage)
_ENCODER: Final = msgspec.json.Encoder()


def encode_message(message: LinkMessage) -> bytes:
    """Return a message with its length before it."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class LinkStream(PushedStream[LinkMessage]):
    """One side of a connection: bytes in, messages out."""

    __slots__ = ()

    def _cut_message(self) -> LinkMessage | None:
        buffer = self._buffer
        if len(buffer) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
        if length > MAX_BODY_BYTES:
            raise DecodeError("a message is too long", offset=0)
        end = _LENGTH_BYTES + length
        if len(buffer) < end:
            return None
        body = bytes(buffer[_LENGTH_BYTES:end])
        del buffer[:end]
        try:
            message: LinkMessage = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # Not its text: it could repeat a key that was sent.
            raise DecodeError("not a message of a node", offset=_LENGTH_BYTES) from None
        return message
