"""Defects of a header, and the refusal each must meet."""

from collections.abc import Iterator

from tests.rigs.damage import (
    ALGORITHM_INFO,
    DIGEST,
    PADS,
    SIGNATURE_INFO,
    SIGNER_ID,
    SIGNER_NAME,
    Defect,
    drop,
    nested,
    patched,
    replace,
    twice,
    with_header,
)
from tests.rigs.lists import tokenless


def header_defects() -> Iterator[Defect]:
    yield from _no_header()
    yield from _header_length()
    yield from _signer_id()
    yield from _signer_elements()
    yield from _missing_or_twice()
    yield from _signature_info()
    yield from _what_follows()


def _no_header() -> Iterator[Defect]:
    data = tokenless().data
    yield Defect("empty", b"", "the file is empty", 0)
    yield Defect("one-byte", data[:1], "head is cut short", 0)
    yield Defect(
        "text", b"<device/>\n", "byte 0x3c where the element VERSION must be", 0
    )
    yield Defect("zeros", bytes(64), "byte 0x00 where the element VERSION", 0)
    yield Defect("version-missing", data[5:], "byte 0x02 where the element VERSION", 0)
    yield Defect("version-long", patched(2, b"\x03"), "VERSION has 3 bytes", 0)
    yield Defect("version-empty", patched(2, b"\x00"), "VERSION has 0 bytes", 0)


def _header_length() -> Iterator[Defect]:
    data = tokenless().data
    yield Defect(
        "header-length-missing",
        data[:5] + data[10:],
        "byte 0x03 where the element HEADER_LENGTH",
        5,
    )
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


def _signer_id() -> Iterator[Defect]:
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


def _signer_elements() -> Iterator[Defect]:
    signer = tokenless().signer
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


def _missing_or_twice() -> Iterator[Defect]:
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


def _signature_info() -> Iterator[Defect]:
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


def _what_follows() -> Iterator[Defect]:
    data = tokenless().data
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
