"""Bounded reading and writing of the elements that all the formats are made of.

    element:  tag (1 byte)  length (2 bytes, big-endian)  value (length bytes)

Shared by trust lists (REFERENCE 1.1), signed files (REFERENCE 2.1) and TVS messages
(REFERENCE 3.2).
"""

import struct
from typing import Final

from tokenless.protocol.errors import DecodeError

_ELEMENT_HEAD: Final = struct.Struct(">BH")
ELEMENT_HEAD_LENGTH: Final = _ELEMENT_HEAD.size
MAX_ELEMENT_LENGTH: Final = 0xFFFF


class Reader:
    """A cursor over a part of some bytes; it cannot leave that part."""

    __slots__ = ("_data", "end", "offset")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self.offset = start
        """Offset of the next byte, from the start of the whole input."""
        self.end = len(data) if end is None else end
        if not 0 <= start <= self.end <= len(data):
            raise ValueError(f"reader from {start} to {self.end} of {len(data)} bytes")

    @property
    def remaining(self) -> int:
        """The number of bytes still to be read."""
        return self.end - self.offset

    def peek(self) -> int:
        """Return the next byte without reading it.

        Raises:
            DecodeError: At the end.
        """
        if self.offset >= self.end:
            raise DecodeError("a byte is missing", offset=self.offset)
        return self._data[self.offset]

    def element(self) -> tuple[int, bytes]:
        """Read one element: its tag and its value.

        Raises:
            DecodeError: When the head or the value is cut short.
        """
        start = self.offset
        if start + ELEMENT_HEAD_LENGTH > self.end:
            raise DecodeError("an element's head is cut short", offset=start)
        tag, length = _ELEMENT_HEAD.unpack_from(self._data, start)
        value = start + ELEMENT_HEAD_LENGTH
        stop = value + length
        if stop > self.end:
            raise DecodeError(
                f"element {tag} claims {length} bytes, {self.end - value} are left",
                offset=start,
            )
        self.offset = stop
        return tag, self._data[value:stop]


def pack_element(tag: int, value: bytes) -> bytes:
    """Build one element.

    Raises:
        ValueError: When the value has more than 65,535 bytes (a caller's mistake).
    """
    if len(value) > MAX_ELEMENT_LENGTH:
        raise ValueError(f"element {tag} cannot hold {len(value)} bytes")
    return _ELEMENT_HEAD.pack(tag, len(value)) + value
