"""Describe and convert the bodies of SCCP messages.

A message is a frozen dataclass whose fields carry their wire form as metadata:

    @dataclass(frozen=True, slots=True)
    class UnregisterAck(Message):
        ID: ClassVar = 0x118
        status: int = u32()

Integers are little endian, addresses in network order, texts end in a NUL inside a
field of fixed size; real servers leave garbage behind that NUL (REFERENCE-3 4.1).
Bodies grow with the protocol version: a reader takes the fields that are there, gives
the others their defaults, and ignores what follows (REFERENCE-4 1).
"""

import dataclasses
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, ClassVar, Final, Self, TypeAlias

from tokenless.protocol.errors import DecodeError

Address: TypeAlias = IPv4Address | IPv6Address

WIDE_ADDRESSES: Final = 17
"""The version from which an address has its kind and 16 bytes (REFERENCE-4 1.1)."""
NO_ADDRESS: Final = IPv4Address(0)

_U32: Final = struct.Struct("<I")
_ALIGNMENT: Final = 4
_KIND: Final = "sccp"
_ADDRESS_KINDS: Final[Mapping[int, int]] = {0: 4, 1: 16}


@dataclass(frozen=True, slots=True)
class FieldKind:
    """The wire form of one field.

    Attributes:
        size: Its length in bytes for a protocol version; None takes the rest of the
            body.
        decode: Turns that many bytes (never fewer) into a value.
        encode: Turns a value into its bytes, for a protocol version.
        since: The first protocol version that has the field.
    """

    size: Callable[[int], int | None]
    decode: Callable[[bytes], Any]
    encode: Callable[[Any, int], bytes]
    since: int = 0


def _integer(length: int, default: int, *, since: int) -> Any:  # noqa: ANN401
    def encode(value: int, _version: int) -> bytes:
        return int(value).to_bytes(length, "little")

    kind = FieldKind(
        lambda _version: length,
        lambda data: int.from_bytes(data, "little"),
        encode,
        since,
    )
    return dataclasses.field(default=default, metadata={_KIND: kind})


def u32(default: int = 0, *, since: int = 0) -> Any:  # noqa: ANN401 - a dataclass field
    """Declare an unsigned integer of four bytes."""
    return _integer(4, default, since=since)


def u16() -> Any:  # noqa: ANN401
    """Declare an unsigned integer of two bytes."""
    return _integer(2, 0, since=0)


def u8(default: int = 0) -> Any:  # noqa: ANN401
    """Declare one byte."""
    return _integer(1, default, since=0)


def raw(length: int, *, since: int = 0) -> Any:  # noqa: ANN401
    """Declare bytes that are not interpreted, padded with zeros."""
    kind = FieldKind(
        lambda _version: length,
        bytes,
        lambda value, _version: value[:length].ljust(length, b"\0"),
        since,
    )
    return dataclasses.field(default=bytes(length), metadata={_KIND: kind})


def text(length: int, *, wide: int | None = None, wide_since: int = 0) -> Any:  # noqa: ANN401
    """Declare a NUL-ended text in a field of fixed size.

    Args:
        length: The field's size in bytes; the text is cut one byte earlier.
        wide: Its size from version `wide_since` on.
        wide_since: That version.
    """

    def size(version: int) -> int:
        return wide if wide is not None and version >= wide_since else length

    def encode(value: str, version: int) -> bytes:
        room = size(version)
        return encode_text(value)[: room - 1].ljust(room, b"\0")

    kind = FieldKind(size, decode_text, encode)
    return dataclasses.field(default="", metadata={_KIND: kind})


def rest_of_text() -> Any:  # noqa: ANN401
    """Declare a NUL-ended text that takes the rest of the body."""
    kind = FieldKind(
        lambda _version: None,
        decode_text,
        lambda value, _version: encode_text(value) + b"\0",
    )
    return dataclasses.field(default="", metadata={_KIND: kind})


def rest() -> Any:  # noqa: ANN401
    """Declare uninterpreted bytes that take the rest of the body."""
    kind = FieldKind(lambda _version: None, bytes, lambda value, _version: bytes(value))
    return dataclasses.field(default=b"", metadata={_KIND: kind})


def ipv4() -> Any:  # noqa: ANN401
    """Declare an IPv4 address of four bytes, whatever the version."""
    kind = FieldKind(
        lambda _version: 4,
        lambda data: IPv4Address(bytes(data)),
        lambda value, _version: _four_bytes(value),
    )
    return dataclasses.field(default=NO_ADDRESS, metadata={_KIND: kind})


def address() -> Any:  # noqa: ANN401
    """Declare an address that is wide from version 17 on (REFERENCE-4 1.1)."""
    kind = FieldKind(
        lambda version: 20 if version >= WIDE_ADDRESSES else 4,
        _decode_address,
        _encode_address,
    )
    return dataclasses.field(default=NO_ADDRESS, metadata={_KIND: kind})


def numbers(count: int) -> Any:  # noqa: ANN401
    """Declare a fixed number of integers of four bytes each."""
    length = 4

    def decode(data: bytes) -> tuple[int, ...]:
        return tuple(
            int.from_bytes(data[at : at + length], "little")
            for at in range(0, len(data), length)
        )

    def encode(value: tuple[int, ...], _version: int) -> bytes:
        joined = b"".join(each.to_bytes(length, "little") for each in value[:count])
        return joined.ljust(count * length, b"\0")

    kind = FieldKind(lambda _version: count * length, decode, encode)
    return dataclasses.field(default=(0,) * count, metadata={_KIND: kind})


def block(kind_of: type["Message"]) -> Any:  # noqa: ANN401
    """Declare a nested structure of fixed size; a shorter one is read as far as it is.

    The structure's own layout must not depend on the version.
    """
    length = len(kind_of().encode_body(0))
    kind = FieldKind(
        lambda _version: length,
        lambda data: kind_of.decode_body(data, 0),
        lambda value, _version: value.encode_body(0),
    )
    return dataclasses.field(default=kind_of(), metadata={_KIND: kind})


def decode_text(data: bytes) -> str:
    """Return a text up to its NUL.

    Bytes are Latin-1: the vendor's labels begin with a byte of 0x80 and a number.
    """
    return bytes(data).partition(b"\0")[0].decode("latin-1")


def encode_text(value: str) -> bytes:
    """Return a text's bytes; what Latin-1 cannot hold becomes a question mark."""
    return value.encode("latin-1", "replace")


def _four_bytes(value: Address) -> bytes:
    return value.packed if value.version == 4 else bytes(4)  # noqa: PLR2004


def _encode_address(value: Address, version: int) -> bytes:
    if version < WIDE_ADDRESSES:
        return _four_bytes(value)
    kind = 0 if value.version == 4 else 1  # noqa: PLR2004
    return _U32.pack(kind) + value.packed.ljust(16, b"\0")


def _decode_address(data: bytes) -> Address:
    if len(data) == 4:  # noqa: PLR2004 - the form below version 17
        return ip_address(bytes(data))
    (kind,) = _U32.unpack_from(data)
    length = _ADDRESS_KINDS.get(kind)
    if length is None:
        raise DecodeError(f"{kind} is not a kind of address", offset=0)
    return ip_address(bytes(data[4 : 4 + length]))


_LAYOUTS: Final[dict[type, tuple[tuple[str, FieldKind], ...]]] = {}


def _layout(message: "type[Message]") -> tuple[tuple[str, FieldKind], ...]:
    """Return the fields of a message class and their forms, worked out once."""
    layout = _LAYOUTS.get(message)
    if layout is None:
        layout = _LAYOUTS[message] = tuple(
            (each.name, each.metadata[_KIND])
            for each in dataclasses.fields(message)
            if _KIND in each.metadata
        )
    return layout


@dataclass(frozen=True, slots=True)
class Message:
    """The body of a message; subclasses declare their id and their fields."""

    ID: ClassVar[int]

    def encode_body(self, version: int) -> bytes:
        """Return the body for a protocol version, padded to four bytes.

        Raises:
            OverflowError: When a number does not fit its field (a caller's mistake).
        """
        body = self._encode_fields(version)
        return body + bytes(-len(body) % _ALIGNMENT)

    def _encode_fields(self, version: int) -> bytes:
        return b"".join(
            kind.encode(getattr(self, name), version)
            for name, kind in _layout(type(self))
            if version >= kind.since
        )

    @classmethod
    def decode_body(cls, body: bytes, version: int) -> Self:
        """Read the fields that are there; the others have their defaults.

        Raises:
            DecodeError: When a field cannot be understood.
        """
        return cls._decode_fields(body, version)

    @classmethod
    def _decode_fields(cls, body: bytes, version: int) -> Self:
        values: dict[str, Any] = {}
        at = 0
        for name, kind in _layout(cls):
            if version < kind.since:
                continue
            size = kind.size(version)
            end = len(body) if size is None else at + size
            if end > len(body):
                break
            try:
                values[name] = kind.decode(body[at:end])
            except DecodeError as error:
                raise error.moved(at, inside=name) from None
            at = end
        return cls(**values)
