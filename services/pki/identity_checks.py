"""Checks of a node's own certificate: whether it is the answer to the request.

An identity certificate is taken only when it is: refusals as the vendor names them
(REFERENCE-5 5.1).
"""

from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release
from tokenless.services.errors import ServiceError
from tokenless.services.pki.signing_requests import (
    USAGE_BITS,
    SigningRequest,
    alternative_names,
    common_name_of,
)
from tokenless.services.pki.uploads import UNREADABLE_EXTENSIONS, quiet
from tokenless.services.pki.usages import Usages, usages_of

MAX_KEY_BITS: Final = 4096


@unique
class IdentityFault(StrEnum):
    """Reasons to refuse a certificate as a node's own."""

    NO_REQUEST = "no-csr"
    NOT_TRUSTED = "ca-not-in-trust-store"
    KEY = "public-key"
    KEY_SIZE = "key-size"
    NAMES = "san"
    COMMON_NAME = "common-name"
    WILDCARD = "wildcard"
    KEY_USAGE = "key-usage"
    PURPOSES = "extended-key-usage"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    UNREADABLE = "unreadable"


_AS_IT_IS: Final = "let the CA sign the request as it is"
_AGAIN: Final = "let the CA sign the request again"
_REFUSALS: Final = {
    IdentityFault.NO_REQUEST: (
        "File {} does not exist",
        "make the request first with `set csr gen`",
    ),
    IdentityFault.NOT_TRUSTED: (
        "CA certificate is not available in the trust-store: {}",
        "upload the root first, then each intermediate, to the unit's -trust",
    ),
    IdentityFault.KEY: (
        "CSR public key and certificate public key do not match",
        "the certificate answers another request: sign the newest one",
    ),
    IdentityFault.KEY_SIZE: ("the certificate's key has {}", _AS_IT_IS),
    IdentityFault.NAMES: (
        "CSR Subject Alternate Name (SAN) and certificate SAN does not match: {}",
        _AS_IT_IS,
    ),
    IdentityFault.COMMON_NAME: (
        "CSR and certificate common names do not match: {}",
        _AS_IT_IS,
    ),
    IdentityFault.WILDCARD: (
        "wildcard certificates are not supported: {}",
        _AS_IT_IS,
    ),
    IdentityFault.KEY_USAGE: ("the CA omitted key usages of the CSR: {}", _AS_IT_IS),
    IdentityFault.PURPOSES: (
        "the CA omitted extended key usages of the CSR: {}",
        _AS_IT_IS,
    ),
    IdentityFault.EXPIRED: ("the certificate expired on {}", _AGAIN),
    IdentityFault.NOT_YET_VALID: ("the certificate is not valid before {}", _AGAIN),
    IdentityFault.UNREADABLE: (
        "the certificate's extensions cannot be read: {}",
        _AS_IT_IS,
    ),
}
"""Texts and remedies; braces stand for a detail."""


class IdentityRefusedError(ServiceError):
    """A certificate that is not the answer to a unit's request.

    Attributes:
        fault: Why, for programs.
    """

    def __init__(self, fault: IdentityFault, detail: str = "") -> None:
        text, hint = _REFUSALS[fault]
        super().__init__(text.format(detail), hint=hint)
        self.fault = fault


def check_answer(
    request: SigningRequest,
    certificate: Certificate,
    store: TrustStore,
    now: datetime,
    *,
    release: Release,
    wants_client_auth: bool,
) -> str | None:
    """Check that a certificate is the answer to a request; return a warning, if any.

    A CA may leave out the OU and other attributes beside the CN (REFERENCE-2 2.1).

    Args:
        request: What was asked for.
        certificate: What the CA made of it.
        store: The unit.
        now: The time.
        release: The cluster's, whose usages are asked for.
        wants_client_auth: Whether a certificate without clientAuth is refused; public
            CAs leave it out from 2026 on (REFERENCE-2 2.5).

    Raises:
        IdentityRefusedError: When it is not.
    """
    if certificate.public_key != request.parsed.public_key():
        raise IdentityRefusedError(IdentityFault.KEY)
    if (bits := certificate.key_bits) > MAX_KEY_BITS:
        detail = f"{bits} bits, over {MAX_KEY_BITS}"
        raise IdentityRefusedError(IdentityFault.KEY_SIZE, detail)
    _check_dates(certificate, now)
    with quiet():
        parsed = x509.load_der_x509_certificate(certificate.der)
        try:
            names = alternative_names(extensions := parsed.extensions)
        except UNREADABLE_EXTENSIONS as error:
            raise IdentityRefusedError(IdentityFault.UNREADABLE, str(error)) from None
    _check_names(request, common_name_of(parsed.subject), names)
    usages = usages_of(store, release)
    return _check_usages(extensions, usages, wants_client_auth=wants_client_auth)


def _check_dates(certificate: Certificate, now: datetime) -> None:
    if certificate.not_after < now:
        raise IdentityRefusedError(
            IdentityFault.EXPIRED, f"{certificate.not_after:%Y-%m-%d}"
        )
    if certificate.not_before > now:
        raise IdentityRefusedError(
            IdentityFault.NOT_YET_VALID, f"{certificate.not_before:%Y-%m-%d %H:%M}"
        )


def _check_names(request: SigningRequest, common: str, names: frozenset[str]) -> None:
    for name in (common, *sorted(names)):
        if name.startswith("*."):
            raise IdentityRefusedError(IdentityFault.WILDCARD, name)
    if common.lower() != request.common_name.lower():
        raise IdentityRefusedError(
            IdentityFault.COMMON_NAME,
            (f"requested: {request.common_name}, issued: {common}"),
        )
    if names != request.names:
        missing, added = request.names - names, names - request.names
        words = [
            *(f"{name} is missing" for name in sorted(missing)),
            *(f"{name} was not requested" for name in sorted(added)),
        ]
        raise IdentityRefusedError(IdentityFault.NAMES, ", ".join(words))


def _check_usages(
    extensions: x509.Extensions, usages: Usages, *, wants_client_auth: bool
) -> str | None:
    granted = _granted(extensions)
    missing = sorted(bit for bit in usages.bits if bit not in granted)
    if missing:
        raise IdentityRefusedError(IdentityFault.KEY_USAGE, ", ".join(missing))
    purposes = _purposes(extensions)
    absent = [each for each in usages.purposes if each not in purposes]
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    if absent == [client] and not wants_client_auth:
        return (
            "the CA omitted clientAuth: connections that this node opens with "
            "the certificate (SIP trunks, CTI, IM and Presence) may be refused"
        )
    if absent:
        words = ", ".join(_purpose_name(each) for each in absent)
        raise IdentityRefusedError(IdentityFault.PURPOSES, words)
    return None


def _granted(extensions: x509.Extensions) -> frozenset[str]:
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset(
            USAGE_BITS
        )  # RFC 5280, 4.2.1.3: without it the key may do anything
    return frozenset(bit for bit in USAGE_BITS if getattr(usage, bit))


def _purposes(extensions: x509.Extensions) -> frozenset[x509.ObjectIdentifier]:
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(usages)


def _purpose_name(purpose: x509.ObjectIdentifier) -> str:
    return str(purpose._name)  # noqa: SLF001 - the library's only word for it
