"""Walk DER: where a value lies in its bytes. It builds nothing and judges no meaning.

    value:  tag (1 byte)  length (1, or 1 + n when the first has its high bit)  contents

Only what certificates need (X.690): single-byte tags, definite and minimal lengths.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tokenless.protocol.errors import DecodeError

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OBJECT_IDENTIFIER: Final = 0x06
_LONG_FORM: Final = 0x80
_MAX_LENGTH_BYTES: Final = 4
_MULTI_BYTE_TAG: Final = 0x1F


class Span(NamedTuple):
    """One DER value: its tag, where it begins, where its contents begin and end."""

    tag: int
    start: int
    contents: int
    end: int


def read_span(data: bytes, offset: int, end: int) -> Span:
    """Read the head of the value at `offset`; it must end at or before `end`.

    Raises:
        DecodeError: When it is cut short, or its tag or length is not DER.
    """
    contents = offset + 2
    if contents > end:
        raise DecodeError("a DER value is cut short", offset=offset)
    tag, length = data[offset], data[offset + 1]
    if tag & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        raise DecodeError("a DER tag of several bytes", offset=offset)
    if length >= _LONG_FORM:
        contents, length = _long_length(data, offset, end)
    stop = contents + length
    if stop > end:
        raise DecodeError(
            f"a DER value claims {length} bytes, {end - contents} are left",
            offset=offset,
        )
    return Span(tag, offset, contents, stop)


def _long_length(data: bytes, offset: int, end: int) -> tuple[int, int]:
    count = data[offset + 1] & ~_LONG_FORM
    contents = offset + 2 + count
    if not 1 <= count <= _MAX_LENGTH_BYTES or contents > end:
        raise DecodeError("a DER length is malformed", offset=offset)
    length = int.from_bytes(data[offset + 2 : contents])
    if length < _LONG_FORM or data[offset + 2] == 0:
        raise DecodeError("a DER length is not minimal", offset=offset)
    return contents, length


def expect_span(data: bytes, offset: int, end: int, tag: int, what: str) -> Span:
    """Read the head of a value that must have `tag`.

    Raises:
        DecodeError: When it is not DER or has another tag.
    """
    span = read_span(data, offset, end)
    if span.tag != tag:
        raise DecodeError(
            f"{what} has DER tag {span.tag:#04x} instead of {tag:#04x}", offset=offset
        )
    return span


def children(data: bytes, parent: Span) -> Iterator[Span]:
    """Walk the values inside `parent`. Raises DecodeError when they do not fill it."""
    offset = parent.contents
    while offset < parent.end:
        span = read_span(data, offset, parent.end)
        yield span
        offset = span.end


def whole(data: bytes, tag: int, what: str) -> Span:
    """Read the head of the one value that `data` must be, with nothing after it.

    Raises:
        DecodeError: When it is not DER, has another tag, or bytes follow it.
    """
    span = expect_span(data, 0, len(data), tag, what)
    if span.end != len(data):
        raise DecodeError(
            f"{len(data) - span.end} bytes are left over after {what}", offset=span.end
        )
    return span


def dotted(contents: bytes) -> str:
    """Write an OBJECT IDENTIFIER's contents as dotted numbers.

    Raises:
        DecodeError: When the last number does not end.
    """
    if not contents or contents[-1] & _LONG_FORM:
        raise DecodeError("an object identifier does not end", offset=0)
    numbers: list[int] = []
    value = 0
    for byte in contents:
        value = value << 7 | byte & ~_LONG_FORM
        if not byte & _LONG_FORM:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))
