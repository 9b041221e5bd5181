"""Records of installed lists, as trust decisions read them."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import (
    DNSName,
    DuplicateExtension,
    ExtensionNotFound,
    SubjectAlternativeName,
    load_der_x509_certificate,
)

from tokenless.protocol.certificates.certificate import UNREADABLE
from tokenless.protocol.certificates.signature import PublicKey
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.verdicts import TFTP_ROLES


def records_of(held: TrustList | None) -> Iterator[Record]:
    """Return the records of a list that may not be there."""
    return iter(() if held is None else held.records)


def certificates_of(held: TrustList | None, role: int) -> tuple[bytes, ...]:
    """Return the DER of all certificates with one role."""
    return tuple(
        record.certificate_der
        for record in records_of(held)
        if record.role == role and record.certificate_der
    )


def has_tftp(held: TrustList | None) -> bool:
    """Tell whether a list names a TFTP server with its key; emptied records do not."""
    return any(
        record.role in TFTP_ROLES and record.public_key for record in records_of(held)
    )


def serves_several_hosts(record: Record) -> bool:
    """Return whether a record holds a multi-server certificate, for several hosts.

    The host itself, its short name and its domain are one host.
    """
    der = record.certificate_der
    return der is not None and _hosts(der) > 1


@lru_cache(maxsize=256)
def _hosts(der: bytes) -> int:
    """Count the hosts that a certificate's alternative names say."""
    try:
        found = load_der_x509_certificate(der).extensions.get_extension_for_class(
            SubjectAlternativeName
        )
        names = [name.casefold() for name in found.value.get_values_for_type(DNSName)]
    except (*UNREADABLE, ExtensionNotFound, DuplicateExtension):
        return 0
    domains = {name.partition(".")[2] for name in names}
    return len({n.partition(".")[0] for n in names if n not in domains})


def public_key_of(record: Record) -> PublicKey | None:
    """Return the key of a record's PUBLICKEY element, None when there is no usable one.

    Where the record holds a certificate, both have the same key: others are not
    decoded. The element is PKCS#1 for RSA and an X9.62 point for EC (REFERENCE 1.3).
    """
    certificate = record.certificate
    if certificate is not None:
        return certificate.public_key
    return _load_public_key(record.public_key) if record.public_key else None


def distinct_keys(candidates: Iterable[Record]) -> Iterator[tuple[Record, PublicKey]]:
    """Yield each key once with its record, and at most `_MOST_KEYS` of them.

    A list of 2 MB holds thousands of records of one name, issuer and serial number,
    each with a key that takes as long to try as an attacker likes; real ones have two,
    before and after a regeneration.
    """
    seen: set[bytes | None] = set()
    for record in candidates:
        identity = record.certificate_der or record.public_key
        if identity in seen or (key := public_key_of(record)) is None:
            continue
        seen.add(identity)
        yield record, key
        if len(seen) >= _MOST_KEYS:
            return


_MOST_KEYS: Final = 8
_CURVES: Final = {65: ec.SECP256R1(), 97: ec.SECP384R1(), 133: ec.SECP521R1()}
"""By the length of an uncompressed point."""
_UNCOMPRESSED: Final = 0x04
"""The first byte of such a point (X9.62)."""


@lru_cache(maxsize=1024)
def _load_public_key(encoded: bytes) -> PublicKey | None:
    try:
        if encoded[0] == _UNCOMPRESSED:
            curve = _CURVES[len(encoded)]
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, encoded)
        key = load_der_public_key(encoded)
    except (KeyError, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None
