"""What administrators upload by mistake: each is refused with its reason."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import example, given
from hypothesis import strategies as st

from tests.rigs import minting, odd_certificates
from tokenless.protocol.codes import TrustStore
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import MAX_CHAIN, MAX_UPLOAD_BYTES, read_upload

SAST = TrustStore.PHONE_SAST_TRUST
LEAF = minting.server()
OTHER = minting.server(minting.SUBSCRIBER)


def authority(*purposes: x509.ObjectIdentifier) -> x509.Certificate:
    key = minting.rsa_key(2048, "authority")
    name = x509.Name.from_rfc4514_string("CN=stormin-WIN2012-CA")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(99)
        .not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2015, 1, 1, tzinfo=UTC) + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(key, hashes.SHA256())


def openssl(identity: minting.Identity) -> x509.Certificate:
    return x509.load_der_x509_certificate(identity.certificate.der)


def pem_and_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> list[bytes]:
    return [
        key.private_bytes(encoding, form, NoEncryption())
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    ]


def test_pem_der_chain_and_pkcs7() -> None:
    der = LEAF.certificate.der
    pem = LEAF.certificate_pem
    both = [openssl(LEAF), openssl(OTHER)]
    for data in (der, pem, b"remarks before\n" + pem):
        assert [each.der for each in read_upload(data, SAST)] == [der]
    chain = pem + OTHER.certificate_pem
    expected = {der, OTHER.certificate.der}
    for data in (
        chain,
        pkcs7.serialize_certificates(both, Encoding.PEM),
        pkcs7.serialize_certificates(both, Encoding.DER),
    ):
        assert {each.der for each in read_upload(data, SAST)} == expected


@pytest.mark.parametrize(
    "key",
    [
        *pem_and_der(minting.rsa_key(1024, "upload")),
        *pem_and_der(minting.ec_key("upload")),
        minting.rsa_key(1024, "upload").private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
        ),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        ),
        LEAF.certificate_pem + LEAF.key_pem,
    ],
    ids=lambda key: f"{len(key)} bytes",
)
def test_a_private_key_is_never_taken(key: bytes) -> None:
    with pytest.raises(ServiceError, match="private key") as caught:
        read_upload(key, SAST)
    assert "not stored" in str(caught.value)


def test_a_pkcs12_file_is_never_taken() -> None:
    data = pkcs12.serialize_key_and_certificates(
        b"x",
        minting.rsa_key(1024, "upload"),
        None,
        None,
        BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(ServiceError, match="PKCS#12"):
        read_upload(data, SAST)


def test_a_key_whose_first_line_is_damaged_is_recognised_too() -> None:
    damaged = LEAF.key_pem.replace(b"-----BEGIN", b"----BEGIN")
    with pytest.raises(ServiceError, match="private key"):
        read_upload(LEAF.certificate_pem + damaged, SAST)


def test_a_certificate_of_a_version_that_does_not_exist() -> None:
    v3, v2 = bytes.fromhex("a003020102"), bytes.fromhex("a003020101")
    der = LEAF.certificate.der.replace(v3, v2)
    body = b"".join(base64.encodebytes(der).splitlines())
    bundle = pkcs7.serialize_certificates([openssl(LEAF)], Encoding.DER)
    for data in (
        der,
        b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n",
        bundle.replace(v3, v2),
    ):
        with pytest.raises(ServiceError, match="no certificate could be read"):
            read_upload(data, SAST)


def test_what_is_no_certificate() -> None:
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=x"))
        .sign(minting.rsa_key(1024, "upload"), hashes.SHA256())
    )
    public = minting.rsa_key(1024, "upload").public_key()
    damaged = bytearray(LEAF.certificate.der)
    damaged[1] = 0x7F
    for data in (
        b"",
        b"   \n",
        b"\x00" * 100,
        b"certificate, please",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        request.public_bytes(Encoding.PEM),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        bytes(damaged),
        LEAF.certificate.der[:-1],
        LEAF.certificate.der + b"\x00",
        b"x" * (MAX_UPLOAD_BYTES + 1),
    ):
        with pytest.raises(ServiceError) as caught:
            read_upload(data, SAST)
        assert "\n" not in caught.value.explain()


def test_a_callmanager_that_calls_itself_an_authority_is_none() -> None:
    """Self-signed certificates before 15SU3 say CA:TRUE (REFERENCE-2 3.2)."""
    made = authority(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    (read,) = read_upload(made.public_bytes(Encoding.PEM), SAST)
    assert read.der == made.public_bytes(Encoding.DER)


def test_an_authority_where_a_signer_belongs() -> None:
    data = authority().public_bytes(Encoding.PEM)
    with pytest.raises(ServiceError, match="is an authority"):
        read_upload(data, SAST)
    assert read_upload(data, TrustStore.CALLMANAGER_TRUST)


@pytest.mark.parametrize(
    "names", [odd_certificates.EDI_PARTY, odd_certificates.NO_NAMES]
)
def test_a_signer_with_names_that_nobody_can_read(names: bytes) -> None:
    signer = odd_certificates.with_alternative_names(names)
    assert read_upload(signer.der, SAST) == (signer,)


def test_a_chain_with_one_bad_part_is_refused_whole() -> None:
    chain = LEAF.certificate_pem + authority().public_bytes(Encoding.PEM)
    with pytest.raises(ServiceError, match="is an authority"):
        read_upload(chain, SAST)


def test_the_same_certificate_twice_in_a_file() -> None:
    with pytest.raises(ServiceError, match="twice"):
        read_upload(LEAF.certificate_pem * 2, SAST)


def test_too_long_a_chain() -> None:
    data = LEAF.certificate_pem * (MAX_CHAIN + 1)
    with pytest.raises(ServiceError, match=f"over {MAX_CHAIN}"):
        read_upload(data, SAST)


@given(st.binary(max_size=300))
def test_garbage_causes_nothing_but_a_refusal(data: bytes) -> None:
    with pytest.raises(ServiceError):
        read_upload(data, SAST)


# A negative serial number, and the same extension twice.
@example(15, 128)
@example(468, 1)
@given(st.integers(0, 693), st.integers(1, 255))
def test_a_flipped_byte_causes_nothing_but_a_refusal(place: int, flip: int) -> None:
    data = bytearray(LEAF.certificate.der)
    data[place] ^= flip
    with contextlib.suppress(ServiceError):
        read_upload(bytes(data), SAST)
