"""The nested parts of a header: the signer (3) and the signature (7) (REFERENCE 1.2).

3 {4 subject  5 serial  6 issuer}       certutils nests 4, 6, 5: any order is taken
7 {8 digest (1)  9 {10 algorithm (1)  11 modulus (1)}}
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple

from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import BuildError, DecodeError
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, Reader, pack_element


@unique
class NestedTag(IntEnum):
    """Tags inside the containers of a header."""

    SIGNER_NAME = 4
    SERIAL_NUMBER = 5
    CA_NAME = 6
    DIGEST = 8
    SIGNATURE_ALGORITHM_INFO = 9
    SIGNATURE_ALGORITHM = 10
    SIGNATURE_MODULUS = 11


_SIGNER_TAGS: Final = (
    NestedTag.SIGNER_NAME,
    NestedTag.SERIAL_NUMBER,
    NestedTag.CA_NAME,
)


@dataclass(frozen=True, slots=True)
class SignerId:
    """The signer named in a header. It selects a candidate key; it proves nothing."""

    subject: str
    issuer: str
    serial: bytes

    @property
    def serial_hex(self) -> str:
        """The serial number as upper-case hex."""
        return self.serial.hex().upper()

    def encode(self) -> bytes:
        """Write the nested elements in CUCM's order.

        Raises:
            BuildError: When a name cannot be written as UTF-8.
        """
        return (
            pack_element(NestedTag.SIGNER_NAME, encode_text(self.subject))
            + pack_element(NestedTag.SERIAL_NUMBER, self.serial)
            + pack_element(NestedTag.CA_NAME, encode_text(self.issuer))
        )


class SignatureInfo(NamedTuple):
    """Signature parameters of a file."""

    digest: Digest
    algorithm: int
    modulus_code: int

    def encode(self) -> bytes:
        """Write the nested elements."""
        algorithm = pack_element(
            NestedTag.SIGNATURE_ALGORITHM, bytes([self.algorithm])
        ) + pack_element(NestedTag.SIGNATURE_MODULUS, bytes([self.modulus_code]))
        return pack_element(NestedTag.DIGEST, bytes([self.digest])) + pack_element(
            NestedTag.SIGNATURE_ALGORITHM_INFO, algorithm
        )


def encode_text(text: str) -> bytes:
    """Write text with its NUL.

    Raises:
        BuildError: When it cannot be written as UTF-8 (half a surrogate).
    """
    try:
        return text.encode() + b"\0"
    except UnicodeEncodeError as error:
        raise BuildError(f"a name is not UTF-8: {error}") from error


def decode_text(value: bytes, offset: int, what: str) -> str:
    """Read text that ends in one NUL, which its length counts.

    Raises:
        DecodeError: When the NUL is missing or is not the last byte.
    """
    if value.find(b"\0") != len(value) - 1 or not value:
        raise DecodeError(f"{what} is not text with one NUL at its end", offset=offset)
    text = value[:-1]
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def expect_length(value: bytes, length: int, what: str, offset: int) -> None:
    """Raise DecodeError when a value has another length."""
    if len(value) != length:
        raise DecodeError(
            f"{what} has {len(value)} bytes instead of {length}", offset=offset
        )


def decode_signer_id(value: bytes, offset: int) -> SignerId:
    """Decode the value of SIGNERID, whose element is at `offset`.

    Raises:
        DecodeError: When nested elements are missing, come twice or do not fill it.
    """
    nested = read_container(value, offset, _SIGNER_TAGS, "SIGNERID")
    subject, at_subject = nested[NestedTag.SIGNER_NAME]
    issuer, at_issuer = nested[NestedTag.CA_NAME]
    serial, at_serial = nested[NestedTag.SERIAL_NUMBER]
    if not serial:
        raise DecodeError("the signer's SERIALNUMBER is empty", offset=at_serial)
    return SignerId(
        decode_text(subject, at_subject, "SIGNERNAME"),
        decode_text(issuer, at_issuer, "CANAME"),
        serial,
    )


def decode_signature_info(value: bytes, offset: int) -> SignatureInfo:
    """Decode the value of SIGNATUREINFO, whose element is at `offset`.

    Raises:
        DecodeError: When nested elements are missing, come twice or do not fill their
            container; when the digest is unknown.
    """
    outer = (NestedTag.DIGEST, NestedTag.SIGNATURE_ALGORITHM_INFO)
    inner = (NestedTag.SIGNATURE_ALGORITHM, NestedTag.SIGNATURE_MODULUS)
    nested = read_container(value, offset, outer, "SIGNATUREINFO")
    algorithm = read_container(
        *nested[NestedTag.SIGNATURE_ALGORITHM_INFO], inner, "SIGNATUREALGOINFO"
    )
    code = _byte(*nested[NestedTag.DIGEST], "DIGESTALGORTITHM")
    try:
        digest = Digest(code)
    except ValueError:
        at = nested[NestedTag.DIGEST][1]
        raise DecodeError(f"digest algorithm {code} is unknown", offset=at) from None
    return SignatureInfo(
        digest,
        _byte(*algorithm[NestedTag.SIGNATURE_ALGORITHM], "SIGNATUREALGORTITHM"),
        _byte(*algorithm[NestedTag.SIGNATURE_MODULUS], "SIGNATUREMODULUS"),
    )


def _byte(value: bytes, offset: int, what: str) -> int:
    expect_length(value, 1, what, offset)
    return value[0]


def read_container(
    value: bytes, offset: int, wanted: tuple[IntEnum, ...], what: str
) -> dict[int, tuple[bytes, int]]:
    """Read a container: values and the offsets of their elements in the file.

    Args:
        value: The container's value.
        offset: Where the container begins, its head included.
        wanted: The tags that it must have, each once, in any order, and no others.
        what: What the container is called.

    Raises:
        DecodeError: When elements are missing, come twice or do not fill it.
    """
    reader = Reader(value)
    base = offset + ELEMENT_HEAD_LENGTH
    elements: dict[int, tuple[bytes, int]] = {}
    while reader.remaining:
        at = base + reader.offset
        try:
            tag, nested = reader.element()
        except DecodeError as error:
            raise DecodeError(
                f"the elements inside {what} do not add up to its {len(value)} bytes",
                offset=at,
            ) from error
        if tag in elements or tag not in wanted:
            raise DecodeError(f"element {tag} is out of place in {what}", offset=at)
        elements[tag] = (nested, at)
    for tag in wanted:
        if tag not in elements:
            raise DecodeError(f"{what} lacks {tag.name}", offset=offset)
    return elements
