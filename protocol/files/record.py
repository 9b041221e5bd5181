"""The records of a trust list (REFERENCE 1.3, 1.7).

    1 length of the record (2)  2 DNS name  3 subject  4 role (2)  5 issuer  6 serial
    7 public key  8 the certificate's own signature  9 certificate  10 IPv4 address (4)

CUCM writes them in this order (observed); certutils in another, without 2 and 10. The
CTL Client leaves 8 out and, for a non-secure cluster, all but 1, 2, 4 and 10. Elements
11 and 12 (hash of the certificate) and unknown ones are kept.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import DistinguishedName, NameForm, same_name
from tokenless.protocol.codes import Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header_fields import SignerId, decode_text, expect_length
from tokenless.protocol.wire import ELEMENT_HEAD_LENGTH, Reader, pack_element

MAX_ELEMENTS: Final = 32
_LENGTH_ELEMENT: Final = ELEMENT_HEAD_LENGTH + 2
_IPV6_LENGTH: Final = 16


@unique
class RecordTag(IntEnum):
    """Tags of record elements. Unknown ones are kept as they are."""

    RECORD_LENGTH = 1
    DNS_NAME = 2
    SUBJECT_NAME = 3
    FUNCTION = 4
    ISSUER_NAME = 5
    SERIAL_NUMBER = 6
    PUBLIC_KEY = 7
    SIGNATURE = 8
    CERTIFICATE = 9
    IP_ADDRESS = 10
    CERTIFICATE_HASH = 11
    HASH_ALGORITHM = 12


_KNOWN_TAGS: Final = frozenset(RecordTag)


@dataclass(frozen=True, slots=True)
class Record:
    """One member of a trust list. What the record does not have is None."""

    role: int
    dns_name: str | None
    subject_name: str | None
    issuer_name: str | None
    serial_number: bytes | None
    public_key: bytes | None
    signature: bytes | None
    """The certificate's own signature value, not one by the list's signer."""
    certificate_der: bytes | None
    ip_address: str | None
    elements: tuple[tuple[int, bytes], ...] = field(repr=False)
    """All elements in the file's order, known or not."""

    @property
    def certificate(self) -> Certificate | None:
        """The decoded certificate; DecodeError only for records not yet decoded."""
        if self.certificate_der is None:
            return None
        return Certificate.decode(self.certificate_der)

    @property
    def length(self) -> int:
        """RECORDLENGTH: the bytes of the record, this element included."""
        return sum(ELEMENT_HEAD_LENGTH + len(value) for _, value in self.elements)

    @property
    def serial_hex(self) -> str | None:
        """The serial number as upper-case hex."""
        return None if self.serial_number is None else self.serial_number.hex().upper()

    @property
    def certificate_hash(self) -> bytes | None:
        """The hash that stands with or instead of the certificate (8.x, certutils)."""
        return dict(self.elements).get(RecordTag.CERTIFICATE_HASH)

    @property
    def hash_algorithm(self) -> int | None:
        """The number of that hash's algorithm."""
        value = dict(self.elements).get(RecordTag.HASH_ALGORITHM)
        return None if value is None else int.from_bytes(value)

    @property
    def is_sast(self) -> bool:
        """Return whether the member may sign trust lists."""
        return self.role == Role.SAST

    def is_named(self, signer: SignerId) -> bool:
        """Return whether this record has the names and serial of `signer`.

        It does not say whose key it holds (REFERENCE 10.6).
        """
        return (
            self.serial_number == signer.serial
            and self.subject_name is not None
            and same_name(self.subject_name, signer.subject)
            and self.issuer_name is not None
            and same_name(self.issuer_name, signer.issuer)
        )

    def encode(self) -> bytes:
        """Write the record as it was read."""
        return b"".join(pack_element(tag, value) for tag, value in self.elements)


def decode_record(data: bytes, offset: int) -> Record:
    """Decode the record that begins at `offset`.

    Raises:
        DecodeError: When it is cut short, its lengths do not add up, an element comes
            twice or is malformed, or the certificate disagrees with the rest.
    """
    reader = Reader(data, offset)
    tag, value = reader.element()
    if tag != RecordTag.RECORD_LENGTH:
        raise DecodeError(f"element {tag} where a record must begin", offset=offset)
    expect_length(value, 2, "RECORDLENGTH", offset)
    length = int.from_bytes(value)
    if not _LENGTH_ELEMENT <= length <= len(data) - offset:
        raise DecodeError(
            f"RECORDLENGTH is {length}, {len(data) - offset} bytes are left",
            offset=offset,
        )
    reader.end = offset + length
    elements = [(tag, value)]
    offsets = {tag: offset}
    _read_elements(reader, elements, offsets)
    return _compose(tuple(elements), offsets)


def _read_elements(
    reader: Reader, elements: list[tuple[int, bytes]], offsets: dict[int, int]
) -> None:
    """Read what follows RECORDLENGTH."""
    while (at := reader.offset) < reader.end:
        tag, value = reader.element()
        if tag in offsets and tag in _KNOWN_TAGS:
            raise DecodeError(f"record element {tag} comes twice", offset=at)
        if len(elements) == MAX_ELEMENTS:
            raise DecodeError(f"a record has over {MAX_ELEMENTS} elements", offset=at)
        offsets[tag] = at
        elements.append((tag, value))


def compose_record(elements: tuple[tuple[int, bytes], ...]) -> Record:
    """Make a record of its elements, RECORDLENGTH first.

    Raises:
        DecodeError: When they do not make a record.
    """
    return decode_record(b"".join(pack_element(tag, v) for tag, v in elements), 0)


def _compose(
    elements: tuple[tuple[int, bytes], ...], offsets: dict[int, int]
) -> Record:
    values = dict(elements)
    if RecordTag.FUNCTION not in values:
        raise DecodeError(
            "a record has no FUNCTION", offset=offsets[RecordTag.RECORD_LENGTH]
        )
    function = values[RecordTag.FUNCTION]
    expect_length(function, 2, "FUNCTION", offsets[RecordTag.FUNCTION])

    def text(tag: RecordTag) -> str | None:
        value = values.get(tag)
        return None if value is None else decode_text(value, offsets[tag], tag.name)

    record = Record(
        role=int.from_bytes(function),
        dns_name=text(RecordTag.DNS_NAME),
        subject_name=text(RecordTag.SUBJECT_NAME),
        issuer_name=text(RecordTag.ISSUER_NAME),
        serial_number=values.get(RecordTag.SERIAL_NUMBER),
        public_key=values.get(RecordTag.PUBLIC_KEY),
        signature=values.get(RecordTag.SIGNATURE),
        certificate_der=values.get(RecordTag.CERTIFICATE),
        ip_address=_address(values, offsets),
        elements=elements,
    )
    if record.certificate_der is not None:
        _check_certificate(record, record.certificate_der, offsets)
    return record


def _address(values: dict[int, bytes], offsets: dict[int, int]) -> str | None:
    value = values.get(RecordTag.IP_ADDRESS)
    if value is None:
        return None
    if len(value) == _IPV6_LENGTH:
        return str(ipaddress.IPv6Address(value))
    expect_length(value, 4, "IPADDRESS", offsets[RecordTag.IP_ADDRESS])
    return f"{value[0]}.{value[1]}.{value[2]}.{value[3]}"


def _check_certificate(record: Record, der: bytes, offsets: dict[int, int]) -> None:
    """Refuse a record that says of its certificate what the certificate does not."""
    try:
        certificate = Certificate.decode(der)
    except DecodeError as error:
        start = offsets[RecordTag.CERTIFICATE] + ELEMENT_HEAD_LENGTH
        raise error.moved(start, inside="CERTIFICATE") from error
    checks: tuple[tuple[RecordTag, Callable[[Record, Certificate], bool]], ...] = (
        (RecordTag.PUBLIC_KEY, _key_agrees),
        (RecordTag.SIGNATURE, _signature_agrees),
        (RecordTag.SERIAL_NUMBER, _serial_agrees),
        (RecordTag.SUBJECT_NAME, _subject_agrees),
        (RecordTag.ISSUER_NAME, _issuer_agrees),
    )
    for tag, agrees in checks:
        if tag in offsets and not agrees(record, certificate):
            raise DecodeError(
                f"{tag.name} is not that of the record's certificate",
                offset=offsets[tag],
            )


def _key_agrees(record: Record, certificate: Certificate) -> bool:
    return record.public_key == certificate.public_key_bytes


def _signature_agrees(record: Record, certificate: Certificate) -> bool:
    return record.signature == certificate.signature_value


def _serial_agrees(record: Record, certificate: Certificate) -> bool:
    serial = certificate.serial_number
    # The CTL Client writes tokens' serial numbers reversed (REFERENCE 1.7); some
    # writers keep the sign byte.
    return record.serial_number in (serial, serial[::-1], b"\0" + serial)


def _subject_agrees(record: Record, certificate: Certificate) -> bool:
    text = record.subject_name or ""
    return text == certificate.subject_text or _name_agrees(text, certificate.subject)


def _issuer_agrees(record: Record, certificate: Certificate) -> bool:
    text = record.issuer_name or ""
    return text == certificate.issuer_text or _name_agrees(text, certificate.issuer)


def _name_agrees(text: str, name: DistinguishedName) -> bool:
    """Return whether a text is a name in any of the forms that lists have."""
    return any(text == name.render(form) for form in NameForm) or same_name(
        text, name.render()
    )
