"""Signatures of trust lists and signed files: RSASSA-PKCS1-v1_5 (REFERENCE 1.2, 1.6).

Lists signed with EC keys were not seen; verifying one works as ECDSA (inferred).
"""

from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import BadSignatureError

PublicKey = RSAPublicKey | EllipticCurvePublicKey

_HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    Digest.SHA1: hashes.SHA1(),  # noqa: S303 - what phones up to 11.x require
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA512: hashes.SHA512(),
}
_PADDING: Final = PKCS1v15()
_MOST_EXPONENT_BITS: Final = 32

RSA_PKCS1: Final = 0
"""SIGNATUREALGORTITHM, the only one observed."""
MODULUS_CODES: Final = {512: 0, 1024: 1, 2048: 2, 4096: 3}
"""SIGNATUREMODULUS for a key's bits. 1 is observed, the rest are certutils'."""


class Signer(Protocol):
    """Holder of a certificate's private key: a file, a token."""

    @property
    def certificate(self) -> Certificate:
        """The certificate whose key signs."""

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """Sign `data` with PKCS#1 v1.5."""


class PrivateKeySigner:
    """A signer whose private key is in memory."""

    __slots__ = ("_private_key", "certificate")

    def __init__(self, certificate: Certificate, private_key: RSAPrivateKey) -> None:
        """Pair a certificate with its key.

        Raises:
            ValueError: When the key is not the certificate's.
        """
        if private_key.public_key() != certificate.public_key:
            raise ValueError("the private key does not belong to the certificate")
        self.certificate = certificate
        self._private_key = private_key

    def __repr__(self) -> str:
        """Name the certificate, never the key."""
        return f"<PrivateKeySigner {self.certificate.subject_text}>"

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """Sign `data` with PKCS#1 v1.5."""
        return self._private_key.sign(data, _PADDING, _HASHES[digest])


def verify_signature(
    public_key: PublicKey, signature: bytes, data: bytes, digest: Digest
) -> None:
    """Check a signature over `data`.

    Raises:
        BadSignatureError: When another key made it, or the key cannot be used.
    """
    algorithm = _HASHES[digest]
    try:
        if isinstance(public_key, RSAPublicKey):
            _check_exponent(public_key)
            public_key.verify(signature, data, _PADDING, algorithm)
        else:
            public_key.verify(signature, data, ECDSA(algorithm))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise BadSignatureError(
            f"the signature was not made by the {public_key.key_size}-bit key given"
        ) from error


def _check_exponent(public_key: RSAPublicKey) -> None:
    """Refuse a key whose exponent costs as much as its modulus is long.

    Real ones are 3 or 65537; 2047 bits make one verification a hundred times slower.
    """
    if public_key.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
        raise BadSignatureError("the RSA key's public exponent has over 32 bits")


_CERTIFICATE_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA1": hashes.SHA1(),  # noqa: S303 - certificates up to 11.5 and old MICs
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def verify_issued_by(certificate: Certificate, issuer: Certificate) -> None:
    """Check that one certificate's key signed another one: name and signature.

    `cryptography` refuses certificates that are signed with SHA-1, so this is checked
    by hand. Dates and constraints are the caller's part.

    Raises:
        BadSignatureError: When it did not.
    """
    digest, _, kind = certificate.signature_algorithm.partition("with")
    algorithm = _CERTIFICATE_HASHES.get(digest)
    key, signature = issuer.public_key, certificate.signature_value
    refusal = BadSignatureError(
        f"{issuer.subject_text} did not sign {certificate.subject_text}"
    )
    if certificate.issuer != issuer.subject or algorithm is None:
        raise refusal
    tbs = certificate.tbs_certificate
    try:
        if isinstance(key, RSAPublicKey) and kind == "RSA":
            _check_exponent(key)
            key.verify(signature, tbs, _PADDING, algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and kind == "ECDSA":
            key.verify(signature, tbs, ECDSA(algorithm))
        else:
            raise refusal
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise refusal from error
