"""X.509 certificates: what trust lists, TVS and phones ask of them.

`cryptography` parses and judges the structure; the raw pieces that lists copy (serial,
names, key) are cut out of the DER here, because their bytes count, not their meaning.
Building certificates is not done here.
"""

import warnings
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenless.protocol.certificates import der as asn1
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.checksums import md5_of, sha1_of
from tokenless.protocol.errors import DecodeError

MAX_CERTIFICATE_LENGTH: Final = 0xFFFF
UNREADABLE: Final = (
    ValueError,
    OverflowError,
    x509.InvalidVersion,
    UnsupportedAlgorithm,
)
"""Errors of `cryptography` for bytes that it cannot read: not all are ValueError."""
_MAX_CACHED_LENGTH: Final = 4096
_EXPLICIT_VERSION: Final = 0xA0

# The names that `show cert` prints; others appear as dotted numbers.
_SIGNATURE_ALGORITHMS: Final = {
    "1.2.840.113549.1.1.4": "MD5withRSA",
    "1.2.840.113549.1.1.5": "SHA1withRSA",
    "1.2.840.113549.1.1.11": "SHA256withRSA",
    "1.2.840.113549.1.1.12": "SHA384withRSA",
    "1.2.840.113549.1.1.13": "SHA512withRSA",
    "1.2.840.10045.4.1": "SHA1withECDSA",
    "1.2.840.10045.4.3.2": "SHA256withECDSA",
    "1.2.840.10045.4.3.3": "SHA384withECDSA",
    "1.2.840.10045.4.3.4": "SHA512withECDSA",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and the pieces of it that the trust plane compares.

    Two are equal when their bytes are.
    """

    der: bytes
    subject: DistinguishedName = field(compare=False)
    issuer: DistinguishedName = field(compare=False)
    serial_number: bytes = field(compare=False)
    """Big-endian, without the sign byte, as element 6 of a record."""
    public_key: RSAPublicKey | EllipticCurvePublicKey = field(compare=False)
    public_key_bytes: bytes = field(compare=False)
    """The key in the form of element 7 of a record: PKCS#1 RSAPublicKey DER, or an
    X9.62 point."""
    subject_text: str = field(compare=False)
    """The subject in CUCM's form."""
    issuer_text: str = field(compare=False)
    """The issuer in CUCM's form."""
    signature_value: bytes = field(compare=False)
    signature_algorithm: str = field(compare=False)
    """The algorithm in the words of `show cert`: `SHA1withRSA`."""
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)

    @classmethod
    def decode(cls, der: bytes) -> "Certificate":
        """Decode a certificate from DER.

        Raises:
            DecodeError: When it is not a certificate, its key is neither RSA nor EC, or
                bytes follow it.
        """
        der = bytes(der)
        if len(der) > _MAX_CACHED_LENGTH:
            return _decode(der)
        return _decode_cached(der)

    @property
    def serial_hex(self) -> str:
        """The serial number as upper-case hex."""
        return self.serial_number.hex().upper()

    @property
    def sha1(self) -> str:
        """The SHA-1 of the bytes, lower-case hex."""
        return sha1_of(self.der)

    @property
    def md5(self) -> str:
        """The MD5 of the bytes, lower-case hex."""
        return md5_of(self.der)

    @property
    def is_self_signed(self) -> bool:
        """Tell whether it names itself as its issuer; the signature is not checked."""
        return self.subject == self.issuer

    @property
    def key_bits(self) -> int:
        """The size of the public key in bits."""
        return self.public_key.key_size

    @property
    def key_info(self) -> bytes:
        """The public key as SubjectPublicKeyInfo, DER."""
        return self.public_key.public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def tbs_certificate(self) -> bytes:
        """The bytes that the issuer signed."""
        outer = asn1.whole(self.der, asn1.SEQUENCE, "a certificate")
        tbs = asn1.read_span(self.der, outer.contents, outer.end)
        return self.der[tbs.start : tbs.end]


def _decode(der: bytes) -> Certificate:
    if len(der) > MAX_CERTIFICATE_LENGTH:
        raise DecodeError("a certificate has over 65,535 bytes", offset=0)
    pieces = _cut(der)
    parsed = _parse(der, positive=pieces.positive)
    begins, ends = _validity(parsed)
    subject = _name(der, pieces.subject)
    is_own_issuer = pieces.issuer == pieces.subject
    issuer = subject if is_own_issuer else _name(der, pieces.issuer)
    subject_text = subject.render()
    return Certificate(
        der=der,
        subject=subject,
        issuer=issuer,
        serial_number=pieces.serial_number,
        public_key=_public_key(parsed),
        public_key_bytes=pieces.public_key_bytes,
        subject_text=subject_text,
        issuer_text=subject_text if is_own_issuer else issuer.render(),
        signature_value=parsed.signature,
        signature_algorithm=_algorithm_name(parsed),
        not_before=begins,
        not_after=ends,
    )


@lru_cache(maxsize=1024)
def _decode_cached(der: bytes) -> Certificate:
    # A phone, a node and a TVS meet the same few certificates again and again.
    return _decode(der)


class _Pieces(NamedTuple):
    serial_number: bytes
    positive: bool
    issuer: bytes
    subject: bytes
    public_key_bytes: bytes


def _cut(der: bytes) -> _Pieces:
    """Cut TBSCertificate (RFC 5280, 4.1) at the pieces that are copied as bytes.

    tbs: [version] serialNumber signature issuer validity subject keyInfo …
    """
    outer = asn1.whole(der, asn1.SEQUENCE, "a certificate")
    tbs = asn1.expect_span(
        der, outer.contents, outer.end, asn1.SEQUENCE, "a certificate's body"
    )
    at = asn1.read_span(der, tbs.contents, tbs.end)
    if at.tag == _EXPLICIT_VERSION:
        at = asn1.read_span(der, at.end, tbs.end)
    if at.tag != asn1.INTEGER or at.contents == at.end:
        raise DecodeError("a certificate has no serial number", offset=at.start)
    serial = der[at.contents : at.end]
    algorithm = asn1.read_span(der, at.end, tbs.end)
    issuer = asn1.read_span(der, algorithm.end, tbs.end)
    validity = asn1.read_span(der, issuer.end, tbs.end)
    subject = asn1.read_span(der, validity.end, tbs.end)
    key_info = asn1.read_span(der, subject.end, tbs.end)
    return _Pieces(
        _without_sign_byte(serial),
        0 < serial[0] < 0x80 or (serial[0] == 0 and len(serial) > 1),  # noqa: PLR2004
        der[issuer.start : issuer.end],
        der[subject.start : subject.end],
        _key_bytes(der, key_info),
    )


def _name(der: bytes, name: bytes) -> DistinguishedName:
    try:
        return DistinguishedName.from_der(name)
    except DecodeError as error:
        raise error.moved(der.index(name)) from error


def _without_sign_byte(serial: bytes) -> bytes:
    return serial[1:] if len(serial) > 1 and serial[0] == 0 else serial


def _key_bytes(der: bytes, key_info: asn1.Span) -> bytes:
    """Cut the BIT STRING out of SubjectPublicKeyInfo, without its unused-bits byte."""
    algorithm = asn1.read_span(der, key_info.contents, key_info.end)
    bits = asn1.expect_span(
        der, algorithm.end, key_info.end, asn1.BIT_STRING, "a public key"
    )
    return der[bits.contents + 1 : bits.end]


def _parse(der: bytes, *, positive: bool) -> x509.Certificate:
    try:
        if positive:
            return x509.load_der_x509_certificate(der)
        # RFC 5280 forbids such serial numbers, old certificates have them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return x509.load_der_x509_certificate(der)
    except (*UNREADABLE, Warning) as error:
        raise DecodeError(f"no X.509 certificate ({error})", offset=0) from error


def _validity(parsed: x509.Certificate) -> tuple[datetime, datetime]:
    """Read both dates: the parser takes year 0, which no datetime can hold."""
    try:
        return parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except UNREADABLE as error:
        raise DecodeError(
            f"a certificate's validity cannot be read ({error})", offset=0
        ) from error


def _public_key(parsed: x509.Certificate) -> RSAPublicKey | EllipticCurvePublicKey:
    try:
        key = parsed.public_key()
    except UNREADABLE as error:
        raise DecodeError(
            f"a certificate's public key is unusable ({error})", offset=0
        ) from error
    if isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        return key
    raise DecodeError("a certificate's public key is neither RSA nor EC", offset=0)


def _algorithm_name(parsed: x509.Certificate) -> str:
    number = parsed.signature_algorithm_oid.dotted_string
    return _SIGNATURE_ALGORITHMS.get(number, number)
