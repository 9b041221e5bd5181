"""Elements of CAPF messages (REFERENCE-3 3.2).

    element:  tag (1)  length (2, big-endian)  value

Some values are elements themselves:
     4 certificate   01  length = 2 + n  00 01  DER (n)
    20 signature     03  length  signature over SHA-512
    16 SUDI proof    00  length  DER   01  length  signature over SHA-1
                     03  length  signature over SHA-512

Names and tags come from the free daemons and from plaintext of a real server; which of
the bytes before a certificate says what is inferred.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, Self

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.wire import Reader, pack_element

MAX_CERTIFICATE_BYTES: Final = 8192
MAX_SIGNATURE_BYTES: Final = 1024
"""Twice that of the largest RSA key that phones have."""
MAX_NAME_BYTES: Final = 128


@unique
class CapfTag(IntEnum):
    """Tags of elements. Unknown ones are kept as they are."""

    REASON = 1
    REASON_INFO = 2
    CERTIFICATE_TYPE = 3
    CERTIFICATE = 4
    CERTIFICATE_ID = 5
    SIGNED_DATA = 6
    VERSION = 7
    AUTH_TYPE = 8
    PUBLIC_KEY = 9
    KEY_SIZE = 10
    PASSWORD = 11
    RETRY_DELAY = 12
    DEVICE_NAME = 13
    SUDI_DATA = 16
    KEY_TYPE = 17
    CURVE = 18
    DIGEST_TYPE = 19
    SHA2_SIGNED_DATA = 20


@unique
class CapfReason(IntEnum):
    """Reason codes: why a session ends, how a step ended. Other numbers are unknown."""

    NO_ACTION = 0
    OK = 1
    DECLINED = 7
    """Not allowed, wrong string, or already issued."""
    UNKNOWN_DEVICE = 9


@unique
class CertificateType(IntEnum):
    """Type of a phone's certificate."""

    LSC = 1
    MIC = 2


@unique
class AuthType(IntEnum):
    """Method by which a phone authenticates."""

    NONE = 0
    PASSWORD = 1
    NO_PASSWORD = 2
    LSC = 3
    MIC = 4


@unique
class KeyType(IntEnum):
    """The kind of a phone's key; EC from version 3 on."""

    RSA = 0
    EC = 1


@unique
class Curve(IntEnum):
    """The curve of an EC key."""

    P256 = 0
    P384 = 1
    P521 = 2


# How long the value of each known element may be.
_LENGTHS: Final = {
    CapfTag.REASON: (1, 1),
    CapfTag.REASON_INFO: (0, 256),
    CapfTag.CERTIFICATE_TYPE: (1, 1),
    CapfTag.CERTIFICATE: (6, MAX_CERTIFICATE_BYTES + 5),
    CapfTag.CERTIFICATE_ID: (0, 64),
    CapfTag.SIGNED_DATA: (1, MAX_SIGNATURE_BYTES),
    CapfTag.VERSION: (1, 1),
    CapfTag.AUTH_TYPE: (1, 1),
    CapfTag.PUBLIC_KEY: (1, 2048),
    CapfTag.KEY_SIZE: (2, 2),
    CapfTag.PASSWORD: (1, MAX_NAME_BYTES),
    CapfTag.RETRY_DELAY: (1, 4),
    CapfTag.DEVICE_NAME: (1, MAX_NAME_BYTES),
    CapfTag.SUDI_DATA: (10, MAX_CERTIFICATE_BYTES + 2 * MAX_SIGNATURE_BYTES),
    CapfTag.KEY_TYPE: (1, 1),
    CapfTag.CURVE: (1, 1),
    CapfTag.DIGEST_TYPE: (1, 1),
    CapfTag.SHA2_SIGNED_DATA: (4, MAX_SIGNATURE_BYTES + 3),
}
_KNOWN: Final = frozenset(CapfTag)
_SHA1_SIGNATURE: Final = 1
_SHA512_SIGNATURE: Final = 3
_SUDI_CERTIFICATE: Final = 0
_CERTIFICATE_HEAD: Final = b"\0\1"
"""The two bytes before the DER. The second looks like the certificate's type."""


@dataclass(frozen=True, slots=True)
class SudiProof:
    """The proof that a phone has the key of its manufacturer's certificate."""

    certificate: bytes
    sha1_signature: bytes
    sha512_signature: bytes

    def encode(self) -> bytes:
        """Write the value of element 16."""
        return (
            pack_element(_SUDI_CERTIFICATE, self.certificate)
            + pack_element(_SHA1_SIGNATURE, self.sha1_signature)
            + pack_element(_SHA512_SIGNATURE, self.sha512_signature)
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of element 16.

        Raises:
            DecodeError: When its three parts are not there, or more than they.
        """
        reader = Reader(value)
        parts: dict[int, bytes] = {}
        while reader.remaining:
            at = reader.offset
            tag, part = reader.element()
            if tag in parts:
                raise DecodeError(f"part {tag} of the SUDI data twice", offset=at)
            parts[tag] = part
        wanted = (_SUDI_CERTIFICATE, _SHA1_SIGNATURE, _SHA512_SIGNATURE)
        if set(parts) != set(wanted) or not all(parts.values()):
            raise DecodeError("the SUDI data has other parts", offset=0)
        return cls(*(parts[tag] for tag in wanted))


def pack_certificate(der: bytes) -> bytes:
    """Return the value of element 4."""
    return pack_element(1, _CERTIFICATE_HEAD + der)


def unpack_certificate(value: bytes) -> bytes:
    """Return the DER inside the value of element 4.

    Raises:
        DecodeError: When the length inside is not that of the rest.
    """
    reader = Reader(value)
    _, inner = reader.element()
    if reader.remaining or len(inner) <= len(_CERTIFICATE_HEAD):
        raise DecodeError("a certificate's lengths do not agree", offset=0)
    return inner[len(_CERTIFICATE_HEAD) :]


def pack_sha512_signature(signature: bytes) -> bytes:
    """Return the value of element 20."""
    return pack_element(_SHA512_SIGNATURE, signature)


def unpack_sha512_signature(value: bytes) -> bytes:
    """Return the signature inside the value of element 20.

    Raises:
        DecodeError: When it is of another digest, or its length is not the rest's.
    """
    reader = Reader(value)
    tag, signature = reader.element()
    if reader.remaining or tag != _SHA512_SIGNATURE or not signature:
        raise DecodeError("a signature that is not over SHA-512", offset=0)
    return signature


def pack_text(text: str) -> bytes:
    """Return text with its NUL.

    Raises:
        ValueError: When it is not ASCII or has a NUL itself (a caller's mistake).
    """
    if not text.isascii() or "\0" in text:
        raise ValueError(f"{text!r} cannot be sent to CAPF")
    return text.encode() + b"\0"


def unpack_text(value: bytes) -> str:
    """Return the text of an element that ends in one NUL.

    Raises:
        DecodeError: When the NUL is missing or not last, or a byte is not printable.
    """
    text, nul, rest = value.partition(b"\0")
    if not nul or rest:
        raise DecodeError("text without one NUL at its end", offset=len(text))
    decoded = text.decode("latin-1")
    if not decoded.isascii() or not decoded.isprintable():
        raise DecodeError("text that is not printable ASCII", offset=0)
    return decoded


def read_capf_elements(body: bytes) -> tuple[tuple[int, bytes], ...]:
    """Cut a body into its elements; check the length of each known one.

    Raises:
        DecodeError: When an element is cut short, is too short or too long, or a known
            one comes twice.
    """
    reader = Reader(body)
    elements: list[tuple[int, bytes]] = []
    known: set[int] = set()
    while reader.remaining:
        at = reader.offset
        tag, value = reader.element()
        if tag in _KNOWN:
            shortest, longest = _LENGTHS[CapfTag(tag)]
            if not shortest <= len(value) <= longest:
                raise DecodeError(
                    f"{CapfTag(tag).name} has {len(value)} bytes", offset=at
                )
            if tag in known:
                raise DecodeError(f"{CapfTag(tag).name} comes twice", offset=at)
            known.add(tag)
        elements.append((tag, value))
    return tuple(elements)
