"""The messages of the Trust Verification Service (REFERENCE 3.1 to 3.5).

A phone asks with QUERY (names and serial of a signer it does not know) or with
VERIFY (a certificate it was shown); the service answers with a status and, when the
certificate is trusted, its roles and how long the phone may remember that.

    header:   0x57  version 0x01  type  reserved  session id (4)  body length (2)
    body:     elements of tag (1), length (2), value

Sources: header and QUERY bytes observed in the vendor's document on moving phones
between clusters; tags 4 and 5 of a QUERY are inferred from the sizes (REFERENCE 3.3),
so a decoder takes the elements in any order. Framing over a connection is the work of
`stream`.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final, NamedTuple, Self

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.tvs.elements import (
    HEADER_LENGTH,
    MAX_SERIAL_BYTES,
    QUERY_TAGS,
    VERIFY_TAGS,
    Tag,
    pack_device,
    pack_name,
    read_bytes,
    read_device,
    read_elements,
    read_name,
)
from tokenless.protocol.wire import MAX_ELEMENT_LENGTH, pack_element

HEADER: Final = struct.Struct(">BBBBIH")
MAX_MESSAGE_LENGTH: Final = HEADER_LENGTH + MAX_ELEMENT_LENGTH
PROTOCOL_DISCRIMINATOR: Final = 0x57
VERSION: Final = 1
DEFAULT_TTL_S: Final = 86_400
FIRST_SESSION_ID: Final = 1001
"""The phones' first session number; they were seen to send 1001 and 1002."""


@unique
class MessageType(IntEnum):
    """Byte 2 of the header."""

    VERIFY = 1
    VERIFY_ANSWER = 2
    QUERY = 3
    QUERY_ANSWER = 4

    @property
    def log_name(self) -> str:
        """The name that the vendor's log gives it."""
        return _LOG_NAMES[self]


_TYPES: Final = {kind.value: kind for kind in MessageType}
_LOG_NAMES: Final = {
    MessageType.VERIFY: "TVS_MSG_CERT_VERIFICATION_REQ",
    MessageType.VERIFY_ANSWER: "TVS_MSG_CERT_VERIFICATION_RES",
    MessageType.QUERY: "TVS_MSG_QUERY_CERT_REQ",
    MessageType.QUERY_ANSWER: "TVS_MSG_QUERY_CERT_RES",
}


@unique
class Status(IntEnum):
    """Status of a certificate in an answer. Other numbers count as untrusted."""

    TRUSTED = 0
    UNTRUSTED = 1


class Header(NamedTuple):
    """The ten bytes before every body; the reserved byte is not kept."""

    type: MessageType
    session_id: int
    body_length: int

    @classmethod
    def decode(cls, data: bytes | bytearray) -> "Header":
        """Read the header at the start of `data`.

        Raises:
            DecodeError: When it is cut short, is not TVS, or of an unknown version
                or type.
        """
        if len(data) < HEADER_LENGTH:
            raise DecodeError("a TVS header is cut short", offset=len(data))
        mark, version, kind, _reserved, session_id, length = HEADER.unpack_from(data)
        if mark != PROTOCOL_DISCRIMINATOR:
            raise DecodeError(
                f"not a TVS message: it starts with {mark:#04x}", offset=0
            )
        if version != VERSION:
            raise DecodeError(f"TVS version {version} is unknown", offset=1)
        known = _TYPES.get(kind)
        if known is None:
            raise DecodeError(f"TVS message type {kind} is unknown", offset=2)
        return cls(known, session_id, length)


def pack_message(kind: MessageType, session_id: int, body: bytes) -> bytes:
    """Put the header before a body.

    Raises:
        ValueError: When the body has more than 65,535 bytes.
    """
    if len(body) > MAX_ELEMENT_LENGTH:
        raise ValueError(f"a message cannot hold {len(body)} bytes")
    return (
        HEADER.pack(PROTOCOL_DISCRIMINATOR, VERSION, kind, 0, session_id, len(body))
        + body
    )


@contextmanager
def _sendable() -> Iterator[None]:
    """Turn what does not fit into a ProtocolError: names come from anybody's files."""
    try:
        yield
    except ValueError as error:
        raise ProtocolError(f"a TVS server cannot be asked: {error}") from error


@dataclass(frozen=True, slots=True)
class Query:
    """QUERY_CERT_REQ: which certificate has these names and this serial number?"""

    session_id: int
    device: str
    """`CP-<model>-SEP<MAC>` as the phone says, unchecked; empty when it said none."""
    subject: str
    issuer: str
    serial: bytes
    ignored_elements: int = field(default=0, compare=False)
    """The number of elements with unknown tags."""

    @property
    def serial_hex(self) -> str:
        """The serial number as keys and logs have it: upper-case hexadecimal."""
        return self.serial.hex().upper()

    def encode(self) -> bytes:
        """Return the message, in the order of the observed one: 1, 3, 4, 5.

        Raises:
            ProtocolError: When the names are too long for a message.
        """
        with _sendable():
            return pack_message(
                MessageType.QUERY,
                self.session_id,
                pack_device(self.device)
                + pack_name(Tag.SUBJECT, self.subject)
                + pack_name(Tag.ISSUER, self.issuer)
                + pack_element(Tag.SERIAL, self.serial),
            )

    @classmethod
    def decode_body(cls, session_id: int, data: bytes) -> Self:
        """Read a body.

        Raises:
            DecodeError: When it is malformed or lacks subject, issuer or serial.
        """
        elements, ignored = read_elements(data, QUERY_TAGS)
        return cls(
            session_id,
            read_device(elements),
            read_name(elements, Tag.SUBJECT),
            read_name(elements, Tag.ISSUER),
            read_bytes(elements, Tag.SERIAL, MAX_SERIAL_BYTES),
            ignored,
        )


@dataclass(frozen=True, slots=True)
class Verify:
    """CERT_VERIFICATION_REQ: may I trust this certificate?"""

    session_id: int
    device: str
    """The device name, as in Query."""
    certificate: bytes
    """DER as the phone was shown it; the service compares it and need not parse it."""
    ignored_elements: int = field(default=0, compare=False)

    def encode(self) -> bytes:
        """Return the message: elements 1 and 2.

        Raises:
            ProtocolError: When the certificate is too long for a message.
        """
        certificate = self.certificate
        with _sendable():
            return pack_message(
                MessageType.VERIFY,
                self.session_id,
                pack_device(self.device) + pack_element(Tag.CERTIFICATE, certificate),
            )

    @classmethod
    def decode_body(cls, session_id: int, data: bytes) -> Self:
        """Read a body.

        Raises:
            DecodeError: When it is malformed or lacks a certificate.
        """
        elements, ignored = read_elements(data, VERIFY_TAGS)
        return cls(
            session_id=session_id,
            device=read_device(elements),
            certificate=read_bytes(elements, Tag.CERTIFICATE, len(data)),
            ignored_elements=ignored,
        )


def pack_answer_body(
    status: int,
    certificate: bytes | None = None,
    roles: tuple[int, ...] = (),
    ttl: int | None = None,
) -> bytes:
    """Return an answer without its header, which alone names the session."""
    parts = [pack_element(Tag.STATUS, bytes([status]))]
    if certificate is not None:
        parts.append(pack_element(Tag.CERTIFICATE, certificate))
    if roles:
        parts.append(pack_element(Tag.ROLES, bytes(roles)))
    if ttl is not None:
        parts.append(pack_element(Tag.TTL, ttl.to_bytes(4)))
    return b"".join(parts)
