"""Certificate signing requests (PKCS#10) of nodes, and checks of the certificates.

A request asks for the usages of its unit (REFERENCE-2 2.1); a CA says what it grants.
An identity certificate is taken only when it is the answer to the request that is
waiting: refusals as the vendor names them (REFERENCE-5 5.1).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.certificates.minting import PrivateKey
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import UNREADABLE_EXTENSIONS, quiet
from tokenless.services.pki.usages import Usages, usages_of

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_KEY_BITS: Final = 4096
_DNS_NAME: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,250}")
"""Names that CAs and browsers accept; a wildcard is refused when the certificate comes
back."""
_ATTRIBUTES: Final = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
}
_BITS: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


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


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request, read."""

    der: bytes
    parsed: x509.CertificateSigningRequest

    @classmethod
    def read(cls, data: bytes) -> "SigningRequest":
        """Read a request in PEM or DER and check its own signature.

        Raises:
            ServiceError: When it is none, is too long, or its signature does not hold.
        """
        hint = "give the text of `show csr own`"
        if len(data) > MAX_REQUEST_BYTES:
            raise ServiceError("the signing request is too long", hint=hint)
        is_pem = b"-----BEGIN" in data
        load = x509.load_pem_x509_csr if is_pem else x509.load_der_x509_csr
        try:
            with quiet():
                parsed = load(data)
                holds = parsed.is_signature_valid
        except UNREADABLE as error:
            raise ServiceError(f"not a signing request: {error}", hint=hint) from None
        if not holds:
            raise ServiceError("the signing request's signature is wrong", hint=hint)
        return cls(parsed.public_bytes(Encoding.DER), parsed)

    @property
    def pem(self) -> bytes:
        """The text that is given to a CA."""
        return self.parsed.public_bytes(Encoding.PEM)

    @property
    def common_name(self) -> str:
        """The CN that it asks for."""
        return _common_name(self.parsed.subject)

    @property
    def names(self) -> frozenset[str]:
        """The alternative names that it asks for, in lower case."""
        return alternative_names(self.parsed.extensions)


def build_request(
    store: TrustStore,
    subject: DistinguishedName,
    key: PrivateKey,
    names: Sequence[str],
    release: Release,
) -> SigningRequest:
    """Make a request for a unit, signed with SHA-256.

    Raises:
        ServiceError: When a name cannot be written.
    """
    usages = usages_of(store, release)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_x509_name(subject))
    builder = builder.add_extension(key_usage(usages.bits), critical=True)
    purposes = x509.ExtendedKeyUsage(usages.purposes)
    builder = builder.add_extension(purposes, critical=False)
    try:
        general = [_general_name(name) for name in dict.fromkeys(names)]
    except ValueError as error:
        raise ServiceError(
            f"not a name for a certificate: {error}", hint="give a DNS name or address"
        ) from None
    builder = builder.add_extension(
        x509.SubjectAlternativeName(general), critical=False
    )
    request = builder.sign(key, hashes.SHA256())
    return SigningRequest(request.public_bytes(Encoding.DER), request)


def _x509_name(subject: DistinguishedName) -> x509.Name:
    """Return a subject, within the lengths of X.520.

    Raises:
        ServiceError: When an attribute is too long, or cannot be printed.
    """
    if not all(value.isprintable() for _, value in subject.attributes):
        raise ServiceError(
            "the subject has a character that cannot be printed",
            hint="use letters, digits, spaces and punctuation",
        )
    try:
        return x509.Name(
            x509.NameAttribute(_ATTRIBUTES[kind], value)
            for kind, value in subject.attributes
            if value
        )
    except ValueError as error:
        raise ServiceError(
            f"the subject cannot be written: {error}",
            hint="a common name has up to 64 characters",
        ) from None


def key_usage(bits: frozenset[str]) -> x509.KeyUsage:
    """Return a key usage of these bits."""
    chosen = {bit: bit in bits for bit in _BITS}
    return x509.KeyUsage(**chosen, encipher_only=False, decipher_only=False)


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
    _check_names(request, _common_name(parsed.subject), names)
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
        return frozenset(_BITS)  # RFC 5280, 4.2.1.3: without it the key may do anything
    return frozenset(bit for bit in _BITS if getattr(usage, bit))


def _purposes(extensions: x509.Extensions) -> frozenset[x509.ObjectIdentifier]:
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(usages)


def _purpose_name(purpose: x509.ObjectIdentifier) -> str:
    return str(purpose._name)  # noqa: SLF001 - the library's only word for it


def alternative_names(extensions: x509.Extensions) -> frozenset[str]:
    """Return DNS names and addresses of a request or a certificate, in lower case.

    Raises:
        ValueError, x509.DuplicateExtension: When they cannot be read.
    """
    try:
        extension = extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return frozenset()
    names = [str(each).lower() for each in extension.get_values_for_type(x509.DNSName)]
    addresses = extension.get_values_for_type(x509.IPAddress)
    return frozenset([*names, *(str(each) for each in addresses)])


def _common_name(name: x509.Name) -> str:
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[-1].value) if attributes else ""


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        name = text.encode("idna").decode()
    if not _DNS_NAME.fullmatch(name):
        raise ValueError(repr(text[:64]))
    return x509.DNSName(name)
