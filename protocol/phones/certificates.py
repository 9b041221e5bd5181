"""Certificates of phones: content and issuers of MICs and LSCs.

    manufacturer, SHA-1    Cisco Root CA 2048   > Cisco Manufacturing CA       > MIC
    manufacturer, SHA-2    Cisco Root CA M2     > Cisco Manufacturing CA SHA2  > MIC
    cluster                CAPF                                                > LSC

The names of the authorities are those of the stores of real clusters (REFERENCE-5 1.4);
the authorities themselves are this project's own. What a MIC holds is inferred from the
certificates of security tokens, which the same authority issues; an LSC is as the free
CAPF server writes it (REFERENCE-3 3.5).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, unique
from functools import lru_cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import (
    CertificateDigest,
    Issuer,
    PrivateKey,
    Profile,
    Validity,
    key_identifier,
    mint,
)
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.certificates.signature import PublicKey
from tokenless.protocol.phones.models import device_in
from tokenless.protocol.release import Release

_Attribute: TypeAlias = "x509.NameAttribute[str | bytes]"
"""In quotes: in older versions of cryptography an attribute has no type parameter."""
_IPSEC_END_SYSTEM: Final = "1.3.6.1.5.5.7.3.5"
_MANUFACTURER: Final = "Cisco Systems"
MIC_SERIAL_BYTES: Final = 10

AUTHORITY: Final = Profile(
    frozenset({"key_cert_sign", "crl_sign"}),
    (),
    usage_is_critical=True,
    is_authority=True,
)
_MIC: Final = Profile(
    frozenset({"digital_signature", "key_encipherment"}),
    ("server_auth", "client_auth", _IPSEC_END_SYSTEM),
    usage_is_critical=True,
    names_issuer_key=True,
)
_LSC: Final = Profile(
    frozenset({"digital_signature", "key_encipherment"}),
    ("server_auth", "client_auth", _IPSEC_END_SYSTEM),
    usage_is_critical=True,
    denies_authority=True,
)


@dataclass(frozen=True, slots=True)
class _Generation:
    root: str
    authority: str
    digest: CertificateDigest
    begins: datetime
    ends: datetime


@unique
class MicGeneration(StrEnum):
    """A generation of the manufacturer's authorities."""

    SHA1 = "sha1"
    """Until about 2015; its authorities end in May 2029."""
    SHA2 = "sha2"

    @property
    def root_name(self) -> DistinguishedName:
        """The name of the root."""
        return _authority_name(_GENERATIONS[self].root)

    @property
    def authority_name(self) -> DistinguishedName:
        """The name of the authority that issues MICs."""
        return _authority_name(_GENERATIONS[self].authority)

    @property
    def digest(self) -> CertificateDigest:
        """Hash algorithm of its certificates' signatures."""
        return _GENERATIONS[self].digest

    @property
    def validity(self) -> Validity:
        """Validity of its authorities (observed for the real ones)."""
        generation = _GENERATIONS[self]
        return Validity(generation.begins, generation.ends - generation.begins)


_GENERATIONS: Final = {
    MicGeneration.SHA1: _Generation(
        "Cisco Root CA 2048",
        "Cisco Manufacturing CA",
        "sha1",
        datetime(2004, 5, 14, 20, 17, 12, tzinfo=UTC),
        datetime(2029, 5, 14, 20, 25, 42, tzinfo=UTC),
    ),
    MicGeneration.SHA2: _Generation(
        "Cisco Root CA M2",
        "Cisco Manufacturing CA SHA2",
        "sha256",
        datetime(2012, 11, 12, 13, 50, 58, tzinfo=UTC),
        datetime(2037, 11, 12, 13, 0, 17, tzinfo=UTC),
    ),
}


def mint_mic(
    device: str,
    model: str,
    public_key: PublicKey,
    issuer: Issuer,
    generation: MicGeneration,
    *,
    serial: bytes,
    made_at: datetime,
) -> Certificate:
    """Issue the certificate that a phone leaves the factory with.

    Args:
        device: `SEP001122334455`; the common name is `CP-<model>-` and this.
        model: `7975`.
        public_key: The phone's.
        issuer: The authority of the generation.
        generation: Decides digest and end: a MIC ends with its authority.
        serial: Random, `MIC_SERIAL_BYTES` long in the field's style.
        made_at: When the phone was made.
    """
    ends = generation.validity.begins + generation.validity.lasts
    begins = max(min(made_at, ends), generation.validity.begins)
    subject = DistinguishedName(
        (
            ("O", "Cisco Systems Inc."),
            ("OU", "EVVBU"),
            ("CN", mic_common_name(device, model)),
        )
    )
    return mint(
        subject,
        public_key,
        issuer,
        _MIC,
        Validity(begins.replace(microsecond=0), ends - begins.replace(microsecond=0)),
        serial=serial,
        digest=generation.digest,
    )


def mic_common_name(device: str, model: str) -> str:
    """Return the common name of a MIC, which ends in the device's name."""
    return f"CP-{model}-{device}"


def device_of(certificate: Certificate) -> str | None:
    """Return the device that a phone's certificate is for, None when it has no name."""
    common = certificate.subject.get("CN")
    return None if common is None else device_in(common)


def mint_lsc(
    device: str,
    public_key: PublicKey,
    capf: Certificate,
    issuer: Issuer,
    *,
    serial: bytes,
    validity: Validity,
    release: Release,
) -> Certificate:
    """Issue a locally significant certificate.

    Args:
        device: The phone's name: common name and URI.
        public_key: The phone's.
        capf: The certificate of CAPF, whose other attributes the subject takes over.
        issuer: CAPF's name and key.
        serial: 16 random bytes.
        validity: When it is valid.
        release: Decides the digest: SHA-256 from 11.5(1)SU1.
    """
    if release.signs_lscs_with_sha256:
        return _sha256_lsc(
            device, public_key, capf, issuer.key, serial=serial, validity=validity
        )
    taken = [pair for pair in capf.subject.attributes if pair[0] in _TAKEN]
    return mint(
        DistinguishedName((("CN", device), *taken)),
        public_key,
        issuer,
        _LSC,
        validity,
        serial=serial,
        digest="sha1",
        uris=(device,),
    )


def _sha256_lsc(
    device: str,
    public_key: PublicKey,
    capf: Certificate,
    key: PrivateKey,
    *,
    serial: bytes,
    validity: Validity,
) -> Certificate:
    """Issue the LSC that `mint` would issue, with a tenth of its processor time.

    CAPF issues hundreds a second when a site enrols; `cryptography` builds in Rust, but
    signs no certificate with SHA-1.
    """
    issuer, taken = _names_of(capf)
    builder = x509.CertificateBuilder(
        issuer,
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device), *taken]),
        public_key,
        int.from_bytes(serial),
        validity.begins,
        validity.begins + validity.lasts,
        [*_LSC_EXTENSIONS],
    )
    identifier = x509.SubjectKeyIdentifier(key_identifier(public_key))
    uri = x509.UniformResourceIdentifier(device)
    builder = builder.add_extension(identifier, critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    made = builder.sign(key, hashes.SHA256())
    return Certificate.decode(made.public_bytes(Encoding.DER))


@lru_cache(maxsize=8)
def _names_of(capf: Certificate) -> tuple[x509.Name, tuple[_Attribute, ...]]:
    """Return CAPF's name, and the attributes that its LSCs take over."""
    name = x509.load_der_x509_certificate(capf.der).subject
    return name, tuple(each for each in name if each.oid in _TAKEN_OIDS)


def _extension(
    value: x509.ExtensionType, *, critical: bool
) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)


_LSC_EXTENSIONS: Final = (
    _extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
    _extension(
        x509.ExtendedKeyUsage(
            [
                ExtendedKeyUsageOID.SERVER_AUTH,
                ExtendedKeyUsageOID.CLIENT_AUTH,
                x509.ObjectIdentifier(_IPSEC_END_SYSTEM),
            ]
        ),
        critical=False,
    ),
    _extension(
        x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=True,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    ),
)
"""`_LSC` for `cryptography`, in the order in which `mint` writes them."""
_TAKEN: Final = frozenset({"O", "OU", "L", "ST", "C"})
_TAKEN_OIDS: Final = frozenset(
    {
        NameOID.ORGANIZATION_NAME,
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        NameOID.LOCALITY_NAME,
        NameOID.STATE_OR_PROVINCE_NAME,
        NameOID.COUNTRY_NAME,
    }
)


def _authority_name(common: str) -> DistinguishedName:
    return DistinguishedName((("O", _MANUFACTURER), ("CN", common)))
