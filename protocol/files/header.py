"""The header that trust lists and signed files begin with (REFERENCE 1.1, 1.2, 2.1).

     1 version (2)   2 length of the whole header (2)   [28 signer version (2)]
     3 {4 signer  5 serial  6 issuer}   7 {8 digest  9 {10 algorithm  11 modulus}}
    12 signature    14 filename   15 time (4)   13 pads, one byte each, no length

The order is that of CUCM's files (observed); others are accepted. Containers count
their nested elements. The signature covers the file without element 12 (REFERENCE 1.6).
"""

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header_fields import (
    SignatureInfo,
    SignerId,
    decode_signature_info,
    decode_signer_id,
    decode_text,
    expect_length,
)
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, Reader, pack_element

__all__ = ["Header", "HeaderTag", "SignerId", "decode_header"]

MAX_PADS: Final = 16
"""CUCM pads with 3 at most; others may pad to a greater multiple, not endlessly."""
MAX_ELEMENTS: Final = 64


@unique
class HeaderTag(IntEnum):
    """Tags of header elements. Unknown ones are kept as they are."""

    VERSION = 1
    HEADER_LENGTH = 2
    SIGNER_ID = 3
    SIGNATURE_INFO = 7
    SIGNATURE = 12
    PAD = 13
    FILENAME = 14
    TIMESTAMP = 15
    SIGNER_VERSION = 28


@dataclass(frozen=True, slots=True)
class Header:
    """A decoded header."""

    version: tuple[int, int]
    header_length: int
    signer: SignerId
    digest: Digest
    signature_algorithm: int
    """0 is RSA with PKCS#1 v1.5, the only one observed."""
    modulus_code: int
    """SIGNATUREMODULUS: 1 for 1024 bits, 2 for 2048, as the writer claims."""
    signature: bytes
    signature_span: tuple[int, int] = field(compare=False)
    """The span of element 12 in the file, its head included."""
    filename: str | None
    timestamp: int | None
    """Unix seconds of signing."""
    signer_version: tuple[int, int] | None
    elements: tuple[tuple[int, bytes], ...] = field(repr=False)
    """All elements in the file's order, known or not, containers whole."""
    pads: int

    def encode(self) -> bytes:
        """Write the header as it was read."""
        body = b"".join(pack_element(tag, value) for tag, value in self.elements)
        return body + bytes([HeaderTag.PAD]) * self.pads

    def signed_part(self, data: bytes) -> bytes:
        """Return the bytes of a file that its signature covers (REFERENCE 1.6)."""
        start, end = self.signature_span
        return data[:start] + data[end:]


@dataclass(slots=True)
class _Elements:
    """The elements of a header while they are being read."""

    values: dict[int, bytes] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    ordered: list[tuple[int, bytes]] = field(default_factory=list)
    pads: int = 0
    signer: SignerId | None = None
    info: SignatureInfo | None = None

    def add(self, tag: int, value: bytes, offset: int) -> None:
        if tag in self.values and tag in _KNOWN_TAGS:
            raise DecodeError(f"header element {tag} comes twice", offset=offset)
        if len(self.ordered) == MAX_ELEMENTS:
            raise DecodeError(
                f"a header has over {MAX_ELEMENTS} elements", offset=offset
            )
        self.values[tag] = value
        self.offsets[tag] = offset
        self.ordered.append((tag, value))
        # At once: a container whose length lies also garbles what seems to follow it.
        if tag == HeaderTag.SIGNER_ID:
            self.signer = decode_signer_id(value, offset)
        elif tag == HeaderTag.SIGNATURE_INFO:
            self.info = decode_signature_info(value, offset)

    def text(self, tag: HeaderTag) -> str | None:
        value = self.values.get(tag)
        return (
            None if value is None else decode_text(value, self.offsets[tag], tag.name)
        )

    def number(self, tag: HeaderTag, length: int) -> int | None:
        if tag not in self.values:
            return None
        value = self.values[tag]
        expect_length(value, length, tag.name, self.offsets[tag])
        return int.from_bytes(value)

    def pair(self, tag: HeaderTag) -> tuple[int, int] | None:
        number = self.number(tag, 2)
        return None if number is None else divmod(number, 256)


_KNOWN_TAGS: Final = frozenset(HeaderTag)


_NEEDED: Final = (HeaderTag.SIGNER_ID, HeaderTag.SIGNATURE_INFO, HeaderTag.SIGNATURE)


def decode_header(data: bytes) -> Header:
    """Decode the header at the start of a file.

    Raises:
        DecodeError: When an element is cut short or malformed, comes twice, or one that
            is needed is missing; when lengths do not add up.
    """
    reader = Reader(data)
    length = _open(reader)
    elements = _Elements()
    reader = Reader(data, end=length)
    while reader.remaining:
        _read_one(reader, elements)
    return _compose(elements, length)


def _open(reader: Reader) -> int:
    """Read VERSION and HEADERLENGTH, which every header begins with."""
    _opening(reader, HeaderTag.VERSION)
    start = reader.offset
    length = _opening(reader, HeaderTag.HEADER_LENGTH)
    if not reader.offset <= length <= reader.end:
        raise DecodeError(
            f"HEADERLENGTH is {length}, but the file has {reader.end} bytes",
            offset=start,
        )
    return length


def _opening(reader: Reader, tag: HeaderTag) -> int:
    start = reader.offset
    if reader.peek() != tag:
        raise DecodeError(
            f"no trust list or signed file: byte {reader.peek():#04x} "
            f"where the element {tag.name} must be",
            offset=start,
        )
    _, value = reader.element()
    expect_length(value, 2, tag.name, start)
    return int.from_bytes(value)


def _read_one(reader: Reader, elements: _Elements) -> None:
    start = reader.offset
    if reader.peek() == HeaderTag.PAD:
        reader.offset += 1
        elements.pads += 1
        if elements.pads > MAX_PADS:
            raise DecodeError(f"a header has over {MAX_PADS} pads", offset=start)
    elif elements.pads:
        # Phones stop at the first pad (REFERENCE 1.5), so this must stop there, too.
        raise DecodeError("an element follows the header's pads", offset=start)
    else:
        tag, value = reader.element()
        elements.add(tag, value, start)


def _compose(elements: _Elements, length: int) -> Header:
    signer, info = elements.signer, elements.info
    signature = elements.values.get(HeaderTag.SIGNATURE)
    if signer is None or info is None or signature is None:
        missing = [tag.name for tag in _NEEDED if tag not in elements.values]
        raise DecodeError(f"the header lacks {', '.join(missing)}", offset=length)
    start = elements.offsets[HeaderTag.SIGNATURE]
    return Header(
        version=elements.pair(HeaderTag.VERSION) or (0, 0),
        header_length=length,
        signer=signer,
        digest=info.digest,
        signature_algorithm=info.algorithm,
        modulus_code=info.modulus_code,
        signature=signature,
        signature_span=(start, start + ELEMENT_HEAD_LENGTH + len(signature)),
        filename=elements.text(HeaderTag.FILENAME),
        timestamp=elements.number(HeaderTag.TIMESTAMP, 4),
        signer_version=elements.pair(HeaderTag.SIGNER_VERSION),
        elements=tuple(elements.ordered),
        pads=elements.pads,
    )
