"""Write certificates as DER, to the byte (REFERENCE 1.11, 10.1).

`cryptography` signs no certificate with SHA-1, so the TBS part is built here and signed
raw. What a kind of certificate holds is said by a `Profile`; this file only writes it.
Clusters, their CAPF and the manufacturer of phones all write theirs with it.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Literal

from asn1crypto import algos, core, keys, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.certificates.signature import PublicKey
from tokenless.protocol.errors import BuildError

CertificateDigest = Literal["sha1", "sha256"]
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

SERIAL_BYTES: Final = 16
_LAST_UTC_TIME_YEAR: Final = 2049
"""RFC 5280, 4.1.2.5: later dates are GeneralizedTime."""

_LABEL: Final = r"\w(?:[\w-]*\w)?"
_DNS_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LONGEST_DNS_NAME: Final = 253

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what certificates of 2015 are signed with
    "sha256": hashes.SHA256(),
}
_ATTRIBUTES: Final = {
    "C": "country_name",
    "O": "organization_name",
    "OU": "organizational_unit_name",
    "CN": "common_name",
    "ST": "state_or_province_name",
    "L": "locality_name",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Extensions and other contents of a kind of certificate."""

    key_usage: frozenset[str]
    """The bits by their names in asn1crypto: `digital_signature`."""
    purposes: tuple[str, ...]
    """Extended key usages, by name or as dotted numbers."""
    usage_is_critical: bool = False
    names_issuer_key: bool = False
    """True if there is an authority key identifier."""
    crl_uri: str | None = None
    issuer_uri: str | None = None
    is_authority: bool = False
    path_length: int | None = None
    """The number of authorities that may follow below this one."""
    denies_authority: bool = False
    """True if it says CA:FALSE; otherwise a leaf has no basicConstraints."""
    purposes_last: bool = False
    """True if the extended key usage follows everything else."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signer of a certificate: its subject (self-signed), or an authority."""

    name: DistinguishedName
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class Validity:
    """From when and for how long."""

    begins: datetime
    lasts: timedelta

    @classmethod
    def days(cls, begins: datetime, days: int) -> "Validity":
        """Last whole days less one second, as the vendor's certificates do."""
        begins = begins.astimezone(UTC).replace(microsecond=0)
        return cls(begins, timedelta(days=days, seconds=-1))


def mint(
    subject: DistinguishedName,
    public_key: PublicKey,
    issuer: Issuer,
    profile: Profile,
    validity: Validity,
    *,
    serial: bytes,
    digest: CertificateDigest = "sha1",
    alternative_names: Sequence[str] = (),
    uris: Sequence[str] = (),
) -> Certificate:
    """Make a certificate.

    Args:
        subject: Its name, in the order in which the certificate has it.
        public_key: Its key.
        issuer: The issuer; the subject and its private key for a self-signed one.
        profile: Its kind.
        validity: When it is valid.
        serial: Big-endian: see `positive_serial`.
        digest: What is signed; EC keys always sign SHA-256.
        alternative_names: DNS names and IP addresses.
        uris: Further alternative names, as they are: CAPF writes the device's name.

    Raises:
        BuildError: When an alternative name is neither.
    """
    names = [*map(_general_name, alternative_names), *map(_uri, uris)]
    fields = {
        "version": "v3",
        "serial_number": int.from_bytes(serial),
        "signature": _algorithm(issuer.key, digest),
        "issuer": _name(issuer.name),
        "validity": _validity(validity),
        "subject": _name(subject),
        "subject_public_key_info": keys.PublicKeyInfo.load(_key_info(public_key)),
        "extensions": _extensions(profile, public_key, issuer, names),
    }
    return _signed(x509.TbsCertificate(fields), issuer.key, digest)


def positive_serial(random: bytes) -> bytes:
    """Return a serial number that needs no sign byte and has no leading zero.

    Args:
        random: As many random bytes as the serial number shall have.
    """
    return bytes([random[0] & 0x3F | 0x40]) + random[1:]


def _signed(
    tbs: x509.TbsCertificate, key: PrivateKey, digest: CertificateDigest
) -> Certificate:
    content = tbs.dump()
    whole = x509.Certificate(
        {
            # Encoded once: the library would encode every field of it again.
            "tbs_certificate": x509.TbsCertificate.load(content),
            "signature_algorithm": tbs["signature"],
            "signature_value": _sign(key, content, digest),
        }
    )
    return Certificate.decode(whole.dump())


def _sign(key: PrivateKey, data: bytes, digest: CertificateDigest) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, PKCS1v15(), _HASHES[digest])
    # RFC 6979: no signature depends on the quality of random numbers.
    return key.sign(data, ECDSA(hashes.SHA256(), deterministic_signing=True))


def _algorithm(
    key: PrivateKey, digest: CertificateDigest
) -> algos.SignedDigestAlgorithm:
    if isinstance(key, RSAPrivateKey):
        return algos.SignedDigestAlgorithm(
            {"algorithm": f"{digest}_rsa", "parameters": core.Null()}
        )
    return algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})


def _name(name: DistinguishedName) -> x509.Name:
    return x509.Name.load(_encoded_name(name))


@lru_cache(maxsize=256)  # all units of a node, and those of a CA, share a name
def _encoded_name(name: DistinguishedName) -> bytes:
    rdns = [_rdn(key, value) for key, value in name.attributes]
    encoded: bytes = x509.Name(name="", value=x509.RDNSequence(rdns)).dump()
    return encoded


def _rdn(key: str, value: str) -> x509.RelativeDistinguishedName:
    kind, text = (
        ("printable_string", core.PrintableString(value))
        if key == "C"
        else ("utf8_string", core.UTF8String(value))
    )
    pair = {
        "type": _ATTRIBUTES[key],
        "value": x509.DirectoryString(name=kind, value=text),
    }
    return x509.RelativeDistinguishedName([x509.NameTypeAndValue(pair)])


def _validity(validity: Validity) -> dict[str, x509.Time]:
    return {
        "not_before": _time(validity.begins),
        "not_after": _time(validity.begins + validity.lasts),
    }


def _time(when: datetime) -> x509.Time:
    form = "utc_time" if when.year <= _LAST_UTC_TIME_YEAR else "general_time"
    return x509.Time({form: when})


def _key_info(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_identifier(key: PublicKey) -> bytes:
    """Return the SHA-1 of a SubjectPublicKeyInfo, as the vendor identifies keys."""
    return hashlib.sha1(_key_info(key), usedforsecurity=False).digest()


def _extensions(
    profile: Profile,
    key: PublicKey,
    issuer: Issuer,
    alternative_names: Sequence[x509.GeneralName],
) -> list[x509.Extension]:
    usage = x509.KeyUsage(set(profile.key_usage))
    extensions = [_extension("key_usage", usage, critical=profile.usage_is_critical)]
    if profile.is_authority or profile.denies_authority:
        extensions.insert(0, _constraints(profile))
    identifier = core.OctetString(key_identifier(key))
    extensions.append(_extension("key_identifier", identifier))
    extensions += _about_issuer(profile, issuer.key.public_key())
    if profile.purposes:
        purposes = x509.ExtKeyUsageSyntax(list(profile.purposes))
        place = len(extensions) if profile.purposes_last else 1
        extensions.insert(place, _extension("extended_key_usage", purposes))
    if alternative_names:
        names = x509.GeneralNames(list(alternative_names))
        extensions.append(_extension("subject_alt_name", names))
    return extensions


def _constraints(profile: Profile) -> x509.Extension:
    constraints: dict[str, bool | int] = {"ca": profile.is_authority}
    if profile.path_length is not None:
        constraints["path_len_constraint"] = profile.path_length
    return _extension(
        "basic_constraints", x509.BasicConstraints(constraints), critical=True
    )


def _about_issuer(profile: Profile, issuer_key: PublicKey) -> Iterator[x509.Extension]:
    if profile.names_issuer_key:
        authority = x509.AuthorityKeyIdentifier(
            {"key_identifier": key_identifier(issuer_key)}
        )
        yield _extension("authority_key_identifier", authority)
    if profile.crl_uri is not None:
        yield _extension("crl_distribution_points", _crl(profile.crl_uri))
    if profile.issuer_uri is not None:
        yield _extension("authority_information_access", _access(profile.issuer_uri))


def _extension(
    kind: str, value: core.Asn1Value, *, critical: bool = False
) -> x509.Extension:
    return x509.Extension({"extn_id": kind, "critical": critical, "extn_value": value})


def _crl(uri: str) -> x509.CRLDistributionPoints:
    where = x509.DistributionPointName(
        name="full_name", value=x509.GeneralNames([_uri(uri)])
    )
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint({"distribution_point": where})]
    )


def _access(uri: str) -> x509.AuthorityInfoAccessSyntax:
    access = {"access_method": "ca_issuers", "access_location": _uri(uri)}
    return x509.AuthorityInfoAccessSyntax([x509.AccessDescription(access)])


def _uri(text: str) -> x509.GeneralName:
    return x509.GeneralName("uniform_resource_identifier", x509.URI(text))


def _general_name(text: str) -> x509.GeneralName:
    try:
        ip_address(text)
    except ValueError:
        return x509.GeneralName("dns_name", x509.DNSName(_checked_dns_name(text)))
    if "%" in text:
        raise _no_alternative_name(text)  # an interface of one machine
    return x509.GeneralName("ip_address", x509.IPAddress(text))


def _checked_dns_name(text: str) -> str:
    try:
        encoded = text.encode("idna").decode()
    except UnicodeError:
        raise _no_alternative_name(text) from None
    if len(encoded) > _LONGEST_DNS_NAME or _DNS_NAME.fullmatch(encoded) is None:
        raise _no_alternative_name(text)
    return text


def _no_alternative_name(text: str) -> BuildError:
    return BuildError(
        f"{text[:_LONGEST_DNS_NAME]!r} is not a name for a certificate",
        hint="give a DNS name or an address",
    )
