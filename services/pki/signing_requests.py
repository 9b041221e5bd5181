"""Certificate signing requests (PKCS#10) of nodes.

A request asks for the usages of its unit (REFERENCE-2 2.1); a CA says what it grants,
and `identity_checks` whether that is taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tokenless.protocol.certificates.certificate import UNREADABLE
from tokenless.protocol.certificates.minting import PrivateKey
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import quiet
from tokenless.services.pki.usages import usages_of

MAX_REQUEST_BYTES: Final = 64 * 1024
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
USAGE_BITS: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
"""Of a key usage, but those of key agreement only."""


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
        hint = "give what `cert request` or `show csr own` printed, PEM or DER"
        if len(data) > MAX_REQUEST_BYTES:
            raise ServiceError("the signing request is too long", hint=hint)
        is_pem = b"-----BEGIN" in data
        load = x509.load_pem_x509_csr if is_pem else x509.load_der_x509_csr
        try:
            with quiet():
                parsed = load(data)
                holds = parsed.is_signature_valid
        except UNREADABLE:
            raise ServiceError("not a signing request", hint=hint) from None
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
        return common_name_of(self.parsed.subject)

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
    chosen = {bit: bit in bits for bit in USAGE_BITS}
    return x509.KeyUsage(**chosen, encipher_only=False, decipher_only=False)


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


def common_name_of(name: x509.Name) -> str:
    """Return the last CN of a name; empty when it has none."""
    attributes = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attributes[-1].value) if attributes else ""


def _general_name(text: str) -> x509.GeneralName:
    if "%" in text:  # an interface of one machine is no part of a server's name
        raise ValueError(repr(text[:64]))
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        name = text.encode("idna").decode()
    if not _DNS_NAME.fullmatch(name):
        raise ValueError(repr(text[:64]))
    return x509.DNSName(name)
