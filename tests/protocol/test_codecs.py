"""Whatever decodes is encoded to the same bytes; whatever does not is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import minting
from tests.rigs.lists import client_form, tokenless
from tests.rigs.third_party import certutils_list
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.header import Header, HeaderTag, decode_header
from tokenless.protocol.files.header_fields import SignatureInfo, SignerId, encode_text
from tokenless.protocol.files.record import Record, RecordTag, decode_record
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import ListForm, record_for, token_record
from tokenless.protocol.wire import pack_element

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
serials = st.binary(min_size=1, max_size=20)
signers = st.builds(SignerId, texts, texts, serials)
infos = st.builds(
    SignatureInfo, st.sampled_from(Digest), st.integers(0, 255), st.integers(0, 255)
)
UNKNOWN_IN_HEADER = st.integers(16, 255).filter(lambda tag: tag != 28)
UNKNOWN_IN_RECORD = st.integers(13, 255)


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, dict[int, bytes]]:
    """Draw the bytes of a header in any order, with strangers, and its elements."""
    values = {
        HeaderTag.SIGNER_ID: draw(signers).encode(),
        HeaderTag.SIGNATURE_INFO: draw(infos).encode(),
        HeaderTag.SIGNATURE: draw(st.binary(max_size=300)),
    }
    if draw(st.booleans()):
        values[HeaderTag.FILENAME] = encode_text(draw(texts))
    if draw(st.booleans()):
        values[HeaderTag.TIMESTAMP] = draw(st.binary(min_size=4, max_size=4))
    if draw(st.booleans()):
        values[HeaderTag.SIGNER_VERSION] = draw(st.binary(min_size=2, max_size=2))
    strangers = draw(
        st.lists(st.tuples(UNKNOWN_IN_HEADER, st.binary(max_size=20)), max_size=4)
    )
    elements = draw(st.permutations([*values.items(), *strangers]))
    body = b"".join(pack_element(tag, value) for tag, value in elements)
    body += bytes([HeaderTag.PAD]) * draw(st.integers(0, 16))
    version = draw(st.binary(min_size=2, max_size=2))
    head = pack_element(1, version) + pack_element(2, (10 + len(body)).to_bytes(2))
    return head + body, {int(tag): value for tag, value in values.items()}


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a record without a certificate, in any order."""
    values = {RecordTag.FUNCTION: draw(st.binary(min_size=2, max_size=2))}
    for tag in (RecordTag.DNS_NAME, RecordTag.SUBJECT_NAME, RecordTag.ISSUER_NAME):
        if draw(st.booleans()):
            values[tag] = encode_text(draw(texts))
    for tag in (RecordTag.SERIAL_NUMBER, RecordTag.PUBLIC_KEY, RecordTag.SIGNATURE):
        if draw(st.booleans()):
            values[tag] = draw(st.binary(max_size=20))
    if draw(st.booleans()):
        length = draw(st.sampled_from([4, 16]))
        values[RecordTag.IP_ADDRESS] = draw(st.binary(min_size=length, max_size=length))
    strangers = draw(
        st.lists(st.tuples(UNKNOWN_IN_RECORD, st.binary(max_size=20)), max_size=4)
    )
    elements = draw(st.permutations([*values.items(), *strangers]))
    body = b"".join(pack_element(tag, value) for tag, value in elements)
    return pack_element(RecordTag.RECORD_LENGTH, (5 + len(body)).to_bytes(2)) + body


@given(headers(), st.binary(max_size=20))
def test_headers(drawn: tuple[bytes, dict[int, bytes]], behind: bytes) -> None:
    data, values = drawn
    header = decode_header(data + behind)
    assert header.encode() == data
    assert header.header_length == len(data)
    assert header.signature == values[HeaderTag.SIGNATURE]
    assert header.signer.encode() == values[HeaderTag.SIGNER_ID]
    start, end = header.signature_span
    assert data[start:end] == pack_element(HeaderTag.SIGNATURE, header.signature)
    assert header.signed_part(data + behind) == data[:start] + data[end:] + behind
    assert (header.filename is None) is (HeaderTag.FILENAME not in values)


@given(records(), st.integers(0, 5))
def test_records(data: bytes, offset: int) -> None:
    record = decode_record(bytes(offset) + data + b"behind", offset)
    assert record.encode() == data
    assert record.length == len(data)


@given(headers(), st.lists(records(), max_size=4))
def test_trust_lists(drawn: tuple[bytes, dict[int, bytes]], parts: list[bytes]) -> None:
    data = drawn[0] + b"".join(parts)
    trust_list = TrustList.decode(data)
    assert trust_list.encode() == data
    assert [record.encode() for record in trust_list.records] == parts


@given(headers(), st.binary(max_size=50))
def test_signed_files(drawn: tuple[bytes, dict[int, bytes]], payload: bytes) -> None:
    signed = SignedFile.decode(drawn[0] + payload)
    assert signed.payload == payload
    assert signed.encode() == drawn[0] + payload


@given(st.binary(max_size=200))
def test_any_bytes_behind_a_header_decode_or_are_refused(tail: bytes) -> None:
    data = tokenless().data[:336] + tail
    with contextlib.suppress(DecodeError):
        assert TrustList.decode(data).encode() == data


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert decode_file(data).encode() == data


@given(st.data())
def test_spliced_lists_decode_or_are_refused(data: st.DataObject) -> None:
    """Cut two true lists anywhere and put the parts together."""
    first, second = tokenless().data, client_form(secure=True).data
    cut = data.draw(st.integers(0, len(first)))
    glue = data.draw(st.integers(0, len(second)))
    spliced = first[:cut] + second[glue:]
    with contextlib.suppress(DecodeError):
        assert TrustList.decode(spliced).encode() == spliced


CERTIFICATES = {
    "rsa-1024": lambda: minting.server().certificate,
    "rsa-4096": lambda: minting.mint(
        minting.lab_name("big"), minting.rsa_key(4096), serial=1, digest="sha512"
    ),
    "ec": lambda: minting.mint(
        minting.lab_name("ec"), minting.ec_key(), serial=2, digest="sha256"
    ),
    "serial-with-sign-byte": lambda: minting.mint(
        minting.lab_name("sign"), minting.rsa_key(1024), serial=0x80
    ),
    "semicolons-and-commas": lambda: minting.mint(
        minting.name(
            [
                ("organization_name", 'A; B, "C" = D\\'),
                ("common_name", "x\ny"),
                ("domain_component", "example"),
            ]
        ),
        minting.rsa_key(1024),
        serial=3,
    ),
    "no-name": lambda: minting.mint(minting.name([]), minting.rsa_key(1024), serial=4),
}


@pytest.mark.parametrize("form", ListForm)
@pytest.mark.parametrize("name", CERTIFICATES)
def test_records_of_odd_certificates(name: str, form: ListForm) -> None:
    certificate = CERTIFICATES[name]()
    record = record_for(
        certificate, Role.TVS, dns_name="node", ip_address="192.0.2.1", form=form
    )
    again = decode_record(record.encode(), 0)
    assert again == record
    assert again.certificate == certificate
    assert again.public_key == certificate.public_key_bytes
    assert (again.signature is None) is (form is ListForm.CTL_CLIENT)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_token_records_of_odd_certificates(name: str) -> None:
    certificate = CERTIFICATES[name]()
    record = token_record(certificate)
    assert record.serial_number == certificate.serial_number[::-1]
    assert decode_record(record.encode(), 0) == record


def test_latin_1_text_is_read_and_kept() -> None:
    record = record_for(
        minting.server().certificate, Role.TFTP, dns_name="node", ip_address=None
    )
    elements = [
        (tag, b"caf\xe9\0" if tag == RecordTag.DNS_NAME else value)
        for tag, value in record.elements
    ]
    data = b"".join(pack_element(tag, value) for tag, value in elements)
    assert decode_record(data, 0).dns_name == "café"
    assert decode_record(data, 0).encode() == data


def test_ipv6_addresses_are_read() -> None:
    record = record_for(
        minting.server().certificate, 2, dns_name=None, ip_address="2001:db8::1"
    )
    assert record.ip_address == "2001:db8::1"


def test_a_third_partys_list_is_read_and_verified() -> None:
    data = certutils_list()
    trust_list = TrustList.decode(data)
    assert trust_list.encode() == data
    assert trust_list.header.signer_version == (1, 0)
    assert trust_list.header.digest is Digest.SHA512
    record = trust_list.signing_record()
    assert record is not None
    assert record.certificate is not None
    trust_list.verify(record.certificate.public_key)


def test_kinds_are_told_apart() -> None:
    assert isinstance(decode_file(tokenless().data), TrustList)
    assert isinstance(decode_file(certutils_list()), TrustList)


def test_values_are_frozen() -> None:
    header: Header = tokenless().header
    record: Record = tokenless().records[0]
    for value in (header, record, tokenless()):
        with pytest.raises((AttributeError, TypeError)):
            value.filename = "other"  # type: ignore[misc, union-attr]
