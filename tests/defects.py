"""Trust lists and signed files with one defect each, and the refusal each must meet.

`DEFECTS` is the table: a name, the damaged bytes, what the refusal says, and the offset
that it names where that is the same on every run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from protocol.codes import Role
from protocol.header import HeaderTag
from protocol.record import RecordTag
from protocol.trust_list import TrustList
from protocol.trust_list_build import record_for, sign_trust_list
from protocol.wire import pack_element
from tests import minting
from tests.lists import TIME, tokenless

Elements = list[tuple[int, bytes]]
Edit = Callable[[Elements], Elements]

SIGNER_ID = 10
SIGNER_NAME = 13
SIGNATURE_INFO = 162
DIGEST = 165
ALGORITHM_INFO = 169
MODULUS = 176
SIGNATURE = 180
FILENAME = 311
TIMESTAMP = 326
PADS = 333
RECORDS = 336
"""Where things begin in the lab's list of 4947 bytes."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One damaged file."""

    name: str
    data: bytes
    reason: str
    """A regular expression that the refusal matches."""
    offset: int | None = None


def patched(offset: int, new: bytes) -> bytes:
    """Return the lab's list with some bytes replaced."""
    data = tokenless().data
    return data[:offset] + new + data[offset + len(new) :]


def with_header(edit: Edit, pads: int = 3) -> bytes:
    """Return the list with edited header elements and a HEADERLENGTH that is right."""
    elements = edit(list(tokenless().header.elements))
    body = b"".join(pack_element(tag, value) for tag, value in elements)
    body += bytes([HeaderTag.PAD]) * pads
    head = len(body).to_bytes(2)
    body = body[:8] + head + body[10:]
    return body + tokenless().data[RECORDS:]


def with_record(edit: Edit) -> bytes:
    """Return the list with an edited first record, its RECORDLENGTH right."""
    trust_list = tokenless()
    elements = edit(list(trust_list.records[0].elements))
    length = sum(3 + len(value) for _, value in elements).to_bytes(2)
    elements = [
        (tag, length if tag == RecordTag.RECORD_LENGTH else value)
        for tag, value in elements
    ]
    record = b"".join(pack_element(tag, value) for tag, value in elements)
    rest = trust_list.data[RECORDS + trust_list.records[0].length :]
    return trust_list.data[:RECORDS] + record + rest


def replace(tag: int, value: bytes) -> Edit:
    return lambda elements: [(t, value if t == tag else v) for t, v in elements]


def drop(tag: int) -> Edit:
    return lambda elements: [(t, v) for t, v in elements if t != tag]


def twice(tag: int) -> Edit:
    return lambda elements: elements + [(t, v) for t, v in elements if t == tag]


def nested(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(pack_element(tag, value) for tag, value in elements)


def header_defects() -> Iterator[Defect]:
    data = tokenless().data
    signer = tokenless().signer
    yield Defect("empty", b"", "the file is empty", 0)
    yield Defect("one-byte", data[:1], "head is cut short", 0)
    yield Defect("text", b"<device/>\n", "claims .* bytes", 0)
    yield Defect("zeros", bytes(64), "element 0 where VERSION must be", 0)
    yield Defect("version-missing", data[5:], "element 2 where VERSION must be", 0)
    yield Defect("version-long", patched(2, b"\x03"), "VERSION has 3 bytes", 0)
    yield Defect("version-empty", patched(2, b"\x00"), "VERSION has 0 bytes", 0)
    yield Defect("header-length-missing", data[:5] + data[10:], "element 3 where", 5)
    yield Defect("header-length-zero", patched(8, b"\0\0"), "HEADERLENGTH is 0", 5)
    yield Defect("header-length-nine", patched(8, b"\0\x09"), "HEADERLENGTH is 9", 5)
    yield Defect("header-length-ten", patched(8, b"\0\x0a"), "the header lacks", 10)
    yield Defect(
        "header-length-beyond", patched(8, b"\xff\xff"), "HEADERLENGTH is 65535", 5
    )
    yield Defect(
        "header-length-in-signature", patched(8, b"\0\xc8"), "element 12 claims 128"
    )
    yield Defect(
        "header-length-into-record",
        patched(8, b"\x01\x55"),
        "follows the header's pads",
    )
    yield Defect(
        "header-length-short",
        patched(8, b"\x01\x4d"),
        "element 13 where a record",
        PADS,
    )
    yield Defect(
        "signer-id-too-long", patched(SIGNER_ID + 1, b"\xff\xff"), "element 3 claims"
    )
    yield Defect(
        "signer-id-one-more", patched(SIGNER_ID + 2, b"\x96"), "do not add up", 162
    )
    yield Defect("signer-id-one-less", patched(SIGNER_ID + 2, b"\x94"), "do not add up")
    yield Defect(
        "signer-id-empty",
        with_header(replace(3, b"")),
        "SIGNERID lacks SIGNER_NAME",
        10,
    )
    yield Defect(
        "signer-name-long", patched(SIGNER_NAME + 1, b"\x01"), "do not add up", 13
    )
    yield Defect(
        "signer-name-without-nul",
        patched(SIGNER_NAME + 2, b"\x3d"),
        "do not add up|NUL",
    )
    yield Defect(
        "signer-name-with-nul-inside", patched(20, b"\0"), "SIGNERNAME is not text", 13
    )
    yield Defect(
        "signer-without-serial",
        with_header(replace(3, nested((4, b"CN=a\0"), (6, b"CN=a\0")))),
        "SIGNERID lacks SERIAL_NUMBER",
        10,
    )
    yield Defect(
        "signer-serial-empty",
        with_header(replace(3, nested((4, b"CN=a\0"), (5, b""), (6, b"CN=a\0")))),
        "SERIALNUMBER is empty",
        21,
    )
    yield Defect(
        "signer-name-twice",
        with_header(replace(3, signer.encode() + nested((4, b"CN=a\0")))),
        "element 4 is out of place in SIGNERID",
        162,
    )
    yield Defect(
        "stranger-in-signer-id",
        with_header(replace(3, signer.encode() + nested((99, b"")))),
        "element 99 is out of place in SIGNERID",
        162,
    )
    yield Defect("signer-id-missing", with_header(drop(3)), "the header lacks")
    yield Defect("signature-info-missing", with_header(drop(7)), "the header lacks")
    yield Defect("signature-missing", with_header(drop(12)), "the header lacks")
    yield Defect(
        "signature-twice", with_header(twice(12)), "element 12 comes twice", 333
    )
    yield Defect("signer-id-twice", with_header(twice(3)), "element 3 comes twice", 333)
    yield Defect(
        "filename-twice", with_header(twice(14)), "element 14 comes twice", 333
    )
    yield Defect(
        "signature-info-lies",
        patched(SIGNATURE_INFO + 2, b"\x0e"),
        "do not add up",
        169,
    )
    yield Defect(
        "algorithm-info-lies", patched(ALGORITHM_INFO + 2, b"\x07"), "do not add up"
    )
    yield Defect(
        "digest-zero", patched(DIGEST + 3, b"\0"), "digest algorithm 0 is", 165
    )
    yield Defect(
        "digest-four", patched(DIGEST + 3, b"\4"), "digest algorithm 4 is", 165
    )
    yield Defect(
        "digest-of-two-bytes",
        with_header(
            replace(7, nested((8, b"\0\1"), (9, nested((10, b"\0"), (11, b"\1")))))
        ),
        "DIGESTALGORTITHM has 2 bytes",
        165,
    )
    yield Defect(
        "modulus-missing",
        with_header(replace(7, nested((8, b"\1"), (9, nested((10, b"\0")))))),
        "SIGNATUREALGOINFO lacks SIGNATURE_MODULUS",
        169,
    )
    yield Defect(
        "timestamp-short", with_header(replace(15, b"\0")), "TIMESTAMP has 1", 326
    )
    yield Defect(
        "filename-no-nul", with_header(replace(14, b"CTL")), "FILENAME is not", 311
    )
    yield Defect("seventeen-pads", with_header(list, pads=17), "over 16 pads", 349)
    yield Defect("64-kib-of-pads", with_header(list, pads=65_000), "over 16 pads", 349)
    yield Defect(
        "element-after-pads",
        data[:8]
        + b"\x01\x53"
        + data[10:333]
        + b"\x0d\x63\0\0\x0d\x0d\x0d"
        + data[336:],
        "an element follows the header's pads",
        334,
    )
    yield Defect(
        "too-many-header-elements",
        with_header(lambda elements: elements + [(99, b"")] * 80),
        "over 64 elements",
    )


def record_defects() -> Iterator[Defect]:
    data = tokenless().data
    first = tokenless().records[0]
    other = minting.capf().certificate
    yield Defect("last-byte-missing", data[:-1], r"RECORDLENGTH is 1161, 1160", 3786)
    yield Defect("one-byte-too-many", data + b"\0", "head is cut short", 4947)
    yield Defect("three-zeros-too-many", data + bytes(3), "element 0 where a rec", 4947)
    yield Defect("text-behind", data + b"\n<device/>", "element 10 claims|element 10")
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
    der = first.certificate_der or b""
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


DEFECTS = (*header_defects(), *record_defects())


def resigned_by_another() -> TrustList:
    """Return the lab's list with a signature by a key that is in nobody's record.

    Its signing record is the true one: names and serial fit, the key does not.
    """
    trust_list = tokenless()
    key = minting.impostor().key
    signature = minting.sign(
        key, trust_list.header.signed_part(trust_list.data), "sha1"
    )
    start, end = trust_list.header.signature_span
    return TrustList.decode(
        trust_list.data[: start + 3] + signature + trust_list.data[end:]
    )


def impostors_list() -> TrustList:
    """Return a self-consistent list of one with the publisher's names and serial."""
    identity = minting.impostor()
    record = record_for(
        identity.certificate,
        Role.SAST,
        dns_name=minting.PUBLISHER,
        ip_address=minting.PUBLISHER_ADDRESS,
    )
    return sign_trust_list("CTLFile.tlv", [record], identity.signer, timestamp=TIME)
