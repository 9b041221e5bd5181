"""Fuzz what administrators upload: certificates in any wrapping, and files of keys."""

from asn1crypto.pkcs12 import Pfx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    pkcs7,
    pkcs12,
)

from tests.fuzz.engine import Seeded
from tests.rigs import minting
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.pki.recovery import export_key, load_recovery
from tokenless.services.pki.uploads import MAX_CHAIN, read_upload

PASSWORD = "of the lab"


def upload_target(data: bytes) -> None:
    """Read an upload; nothing that holds a key in PEM is ever taken."""
    certificates = read_upload(data, TrustStore.PHONE_SAST_TRUST)
    assert 1 <= len(certificates) <= MAX_CHAIN
    assert b"PRIVATE KEY-----" not in data


def key_file_target(data: bytes) -> None:
    """Open a PKCS#12 file; the key that comes out is its certificate's."""
    signer = load_recovery(data, PASSWORD)
    assert signer.certificate.key_bits > 0


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    server, capf = minting.server(), minting.capf()
    both = [
        x509.load_der_x509_certificate(each.certificate.der) for each in (server, capf)
    ]
    key = minting.rsa_key(1024, "fuzz")
    own = minting.mint(minting.lab_name("fuzz"), key, serial=7)
    return {
        "uploads": (
            upload_target,
            [
                server.certificate.der,
                server.certificate_pem,
                server.certificate_pem + capf.certificate_pem,
                pkcs7.serialize_certificates(both, Encoding.PEM),
                pkcs7.serialize_certificates(both, Encoding.DER),
                server.key_pem,
            ],
        ),
        "key-files": (
            key_file_target,
            [without_sum(key, own), export_key(key, own, PASSWORD)],
        ),
    }


def without_sum(key: RSAPrivateKey, certificate: Certificate) -> bytes:
    """Make a file without encryption and checksum: damage gets at what is inside."""
    opened = x509.load_der_x509_certificate(certificate.der)
    data = pkcs12.serialize_key_and_certificates(
        b"ITLRecovery", key, opened, None, NoEncryption()
    )
    whole = Pfx.load(data)
    bare: bytes = Pfx({"version": "v3", "auth_safe": whole["auth_safe"].untag()}).dump()
    return bare
