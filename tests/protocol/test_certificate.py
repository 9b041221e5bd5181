"""Certificates: what is cut out of them, with OpenSSL as an independent judge."""

import contextlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import keys, x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs import damage, minting
from tests.rigs.odd_certificates import NO_END, YEAR_0, der_with_dates
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import MAX_ATTRIBUTES, NameForm
from tokenless.protocol.errors import DecodeError


def openssl(*words: str, data: bytes) -> str:
    done = subprocess.run(
        ["openssl", *words], input=data, capture_output=True, check=True
    )
    return done.stdout.decode()


CERTIFICATES = {
    "server": lambda: minting.server().certificate,
    "server-2048": lambda: minting.server(minting.PUBLISHER, 2048).certificate,
    "capf": lambda: minting.capf().certificate,
    "token": lambda: minting.token().certificate,
    "rsa-4096": lambda: minting.mint(
        minting.lab_name("big"), minting.rsa_key(4096), serial=1, digest="sha512"
    ),
    "ec": lambda: minting.mint(
        minting.lab_name("curve"), minting.ec_key(), serial=0xFF, digest="sha256"
    ),
    "high-serial": lambda: minting.mint(
        minting.lab_name("high"), minting.rsa_key(1024), serial=0xFF << 120
    ),
    "long-serial": lambda: minting.mint(
        minting.lab_name("long"), minting.rsa_key(1024), serial=1 << 300
    ),
    "many-names": lambda: minting.mint(
        minting.name(
            [("organizational_unit_name", f"unit {n}") for n in range(40)]
            + [("common_name", "many; of, them"), ("domain_component", "example")]
        ),
        minting.rsa_key(1024),
        serial=7,
    ),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_openssl_agrees_on_serial_and_dates(name: str) -> None:
    certificate = CERTIFICATES[name]()
    shown = openssl(
        "x509", "-inform", "der", "-noout", "-serial", "-enddate", data=certificate.der
    )
    lines = shown.replace("\\\n", "").splitlines()
    serial, end = (line.partition("=")[2] for line in lines)
    assert serial.lstrip("0") == certificate.serial_hex.lstrip("0")
    moment = datetime.strptime(end, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert moment == certificate.not_after


@pytest.mark.parametrize("name", CERTIFICATES)
def test_openssl_agrees_on_the_names(name: str) -> None:
    """RFC 2253 is the certificate's order, reversed, with other escapes."""
    certificate = CERTIFICATES[name]()
    options = ["x509", "-inform", "der", "-noout", "-nameopt", "sep_multiline,utf8"]
    for which, mine in (
        ("-subject", certificate.subject),
        ("-issuer", certificate.issuer),
    ):
        shown = openssl(*options, which, data=certificate.der)
        theirs = [line.removeprefix("    ") for line in shown.splitlines()[1:]]
        assert theirs == [f"{key}={value}" for key, value in mine.attributes]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_openssl_agrees_on_the_signature_value(name: str) -> None:
    certificate = CERTIFICATES[name]()
    text = openssl("x509", "-inform", "der", "-noout", "-text", data=certificate.der)
    block = text.rpartition("Signature Value:")[2]
    assert bytes.fromhex(re.sub(r"[\s:]", "", block)) == certificate.signature_value


@pytest.mark.parametrize("name", ["server", "server-2048", "capf", "rsa-4096"])
def test_openssl_agrees_on_the_rsa_key(name: str) -> None:
    certificate = CERTIFICATES[name]()
    pem = openssl("x509", "-inform", "der", "-noout", "-pubkey", data=certificate.der)
    pkcs1 = subprocess.run(
        ["openssl", "rsa", "-pubin", "-RSAPublicKey_out", "-outform", "der"],
        input=pem.encode(),
        capture_output=True,
        check=True,
    ).stdout
    assert pkcs1 == certificate.public_key_bytes


def test_an_ec_key_is_its_point() -> None:
    certificate = CERTIFICATES["ec"]()
    assert certificate.public_key_bytes[0] == 4
    assert len(certificate.public_key_bytes) == 65
    assert certificate.signature_algorithm == "SHA256withECDSA"
    assert certificate.key_bits == 256


def test_openssl_verifies_the_lab_certificate(tmp_path: Path) -> None:
    """What our reader takes for the signed part and the signature is just that."""
    certificate = minting.server().certificate
    signature, key = tmp_path / "signature", tmp_path / "key.pem"
    signature.write_bytes(certificate.signature_value)
    pem = openssl("x509", "-inform", "der", "-noout", "-pubkey", data=certificate.der)
    key.write_text(pem)
    words = ["dgst", "-sha1", "-verify", str(key), "-signature", str(signature)]
    assert openssl(*words, data=certificate.tbs_certificate) == "Verified OK\n"


def test_fields_of_a_lab_certificate() -> None:
    certificate = minting.server().certificate
    assert certificate.signature_algorithm == "SHA1withRSA"
    assert certificate.key_bits == 1024
    assert len(certificate.public_key_bytes) == 140
    assert len(certificate.signature_value) == 128
    assert len(certificate.serial_number) == 16
    assert certificate.subject_text == certificate.issuer_text
    assert certificate.not_before == minting.NOT_BEFORE


def serial_patched(new: bytes) -> bytes:
    """Return a certificate with another serial of one byte; its signature is wrong."""
    der = minting.mint(minting.lab_name("x"), minting.rsa_key(1024), serial=5).der
    assert der.count(b"\x02\x01\x05") == 1
    return der.replace(b"\x02\x01\x05", b"\x02\x01" + new)


@pytest.mark.parametrize("serial", [b"\x00", b"\xff", b"\x80"])
def test_serials_that_rfc_5280_forbids_are_read_without_a_warning(
    serial: bytes,
) -> None:
    assert Certificate.decode(serial_patched(serial)).serial_number == serial


def test_sign_bytes_are_no_part_of_the_serial() -> None:
    certificate = CERTIFICATES["high-serial"]()
    assert len(certificate.serial_number) == 16
    assert certificate.serial_number[0] == 0xFF


def test_names_beyond_the_six_follow_them() -> None:
    text = CERTIFICATES["many-names"]().subject.render(NameForm.CUCM)
    assert text.startswith(r"CN=many\; of, them;OU=unit 0;OU=unit 1;")
    assert text.endswith(";OU=unit 39;DC=example")


def test_every_truncation_is_refused() -> None:
    der = minting.server().certificate.der
    for length in range(len(der)):
        with pytest.raises(DecodeError):
            Certificate.decode(der[:length])


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(DecodeError, match="left over"):
        Certificate.decode(minting.server().certificate.der + b"\0")


@given(st.integers(0, 693), st.integers(1, 255))
def test_any_changed_byte_decodes_or_is_refused(offset: int, change: int) -> None:
    der = bytearray(minting.server().certificate.der)
    der[offset] ^= change
    with contextlib.suppress(DecodeError):
        Certificate.decode(bytes(der))


def test_other_keys_are_refused() -> None:
    parsed = x509.Certificate.load(minting.server().certificate.der)
    info = parsed["tbs_certificate"]["subject_public_key_info"]
    info["algorithm"]["algorithm"] = "dsa"
    with pytest.raises(DecodeError):
        Certificate.decode(parsed.dump(force=True))


def test_decoding_twice_gives_equal_certificates() -> None:
    der = minting.server().certificate.der
    assert Certificate.decode(der) == Certificate.decode(bytes(bytearray(der)))
    assert Certificate.decode(der) != minting.capf().certificate


def test_large_certificates_are_read_up_to_the_length_of_an_element() -> None:
    der = minting.server().certificate.der
    subject = Certificate.decode(der).subject_text
    for length in (10_000, 0xFFFF):
        large = damage.grown(der, length)
        assert len(large) == length
        assert Certificate.decode(large).subject_text == subject
    with pytest.raises(DecodeError, match="over 65,535 bytes"):
        Certificate.decode(damage.grown(der, 0x10000))


def test_fingerprints_are_the_digests_of_the_whole() -> None:
    certificate = minting.server().certificate
    for digest, ours in (("-md5", certificate.md5), ("-sha1", certificate.sha1)):
        words = ["x509", "-inform", "der", "-noout", "-fingerprint", digest]
        shown = openssl(*words, data=certificate.der).strip().partition("=")[2]
        assert shown.replace(":", "").lower() == ours


def test_a_defect_of_a_name_is_told_from_the_whole() -> None:
    units = [("organizational_unit_name", f"{n:04}") for n in range(MAX_ATTRIBUTES + 1)]
    with pytest.raises(DecodeError, match="too many attributes") as caught:
        minting.mint(minting.name(units), minting.rsa_key(1024), serial=7)
    parts = (MAX_ATTRIBUTES + 1) * 15
    assert parts - 15 < caught.value.offset < parts + 100


def test_a_key_of_another_kind_is_named() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parsed = x509.Certificate.load(minting.server().certificate.der)
    parsed["tbs_certificate"]["subject_public_key_info"] = keys.PublicKeyInfo.load(info)
    with pytest.raises(DecodeError, match="neither RSA nor EC"):
        Certificate.decode(parsed.dump(force=True))


@pytest.mark.parametrize("dates", [(YEAR_0, NO_END), (NO_END, YEAR_0)])
def test_a_year_that_no_calendar_has_is_refused(dates: tuple[bytes, bytes]) -> None:
    with pytest.raises(DecodeError, match="validity"):
        Certificate.decode(der_with_dates(*dates))


@given(*[st.text("0123456789Z+-.", min_size=13, max_size=19)] * 2)
def test_any_dates_are_read_or_refused(begins: str, ends: str) -> None:
    with contextlib.suppress(DecodeError):
        Certificate.decode(der_with_dates(begins.encode(), ends.encode()))


@given(*[st.integers(0, 9999)] * 2, *[st.integers(0, 99)] * 2)
def test_any_year_is_read_or_refused(
    first: int, last: int, month: int, day: int
) -> None:
    begins, ends = (
        f"{year:04}{month:02}{day:02}235960Z".encode() for year in (first, last)
    )
    with contextlib.suppress(DecodeError):
        Certificate.decode(der_with_dates(begins, ends))
