"""Defects of records, and the refusal each must meet."""

from collections.abc import Iterator

from tests.rigs import minting
from tests.rigs.damage import (
    RECORDS,
    Defect,
    drop,
    nested,
    patched,
    replace,
    twice,
    with_record,
)
from tests.rigs.lists import tokenless
from tokenless.protocol.files.record import RecordTag


def record_defects() -> Iterator[Defect]:
    yield from _end_of_file()
    yield from _record_length()
    yield from _dns_name()
    yield from _other_elements()
    yield from _of_another()
    yield from _damaged_certificate()
    yield from _too_much()


def _end_of_file() -> Iterator[Defect]:
    data = tokenless().data
    yield Defect("last-byte-missing", data[:-1], r"RECORDLENGTH is 1161, 1160", 3786)
    yield Defect("one-byte-too-many", data + b"\0", "head is cut short", 4947)
    yield Defect("three-zeros-too-many", data + bytes(3), "element 0 where a rec", 4947)
    yield Defect("text-behind", data + b"\n<device/>", "element 10 claims|element 10")


def _record_length() -> Iterator[Defect]:
    data = tokenless().data
    yield Defect(
        "record-length-zero",
        patched(RECORDS + 3, b"\0\0"),
        "RECORDLENGTH is 0",
        RECORDS,
    )
    yield Defect(
        "record-length-four",
        patched(RECORDS + 3, b"\0\4"),
        "RECORDLENGTH is 4",
        RECORDS,
    )
    yield Defect(
        "record-length-one-less", patched(RECORDS + 4, b"\x83"), "element 10 claims 4"
    )
    yield Defect(
        "record-length-one-more", patched(RECORDS + 4, b"\x85"), "head is cut short"
    )
    yield Defect(
        "record-length-beyond",
        patched(RECORDS + 3, b"\xff\xff"),
        "LENGTH is 65535",
        336,
    )
    yield Defect(
        "record-length-of-three-bytes",
        patched(RECORDS + 2, b"\3"),
        "RECORDLENGTH has 3",
    )
    yield Defect(
        "record-without-length",
        data[:RECORDS] + data[RECORDS + 5 :],
        "element 2 where a record must begin",
        RECORDS,
    )


def _dns_name() -> Iterator[Defect]:
    yield Defect(
        "dns-name-lies",
        patched(RECORDS + 6, b"\xff\xff"),
        "element 2 claims 65535",
        341,
    )
    yield Defect(
        "dns-name-without-nul",
        with_record(replace(RecordTag.DNS_NAME, b"pub")),
        "DNS_NAME is not text",
        341,
    )
    yield Defect(
        "dns-name-empty",
        with_record(replace(RecordTag.DNS_NAME, b"")),
        "DNS_NAME is not text",
        341,
    )


def _other_elements() -> Iterator[Defect]:
    yield Defect(
        "function-missing",
        with_record(drop(RecordTag.FUNCTION)),
        "no FUNCTION",
        RECORDS,
    )
    yield Defect(
        "function-of-one-byte",
        with_record(replace(RecordTag.FUNCTION, b"\0")),
        "FUNCTION has 1 bytes",
    )
    yield Defect(
        "function-twice",
        with_record(twice(RecordTag.FUNCTION)),
        "record element 4 comes twice",
    )
    yield Defect(
        "certificate-twice",
        with_record(twice(RecordTag.CERTIFICATE)),
        "record element 9 comes twice",
    )
    yield Defect(
        "address-of-three-bytes",
        with_record(replace(RecordTag.IP_ADDRESS, b"\x0a\0\0")),
        "IPADDRESS has 3 bytes",
    )


def _of_another() -> Iterator[Defect]:
    other = minting.capf().certificate
    yield Defect(
        "subject-of-another",
        with_record(replace(RecordTag.SUBJECT_NAME, b"CN=mallory\0")),
        "SUBJECT_NAME is not that of the record's certificate",
    )
    yield Defect(
        "issuer-of-another",
        with_record(replace(RecordTag.ISSUER_NAME, b"CN=mallory\0")),
        "ISSUER_NAME is not that of the record's certificate",
    )
    yield Defect(
        "serial-of-another",
        with_record(replace(RecordTag.SERIAL_NUMBER, other.serial_number)),
        "SERIAL_NUMBER is not that of the record's certificate",
    )
    yield Defect(
        "key-of-another",
        with_record(replace(RecordTag.PUBLIC_KEY, other.public_key_bytes)),
        "PUBLIC_KEY is not that of the record's certificate",
    )
    yield Defect(
        "signature-of-another",
        with_record(replace(RecordTag.SIGNATURE, other.signature_value)),
        "SIGNATURE is not that of the record's certificate",
    )
    yield Defect(
        "certificate-of-another",
        with_record(replace(RecordTag.CERTIFICATE, other.der)),
        "PUBLIC_KEY is not that of the record's certificate",
    )


def _damaged_certificate() -> Iterator[Defect]:
    der = tokenless().records[0].certificate_der or b""
    for name, damaged, reason in (
        ("empty", b"", "a DER value is cut short"),
        ("cut", der[:-1], "a DER value claims"),
        ("longer", der + b"\0", "1 bytes are left over after a certificate"),
        ("text", b"-----BEGIN CERTIFICATE-----", "a DER value claims"),
        ("zeros", bytes(694), "has DER tag 0x00"),
        ("indefinite", b"\x30\x80" + der[4:], "a DER length is malformed"),
    ):
        yield Defect(
            f"certificate-{name}",
            with_record(replace(RecordTag.CERTIFICATE, damaged)),
            f"CERTIFICATE: .*{reason}",
        )


def _too_much() -> Iterator[Defect]:
    data = tokenless().data
    yield Defect(
        "too-many-record-elements",
        with_record(lambda elements: elements + [(99, b"")] * 40),
        "over 32 elements",
    )
    yield Defect(
        "too-many-records",
        data + nested((1, b"\0\x0a"), (4, b"\0\0")) * 1100,
        "over 1024 records",
    )
    yield Defect("over-two-megabytes", data + bytes(2 << 20), "over 2097152 bytes")
