"""Read what administrators upload: certificates as PEM, DER or PKCS#7.

What is not a certificate, or does not belong into the store, is refused with its
reason; nothing of a file is taken when a part of it is refused.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from tokenless.protocol.certificates import pem
from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.services.errors import ServiceError

MAX_UPLOAD_BYTES: Final = 256 * 1024
MAX_CHAIN: Final = 32

_PRIVATE_KEY: Final = b"PRIVATE KEY-----"
"""Ends the first line and the last of every PEM of a key; one may be damaged."""
_PEM_HEAD: Final = b"-----BEGIN "
_PKCS7_HEAD: Final = (b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")
_CSR_HEAD: Final = b"-----BEGIN CERTIFICATE REQUEST-----"
_PKCS12_MARK: Final = bytes.fromhex("020103")
"""PFX begins with SEQUENCE { INTEGER 3 … (RFC 7292, 4)."""

UNREADABLE_EXTENSIONS: Final = (
    ValueError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""Errors of `cryptography` for a certificate's extensions; others are unexpected."""

# A signer of phones' files is looked up by itself: an authority there vouches for
# nothing that it issued, and an administrator who uploads one expects the opposite.
_LEAVES_ONLY: Final = frozenset(
    {TrustStore.PHONE_SAST_TRUST, TrustStore.PHONE_CTL_TRUST}
)


def load_upload(path: Path) -> bytes:
    """Load a file that is named for an upload, if it is too long not to its end.

    Raises:
        OSError: When it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_UPLOAD_BYTES + 1)


def read_upload(data: bytes, store: TrustStore) -> tuple[Certificate, ...]:
    """Return the certificates of an uploaded file, in its order.

    Raises:
        ServiceError: When it holds none, holds one twice, holds a private key, or one
            that does not belong into the store.
    """
    certificates = read_certificates(data)
    if len({each.der for each in certificates}) < len(certificates):
        raise ServiceError(
            "the file holds a certificate twice", hint="keep each certificate once"
        )
    if store in _LEAVES_ONLY:
        for certificate in certificates:
            _check_leaf(certificate, store)
    return certificates


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Return all certificates of a file.

    Raises:
        ServiceError: When it is empty, too large, no certificate, or a key.
    """
    if not data.strip():
        raise ServiceError("the file is empty", hint="upload a certificate")
    if len(data) > MAX_UPLOAD_BYTES:
        raise ServiceError(f"over {MAX_UPLOAD_BYTES} bytes", hint="upload a chain")
    _refuse_other_kinds(data)
    ders = _read_pem(data) if _PEM_HEAD in data else _read_der(data)
    if len(ders) > MAX_CHAIN:
        raise ServiceError(f"over {MAX_CHAIN} certificates", hint="upload fewer")
    try:
        return tuple(map(Certificate.decode, ders))
    except DecodeError as error:
        raise _not_one(str(error)) from None


def _refuse_other_kinds(data: bytes) -> None:
    """Refuse files that are often uploaded by mistake. A key must never get further."""
    if _PRIVATE_KEY in data or _is_der_key(data):
        raise ServiceError(
            "this is a private key, not a certificate; it was not stored",
            hint="upload the certificate, and keep the key where it is",
        )
    if _CSR_HEAD in data:
        raise _not_one("it is a signing request")
    if data[:1] == b"\x30" and _PKCS12_MARK in data[2:9]:
        raise ServiceError(
            "this is a PKCS#12 file, which holds a private key; it was not stored",
            hint="export the certificate alone",
        )


def _is_der_key(data: bytes) -> bool:
    """Tell whether it is PKCS#1, SEC 1 or PKCS#8 in DER.

    They begin with SEQUENCE { INTEGER 0 or 1; a certificate with SEQUENCE { SEQUENCE,
    PKCS#7 with SEQUENCE { OBJECT IDENTIFIER.
    """
    if data[:1] != b"\x30" or len(data) < 8:  # noqa: PLR2004 - heads of two values
        return False
    inside = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[inside : inside + 3] in {b"\x02\x01\x00", b"\x02\x01\x01"}


def _read_pem(data: bytes) -> list[bytes]:
    if not any(head in data for head in _PKCS7_HEAD):
        try:
            return list(pem.read_certificates(data))
        except DecodeError as error:
            raise _not_one(str(error)) from None
    try:
        with quiet():
            certificates = pkcs7.load_pem_pkcs7_certificates(data)
        return [each.public_bytes(Encoding.DER) for each in certificates]
    except UNREADABLE as error:
        raise _not_one(str(error)) from None


def _read_der(data: bytes) -> list[bytes]:
    try:
        Certificate.decode(data)
    except DecodeError as error:
        try:
            with quiet():
                certificates = pkcs7.load_der_pkcs7_certificates(data)
        except UNREADABLE:
            raise _not_one(str(error)) from None
        return [each.public_bytes(Encoding.DER) for each in certificates]
    return [data]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's remarks on old encodings to ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_leaf(certificate: Certificate, store: TrustStore) -> None:
    """Refuse an authority."""
    if is_authority(certificate):
        raise ServiceError(
            f"{certificate.subject_text} is an authority; {store} needs the "
            "certificate of the signer itself",
            hint="upload the signer's certificate, or the authority to "
            f"{TrustStore.CALLMANAGER_TRUST}",
        )


def is_authority(certificate: Certificate) -> bool:
    """Return whether a certificate is a CA's.

    Only basicConstraints makes one: CUCM's own leaves have keyCertSign (REFERENCE
    1.11). Before 15SU3 they may say CA:TRUE, too (REFERENCE-2 3.2), but unlike a root
    they are self-signed for the purpose of a TLS server.

    Raises:
        ServiceError: When it says it twice.
    """
    try:
        with quiet():
            parsed = x509.load_der_x509_certificate(certificate.der)
        constraints = parsed.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.DuplicateExtension as error:
        raise _not_one(str(error)) from None
    except (x509.ExtensionNotFound, *UNREADABLE_EXTENSIONS):
        return False
    if certificate.is_self_signed and _is_for_servers(parsed):
        return False
    return constraints.value.ca


def _is_for_servers(parsed: x509.Certificate) -> bool:
    try:
        usage = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usage.value


def _not_one(reason: str) -> ServiceError:
    return ServiceError(
        f"no certificate could be read: {reason}",
        hint="upload PEM, DER or PKCS#7",
    )
