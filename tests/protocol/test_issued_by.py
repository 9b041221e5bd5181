"""Who issued a certificate: the name, the key, and an algorithm that both know."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.rigs import minting
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.errors import BadSignatureError

RSA = minting.rsa_key(2048, "issuing")
EC = minting.ec_key("issuing")
Hash = hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
HASHES = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())


def issued(
    key: CertificateIssuerPrivateKeyTypes,
    algorithm: Hash,
    issuer: str = "CA",
) -> Certificate:
    """Return a certificate of a server, signed with a CA's key."""
    builder = x509.CertificateBuilder(
        named(issuer), named("server"), RSA.public_key(), 7
    )
    return decoded(builder, key, algorithm)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Certificate:
    builder = x509.CertificateBuilder(named("CA"), named("CA"), key.public_key(), 1)
    return decoded(builder, key, hashes.SHA256())


def decoded(
    builder: x509.CertificateBuilder,
    key: CertificateIssuerPrivateKeyTypes,
    algorithm: Hash,
) -> Certificate:
    valid = builder.not_valid_before(datetime(2015, 3, 9, tzinfo=UTC)).not_valid_after(
        datetime(2115, 3, 9, tzinfo=UTC)
    )
    return Certificate.decode(valid.sign(key, algorithm).public_bytes(Encoding.DER))


def refused(certificate: Certificate, issuer: Certificate) -> str:
    with pytest.raises(BadSignatureError) as found:
        verify_issued_by(certificate, issuer)
    return str(found.value)


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("key", [RSA, EC])
def test_a_certificate_by_the_issuers_key(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    algorithm: Hash,
) -> None:
    verify_issued_by(issued(key, algorithm), authority(key))


def test_sha1_is_verified_as_phones_do() -> None:
    own = minting.server().certificate
    assert own.signature_algorithm == "SHA1withRSA"
    verify_issued_by(own, own)


OTHER_RSA = minting.rsa_key(2048, "another")
OTHER_EC = minting.ec_key("another")


@pytest.mark.parametrize(
    ("signs", "issuer"),
    [(OTHER_RSA, RSA), (OTHER_EC, EC), (EC, RSA), (RSA, EC)],
)
def test_another_key_is_no_issuer(
    signs: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    issuer: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    said = refused(issued(signs, hashes.SHA256()), authority(issuer))
    assert said == "CN=CA did not sign CN=server"


@pytest.mark.parametrize("key", [RSA, EC])
def test_another_name_is_no_issuer(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    certificate = issued(key, hashes.SHA256(), issuer="CB")
    assert refused(certificate, authority(key)) == "CN=CA did not sign CN=server"


@pytest.mark.parametrize("key", [RSA, EC])
def test_an_algorithm_that_no_phone_has_is_refused(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    certificate = issued(key, hashes.SHA224())
    assert refused(certificate, authority(key)) == "CN=CA did not sign CN=server"
