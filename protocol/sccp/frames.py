"""SCCP frames, and the stream of one connection (REFERENCE-3 4.1).

    length (4, LE: message id and body)  version (4, LE)  message id (4, LE)  body …

The version is 0 until a protocol is negotiated, and in old servers for ever. Several
frames may share a segment, and a frame may be spread over several.
"""

import struct
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.message_streams import PushedStream
from tokenless.protocol.sccp.answers import ANSWERS
from tokenless.protocol.sccp.call import CALL_MESSAGES
from tokenless.protocol.sccp.call_display import DISPLAY_MESSAGES
from tokenless.protocol.sccp.layout import Message
from tokenless.protocol.sccp.media import MEDIA_MESSAGES
from tokenless.protocol.sccp.requests import REQUESTS

_HEADER: Final = struct.Struct("<III")
_LENGTH: Final = struct.Struct("<I")
_ID_LENGTH: Final = 4
_OUTSIDE_LENGTH: Final = 8
MAX_FRAME_BYTES: Final = 4096
"""More than any message has; an XMLAlarm may have 2,048 characters."""
MAX_VERSION: Final = 22
"""The protocol versions that are spoken; others are read as the nearest of these, or as
0."""

MESSAGES: Final = {
    each.ID: each
    for each in (
        *REQUESTS,
        *ANSWERS,
        *CALL_MESSAGES,
        *DISPLAY_MESSAGES,
        *MEDIA_MESSAGES,
    )
}


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message that is not known here: kept, so that it can be logged and ignored."""

    message_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """One message, and the version in its header."""

    message: Message | UnknownMessage
    version: int


def encode_frame(message: Message, version: int) -> bytes:
    """Return the bytes of a message.

    Args:
        message: The message.
        version: The negotiated protocol; 0 writes the layout of the oldest.
    """
    body = message.encode_body(version)
    return _HEADER.pack(len(body) + _ID_LENGTH, version, message.ID) + body


class SccpStream(PushedStream[Received]):
    """One side of a connection: bytes in, messages out."""

    __slots__ = ()

    def _cut_message(self) -> Received | None:
        buffer = self._buffer
        if len(buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(buffer)
        # Refused by its length alone: a client cannot fill the buffer with a frame that
        # no phone sends.
        if not _ID_LENGTH <= length <= MAX_FRAME_BYTES - _OUTSIDE_LENGTH:
            raise ProtocolError(f"a frame cannot have {length} bytes")
        end = _OUTSIDE_LENGTH + length
        if len(buffer) < end:
            return None
        frame = bytes(buffer[:end])
        del buffer[:end]
        return _decode(frame)


def _decode(frame: bytes) -> Received:
    _, version, message_id = _HEADER.unpack_from(frame)
    body = frame[_HEADER.size :]
    kind = MESSAGES.get(message_id)
    if kind is None:
        return Received(UnknownMessage(message_id, body), version)
    return Received(kind.decode_body(body, min(version, MAX_VERSION)), version)
