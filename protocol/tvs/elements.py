"""The elements of TVS messages: splitting a body, and reading the values.

    element:  tag (1 byte)  length (2 bytes, big-endian)  value

Bounded and tolerant as REFERENCE 3.2 and 10.5 ask for: any order, unknown tags are
counted, but none that counts may come twice.
"""

import re
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, pack_element

HEADER_LENGTH: Final = 10
"""Of a message; what precedes every body."""

# Distinguished names have some 60 characters; a page of text is not one.
MAX_NAME_BYTES: Final = 4096
# RFC 5280 allows 20 bytes; certificates with more exist.
MAX_SERIAL_BYTES: Final = 64

# The byte before a device's name. Its meaning is unknown, it was always this.
_DEVICE_MARK: Final = b"\x01"
_DEVICE_NAME: Final = re.compile(r"CP-[0-9A-Za-z-]{2,20}-(SEP|ATA|VGC)[0-9A-F]{12}")


@unique
class Tag(IntEnum):
    """Elements of a body. 4 and 5 are inferred; 6 is unknown and ignored."""

    DEVICE = 1
    CERTIFICATE = 2
    SUBJECT = 3
    ISSUER = 4
    SERIAL = 5
    STATUS = 7
    ROLES = 8
    TTL = 9


# Plain integers: looking one up in a set of enumeration members costs more.
QUERY_TAGS: Final = frozenset(
    map(int, [Tag.DEVICE, Tag.SUBJECT, Tag.ISSUER, Tag.SERIAL])
)
VERIFY_TAGS: Final = frozenset(map(int, [Tag.DEVICE, Tag.CERTIFICATE]))
ANSWER_TAGS: Final = frozenset(
    map(int, [Tag.STATUS, Tag.CERTIFICATE, Tag.ROLES, Tag.TTL])
)


def is_device_name(name: str) -> bool:
    """Return whether a name has the form `CP-7975-SEP001122334455`."""
    return _DEVICE_NAME.fullmatch(name) is not None


def read_elements(data: bytes, known: frozenset[int]) -> tuple[dict[int, bytes], int]:
    """Split a body into the elements that count and the number of the others.

    The daemon's inner loop: a wire.Reader would take twice as long here.

    Raises:
        DecodeError: When an element is cut short, or one that counts comes twice.
    """
    elements: dict[int, bytes] = {}
    ignored = offset = 0
    end = len(data)
    while offset < end:
        value_at = offset + ELEMENT_HEAD_LENGTH
        if value_at > end:
            raise _at(offset, "an element's head is cut short")
        tag = data[offset]
        next_at = value_at + (data[offset + 1] << 8 | data[offset + 2])
        if next_at > end:
            raise _at(offset, f"element {tag} claims more bytes than are left")
        if tag not in known:
            ignored += 1
        elif tag in elements:
            raise _at(offset, f"element {tag} comes twice")
        else:
            elements[tag] = data[value_at:next_at]
        offset = next_at
    return elements, ignored


def _at(offset: int, reason: str) -> DecodeError:
    """Make an error that counts from the message's start, as a dump does."""
    return DecodeError(reason, offset=HEADER_LENGTH + offset)


def read_bytes(elements: dict[int, bytes], tag: Tag, most: int) -> bytes:
    """Return an element that must be there.

    Raises:
        DecodeError: When it is absent, empty, or longer than `most`.
    """
    value = elements.get(tag)
    if not value:
        raise _at(0, f"no {tag.name.lower()} in the message")
    if len(value) > most:
        raise _at(0, f"a {tag.name.lower()} of {len(value)} bytes")
    return value


def read_name(elements: dict[int, bytes], tag: Tag) -> str:
    """Return a distinguished name's text.

    Raises:
        DecodeError: As `read_bytes`, and when it is not one text.
    """
    return _text(read_bytes(elements, tag, MAX_NAME_BYTES))


def read_device(elements: dict[int, bytes]) -> str:
    """Return the device's name without its mark; empty when there is none.

    Raises:
        DecodeError: When it is not one text of a bounded length.
    """
    value = elements.get(Tag.DEVICE, b"")
    if len(value) > MAX_NAME_BYTES:
        raise _at(0, f"a device of {len(value)} bytes")
    return _text(value.removeprefix(_DEVICE_MARK))


def _text(value: bytes) -> str:
    """Decode text without its final NUL, which names have and devices do not."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _at(0, "a name is not UTF-8") from error
    nul_at = text.find("\0")
    if nul_at < 0:
        return text
    if nul_at != len(text) - 1:
        raise _at(0, "a NUL within a name")
    return text[:-1]


def pack_device(device: str) -> bytes:
    """Build element 1: the mark, then the name without a NUL."""
    return pack_element(Tag.DEVICE, _DEVICE_MARK + device.encode())


def pack_name(tag: Tag, name: str) -> bytes:
    """Build a name's element: its text and a NUL."""
    return pack_element(tag, name.encode() + b"\0")
