"""CAPF messages, versions 2 and 3 (REFERENCE-3 3.2, 3.3).

    55  command (1)  session id (4, big-endian)  body length (2, big-endian)  elements

The server speaks first and chooses the session id, which the phone repeats. Elements
come in any order: a real softphone, the free server and the free client have three
different ones. A message keeps the order that it was read or built with.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple, Self, TypeVar

from tokenless.protocol.capf.elements import (
    CapfTag,
    SudiProof,
    read_capf_elements,
    unpack_certificate,
    unpack_sha512_signature,
    unpack_text,
)
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.wire import pack_element

PROTOCOL_DISCRIMINATOR: Final = 0x55
_HEADER: Final = struct.Struct(">BBIH")
HEADER_LENGTH: Final = _HEADER.size
MAX_BODY_LENGTH: Final = 24 * 1024
"""Two certificates, their signatures and everything small fit in several times."""
MAX_MESSAGE_LENGTH: Final = HEADER_LENGTH + MAX_BODY_LENGTH
T = TypeVar("T")


@unique
class Command(IntEnum):
    """Types of messages. Of 5 to 8, 16 and 18 to 23 only the names are known."""

    AUTH_REQUEST = 1
    AUTH_RESPONSE = 2
    KEYGEN_REQUEST = 3
    KEYGEN_RESPONSE = 4
    ENCRYPT_REQUEST = 5
    ENCRYPT_RESPONSE = 6
    DECRYPT_REQUEST = 7
    DECRYPT_RESPONSE = 8
    STORE_REQUEST = 9
    STORE_RESPONSE = 10
    FETCH_REQUEST = 11
    FETCH_RESPONSE = 12
    DELETE_REQUEST = 13
    DELETE_RESPONSE = 14
    END_SESSION = 15
    RETRY_LATER = 16
    REQUEST_IN_PROGRESS = 17
    STATUS_REQUEST = 18
    STATUS_RESPONSE = 19
    ABORT_REQUEST = 20
    ABORT_RESPONSE = 21
    SIGN_REQUEST = 22
    SIGN_RESPONSE = 23


class CapfHeader(NamedTuple):
    """The first eight bytes of a message."""

    command: Command
    session_id: int
    body_length: int

    @classmethod
    def decode(cls, data: bytes | bytearray) -> Self:
        """Read a header from the start of some bytes.

        Raises:
            DecodeError: When it is not CAPF, its command is unknown, or its body would
                be too long.
        """
        discriminator, command, session_id, length = _HEADER.unpack_from(data)
        if discriminator != PROTOCOL_DISCRIMINATOR:
            raise DecodeError(f"byte {discriminator:#04x} is not CAPF", offset=0)
        if length > MAX_BODY_LENGTH:
            raise DecodeError(f"a body of {length} bytes is too long", offset=6)
        try:
            return cls(Command(command), session_id, length)
        except ValueError:
            raise DecodeError(f"command {command} is unknown", offset=1) from None


@dataclass(frozen=True, slots=True)
class CapfMessage:
    """A message: its command, its session and its elements in their order."""

    command: Command
    session_id: int
    elements: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode one whole message.

        Raises:
            DecodeError: When it is malformed, or not one message exactly.
        """
        if len(data) < HEADER_LENGTH:
            raise DecodeError("a header is cut short", offset=len(data))
        header = CapfHeader.decode(data)
        if len(data) != HEADER_LENGTH + header.body_length:
            raise DecodeError("the body has another length", offset=6)
        return cls.decode_body(header, data[HEADER_LENGTH:])

    @classmethod
    def decode_body(cls, header: CapfHeader, body: bytes) -> Self:
        """Decode a body; check what each known element holds.

        Raises:
            DecodeError: When it is malformed.
        """
        try:
            elements = read_capf_elements(body)
            message = cls(header.command, header.session_id, elements)
            for check in _CHECKS:
                check(message)
        except DecodeError as error:
            inside = header.command.name
            raise error.moved(HEADER_LENGTH, inside=inside) from None
        return message

    def encode(self) -> bytes:
        """Return the bytes to be sent, in one write (REFERENCE-3 3.1).

        Raises:
            ValueError: When the body would be too long (a caller's mistake).
        """
        body = b"".join(pack_element(tag, value) for tag, value in self.elements)
        if len(body) > MAX_BODY_LENGTH:
            raise ValueError(f"a CAPF message of {len(body)} bytes")
        return (
            _HEADER.pack(
                PROTOCOL_DISCRIMINATOR, self.command, self.session_id, len(body)
            )
            + body
        )

    def value(self, tag: CapfTag) -> bytes | None:
        """Return an element's value, None where there is none."""
        return next((value for found, value in self.elements if found == tag), None)

    def number(self, tag: CapfTag) -> int | None:
        """Return an element as a number."""
        value = self.value(tag)
        return None if value is None else int.from_bytes(value)

    @property
    def device(self) -> str | None:
        """The name of the phone."""
        return self._unpacked(CapfTag.DEVICE_NAME, unpack_text)

    @property
    def password(self) -> str | None:
        """The authentication string that was typed."""
        return self._unpacked(CapfTag.PASSWORD, unpack_text)

    @property
    def certificate(self) -> bytes | None:
        """A certificate as DER."""
        return self._unpacked(CapfTag.CERTIFICATE, unpack_certificate)

    @property
    def signature(self) -> bytes | None:
        """The signature over SHA-512 (element 20)."""
        return self._unpacked(CapfTag.SHA2_SIGNED_DATA, unpack_sha512_signature)

    @property
    def sudi(self) -> SudiProof | None:
        """The proof of a manufacturer's certificate."""
        return self._unpacked(CapfTag.SUDI_DATA, SudiProof.decode)

    def _unpacked(self, tag: CapfTag, unpack: Callable[[bytes], T]) -> T | None:
        value = self.value(tag)
        return None if value is None else unpack(value)


_CHECKS: Final[tuple[Callable[[CapfMessage], object], ...]] = (
    lambda message: message.device,
    lambda message: message.password,
    lambda message: message.certificate,
    lambda message: message.signature,
    lambda message: message.sudi,
)


def capf_message(
    command: Command, session_id: int, elements: Mapping[CapfTag, bytes | int]
) -> CapfMessage:
    """Build a message; a number becomes one byte.

    Args:
        command: What it is.
        session_id: Whose.
        elements: By tag, in the order of the wire.
    """
    return CapfMessage(
        command,
        session_id,
        tuple(
            (int(tag), bytes([value]) if isinstance(value, int) else value)
            for tag, value in elements.items()
        ),
    )
