"""Proof to CAPF that a phone has a certificate's key (REFERENCE-3 3.4).

    proof      over  device name 00 certificate DER      elements 6 and 20
    SUDI proof over  session id (4, little-endian) certificate DER      element 16

RSA signs the bare hash with type-1 padding, without the DigestInfo of PKCS#1; EC signs
with ECDSA. Element 6 is over SHA-1, element 20 over SHA-512. Everything is compared:
the padding as a whole, both signatures where both are there.
"""

import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
)

from tokenless.protocol.capf.elements import (
    CapfTag,
    CertificateType,
    SudiProof,
    pack_certificate,
    pack_sha512_signature,
    pack_text,
)
from tokenless.protocol.capf.messages import CapfMessage
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PublicKey
from tokenless.protocol.errors import BadSignatureError

PhoneKey = RSAPrivateKey | EllipticCurvePrivateKey
_SHA1: Final = hashes.SHA1()  # noqa: S303 - element 6 is that
_SHA512: Final = hashes.SHA512()
_LEAST_FILLING: Final = 8
"""Bytes ff of type-1 padding (RFC 8017 9.2)."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A phone's certificate with its private key."""

    type: CertificateType
    certificate: Certificate
    key: PhoneKey

    def __repr__(self) -> str:
        """Name the certificate, never the key."""
        return f"<{self.type.name} {self.certificate.subject_text}>"


@dataclass(frozen=True, slots=True)
class Proof:
    """A phone's claim to own a certificate, not verified yet."""

    type: int
    certificate: bytes
    sha1_signature: bytes | None
    sha512_signature: bytes | None
    sudi: SudiProof | None

    @classmethod
    def of_message(cls, message: CapfMessage) -> "Proof | None":
        """Return the proof in an AUTH_RESPONSE, None where it has no certificate."""
        certificate = message.certificate
        if certificate is None:
            return None
        return cls(
            message.number(CapfTag.CERTIFICATE_TYPE) or 0,
            certificate,
            message.value(CapfTag.SIGNED_DATA),
            message.signature,
            message.sudi,
        )

    def verify(self, device: str, certificate: Certificate) -> None:
        """Check that the sender has the key of its certificate.

        Args:
            device: The name that the message has.
            certificate: `self.certificate`, decoded.

        Raises:
            BadSignatureError: When there is no signature, or one is wrong.
        """
        data = pack_text(device) + self.certificate
        signatures = ((self.sha1_signature, _SHA1), (self.sha512_signature, _SHA512))
        present = [(made, digest) for made, digest in signatures if made is not None]
        if not present:
            raise BadSignatureError("the certificate came without a signature")
        for signature, digest in present:
            _verify(certificate.public_key, signature, data, digest)

    def verify_sudi(self, session_id: int) -> Certificate | None:
        """Check the proof of the manufacturer's certificate; None where there is none.

        Raises:
            BadSignatureError: When a signature does not hold, or the key is not RSA.
            DecodeError: When its certificate is malformed.
        """
        if self.sudi is None:
            return None
        certificate = Certificate.decode(self.sudi.certificate)
        if not isinstance(certificate.public_key, RSAPublicKey):
            raise BadSignatureError("a SUDI proof needs an RSA key")
        data = session_id.to_bytes(4, "little") + self.sudi.certificate
        for signature, digest in (
            (self.sudi.sha1_signature, _SHA1),
            (self.sudi.sha512_signature, _SHA512),
        ):
            _verify(certificate.public_key, signature, data, digest)
        return certificate


def proof_elements(device: str, own: OwnCertificate) -> dict[CapfTag, bytes | int]:
    """Return what an AUTH_RESPONSE says of an existing certificate."""
    data = pack_text(device) + own.certificate.der
    return {
        CapfTag.CERTIFICATE_TYPE: own.type,
        CapfTag.CERTIFICATE: pack_certificate(own.certificate.der),
        CapfTag.SIGNED_DATA: _sign(own.key, data, _SHA1),
        CapfTag.SHA2_SIGNED_DATA: pack_sha512_signature(_sign(own.key, data, _SHA512)),
    }


def _sign(key: PhoneKey, data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return _sign_bare(key, _hash(data, digest))
    return key.sign(data, ECDSA(digest))


def _sign_bare(key: RSAPrivateKey, signed: bytes) -> bytes:
    """Sign a hash with type-1 padding, without a DigestInfo.

    By hand, because `cryptography` leaves out the DigestInfo from version 47 on only.
    The time depends on the key: this is for keys of emulated phones alone.

    Raises:
        ValueError: When the key is too short.
    """
    numbers = key.private_numbers()
    length = (key.key_size + 7) // 8
    filling = length - len(signed) - len(b"\0\1\0")
    if filling < _LEAST_FILLING:
        raise ValueError(f"a key of {key.key_size} bits is too short for this hash")
    padded = b"\0\1" + filling * b"\xff" + b"\0" + signed
    return _signed(numbers, int.from_bytes(padded, "big")).to_bytes(length, "big")


def _signed(key: RSAPrivateNumbers, value: int) -> int:
    """Return a value to the private exponent, modulo each prime alone: 3 times sooner.

    Both remainders give the whole (RFC 8017, 5.2.1).
    """
    of_p, of_q = pow(value, key.dmp1, key.p), pow(value, key.dmq1, key.q)
    return of_q + key.q * ((of_p - of_q) * key.iqmp % key.p)


def _verify(
    key: PublicKey, signature: bytes, data: bytes, digest: hashes.HashAlgorithm
) -> None:
    try:
        holds = _holds(key, signature, data, digest)
    except (InvalidSignature, ValueError):
        holds = False
    if not holds:
        raise BadSignatureError(
            f"the {digest.name} signature was not made by the certificate's key"
        )


def _holds(
    key: PublicKey, signature: bytes, data: bytes, digest: hashes.HashAlgorithm
) -> bool:
    if isinstance(key, RSAPublicKey):
        # The padding is checked as a whole, and no DigestInfo is expected.
        signed = key.recover_data_from_signature(signature, PKCS1v15(), None)
        return hmac.compare_digest(signed, _hash(data, digest))
    key.verify(signature, data, ECDSA(digest))
    return True


def _hash(data: bytes, digest: hashes.HashAlgorithm) -> bytes:
    hashing = hashes.Hash(digest)
    hashing.update(data)
    return hashing.finalize()
