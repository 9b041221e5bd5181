"""The ITLRecovery key as a PKCS#12 file: kept by the careful (REFERENCE 7.10, 6.2)."""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)

from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import quiet

_FRIENDLY_NAME: Final = b"ITLRecovery"


def export_key(
    signer_key: RSAPrivateKey, certificate: Certificate, password: str
) -> bytes:
    """Return key and certificate as a PKCS#12 file.

    Raises:
        ServiceError: When the password is empty.
    """
    if not password:
        raise ServiceError(
            "the key file needs a password", hint="give one that you can remember"
        )
    return pkcs12.serialize_key_and_certificates(
        _FRIENDLY_NAME,
        signer_key,
        x509.load_der_x509_certificate(certificate.der),
        None,
        BestAvailableEncryption(password.encode()),
    )


def load_recovery(data: bytes, password: str) -> PrivateKeySigner:
    """Read a PKCS#12 file with an RSA key and its certificate.

    Raises:
        ServiceError: When it is none, or the password is wrong.
    """
    try:
        with quiet():
            key, certificate, _ = pkcs12.load_key_and_certificates(
                data, password.encode()
            )
    except UNREADABLE:
        raise ServiceError(
            "the key file cannot be opened",
            hint="check the password, and that it is a PKCS#12 file",
        ) from None
    if not isinstance(key, RSAPrivateKey) or certificate is None:
        raise ServiceError(
            "the key file holds no RSA key with its certificate",
            hint="export it with `file get tftp ITLRecovery.p12`",
        )
    decoded = Certificate.decode(certificate.public_bytes(Encoding.DER))
    return PrivateKeySigner(decoded, key)
