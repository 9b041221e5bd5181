"""Certificates and keys for tests, to the byte lengths of the lab (REFERENCE 10.1).

Certificates are written as DER here and signed raw, because `cryptography` signs no
certificate with SHA-1. Keys are the same on every run (see `seeded_keys`), so that
files can be compared with golden ones.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial

from asn1crypto import algos, core, keys, x509
from asn1crypto import pem as armour
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.rigs.seeded_keys import seeded_ec_key, seeded_rsa_key
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import Record
from tokenless.protocol.files.trust_list_build import record_for, token_record

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PUBLISHER = "cucm-1051-a-pub"
SUBSCRIBER = "cucm-1051-a-sub1"
PUBLISHER_ADDRESS = "10.48.47.155"
SUBSCRIBER_ADDRESS = "10.48.47.156"
NOT_BEFORE = datetime(2015, 3, 9, 16, 6, 37, tzinfo=UTC)
FIVE_YEARS = timedelta(days=1825, seconds=-1)

_SERVER_PURPOSES = ("server_auth", "client_auth", "1.3.6.1.5.5.7.3.5")
_CAPF_PURPOSES = ("server_auth", "1.3.6.1.5.5.7.3.5")
_HASHES = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what the lab's certificates are signed with
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key."""

    certificate: Certificate
    key: Private

    @property
    def signer(self) -> PrivateKeySigner:
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return PrivateKeySigner(self.certificate, self.key)

    @property
    def certificate_pem(self) -> bytes:
        return pem(self.certificate.der)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def pem(der: bytes) -> bytes:
    return armour.armor("CERTIFICATE", der)  # type: ignore[no-any-return]


def rsa_key(bits: int, label: str = "") -> rsa.RSAPrivateKey:
    """Return the RSA key of `label`: the same on every run."""
    return seeded_rsa_key(bits, label)


def ec_key(label: str = "") -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of `label`."""
    return seeded_ec_key(label)


def serial_of(label: str, length: int = 16) -> int:
    """Return a serial of exactly `length` bytes, with no need of a sign byte."""
    digest = hashlib.sha512(label.encode()).digest()[:length]
    return int.from_bytes(bytes([digest[0] & 0x3F | 0x40]) + digest[1:])


def name(pairs: Sequence[tuple[str, str]]) -> x509.Name:
    """Build a Name in the given order."""
    return x509.Name(
        name="", value=x509.RDNSequence([_rdn(key, value) for key, value in pairs])
    )


def _rdn(key: str, value: str) -> x509.RelativeDistinguishedName:
    string: core.Asn1Value
    match key:
        case "country_name":
            string = x509.DirectoryString(
                name="printable_string", value=core.PrintableString(value)
            )
        case "domain_component":
            string = x509.DNSName(value)
        case "email_address":
            string = x509.EmailAddress(value)
        case _:
            string = x509.DirectoryString(
                name="utf8_string", value=core.UTF8String(value)
            )
    pair = x509.NameTypeAndValue({"type": key, "value": string})
    return x509.RelativeDistinguishedName([pair])


def lab_name(common_name: str) -> x509.Name:
    return name(
        [
            ("country_name", "PL"),
            ("organization_name", "Cisco"),
            ("organizational_unit_name", "TAC"),
            ("common_name", common_name),
            ("state_or_province_name", "Malopolska"),
            ("locality_name", "Krakow"),
        ]
    )


def extension(kind: str, value: object, *, critical: bool = False) -> x509.Extension:
    return x509.Extension({"extn_id": kind, "critical": critical, "extn_value": value})


def mint(
    subject: x509.Name,
    key: Private,
    *,
    serial: int,
    extensions: Sequence[x509.Extension] = (),
    issuer: tuple[x509.Name, rsa.RSAPrivateKey] | None = None,
    digest: str = "sha1",
    not_before: datetime = NOT_BEFORE,
    lifetime: timedelta = FIVE_YEARS,
) -> Certificate:
    """Write and sign a certificate; without an issuer it signs itself."""
    issuer_name, issuer_key = issuer or (subject, key)
    tbs = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": _algorithm(issuer_key, digest),
            "issuer": issuer_name,
            "validity": {
                "not_before": x509.Time({"utc_time": not_before}),
                "not_after": x509.Time({"utc_time": not_before + lifetime}),
            },
            "subject": subject,
            "subject_public_key_info": _key_info(key),
            **({"extensions": list(extensions)} if extensions else {}),
        }
    )
    certificate = x509.Certificate(
        {
            "tbs_certificate": tbs,
            "signature_algorithm": tbs["signature"],
            "signature_value": sign(issuer_key, tbs.dump(), digest),
        }
    )
    return Certificate.decode(certificate.dump())


def _key_info(key: Private) -> keys.PublicKeyInfo:
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return keys.PublicKeyInfo.load(spki)


def _algorithm(key: Private, digest: str) -> algos.SignedDigestAlgorithm:
    if isinstance(key, rsa.RSAPrivateKey):
        return algos.SignedDigestAlgorithm(
            {"algorithm": f"{digest}_rsa", "parameters": core.Null()}
        )
    return algos.SignedDigestAlgorithm({"algorithm": f"{digest}_ecdsa"})


def sign(key: Private, data: bytes, digest: str) -> bytes:
    """Sign raw, also with SHA-1."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, PKCS1v15(), _HASHES[digest])
    return key.sign(data, ec.ECDSA(_HASHES[digest], deterministic_signing=True))


def _key_id(key: Private) -> bytes:
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha1(spki, usedforsecurity=False).digest()


def _lab_extensions(
    key: Private, usage: set[str], purposes: Sequence[str]
) -> list[x509.Extension]:
    return [
        extension("key_usage", x509.KeyUsage(usage)),
        extension("extended_key_usage", x509.ExtKeyUsageSyntax(list(purposes))),
        extension("key_identifier", core.OctetString(_key_id(key))),
    ]


@cache
def server(
    common_name: str = PUBLISHER, bits: int = 1024, edition: str = ""
) -> Identity:
    """Mint a CallManager certificate of the lab: 694, 696 or 955 bytes."""
    key = rsa_key(bits, f"{common_name}{edition}")
    usage = {
        "digital_signature",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
    }
    certificate = mint(
        lab_name(common_name),
        key,
        serial=serial_of(f"{common_name}{bits}{edition}"),
        extensions=_lab_extensions(key, usage, _SERVER_PURPOSES),
    )
    return Identity(certificate, key)


@cache
def impostor(common_name: str = PUBLISHER) -> Identity:
    """Mint a certificate with a server's names and serial, and another key."""
    true = server(common_name).certificate
    key = rsa_key(1024, f"impostor of {common_name}")
    usage = {"digital_signature", "key_encipherment"}
    certificate = mint(
        lab_name(common_name),
        key,
        serial=int.from_bytes(true.serial_number),
        extensions=_lab_extensions(key, usage, _SERVER_PURPOSES),
    )
    return Identity(certificate, key)


@cache
def capf(common_name: str = "CAPF-e41e7d87") -> Identity:
    """Mint a CAPF certificate of the lab: 680 bytes."""
    key = rsa_key(1024, common_name)
    usage = {"digital_signature", "key_encipherment", "key_cert_sign"}
    certificate = mint(
        lab_name(common_name),
        key,
        serial=serial_of(common_name),
        extensions=_lab_extensions(key, usage, _CAPF_PURPOSES),
    )
    return Identity(certificate, key)


@cache
def token(common_name: str = "SAST-ADN008580ef        ") -> Identity:
    """Mint a security token's certificate: 902 bytes, issued by the maker's CA."""
    key, ca_key = rsa_key(1024, common_name), rsa_key(2048, "manufacturing")
    ca = name(
        [
            ("organization_name", "Cisco Systems"),
            ("common_name", "Cisco Manufacturing CA"),
        ]
    )
    subject = name(
        [
            ("organization_name", "Cisco Systems, Inc."),
            ("organizational_unit_name", "IPCBU"),
            ("common_name", common_name),
        ]
    )
    certificate = mint(
        subject,
        key,
        serial=serial_of(common_name, 10),
        issuer=(ca, ca_key),
        extensions=_token_extensions(key, ca_key),
    )
    return Identity(certificate, key)


def _token_extensions(key: Private, ca_key: rsa.RSAPrivateKey) -> list[x509.Extension]:
    crl = "http://ca.example.com/security/pki/crl/cma.crl"
    issuers = "http://ca.example.com/security/pki/certs/cma.cer"
    point = x509.DistributionPoint(
        {
            "distribution_point": x509.DistributionPointName(
                name="full_name", value=x509.GeneralNames([_uri(crl)])
            )
        }
    )
    access = x509.AccessDescription(
        {"access_method": "ca_issuers", "access_location": _uri(issuers)}
    )
    usage = x509.KeyUsage({"digital_signature", "key_encipherment"})
    authority = x509.AuthorityKeyIdentifier({"key_identifier": _key_id(ca_key)})
    return [
        extension("key_usage", usage, critical=True),
        extension("key_identifier", core.OctetString(_key_id(key))),
        extension("authority_key_identifier", authority),
        extension("crl_distribution_points", x509.CRLDistributionPoints([point])),
        extension(
            "authority_information_access", x509.AuthorityInfoAccessSyntax([access])
        ),
        extension("extended_key_usage", x509.ExtKeyUsageSyntax(["client_auth"])),
    ]


def _uri(text: str) -> x509.GeneralName:
    return x509.GeneralName("uniform_resource_identifier", x509.URI(text))


def lab_records(bits: int = 1024) -> list[Record]:
    """Return the records of the vendor document's CTL, in its order."""
    publisher = server(PUBLISHER, bits).certificate
    subscriber = server(SUBSCRIBER).certificate
    at_publisher = partial(record_for, dns_name=PUBLISHER, ip_address=PUBLISHER_ADDRESS)
    return [
        at_publisher(publisher, Role.SAST),
        at_publisher(publisher, Role.CCM_TFTP),
        at_publisher(capf().certificate, Role.CAPF),
        record_for(
            subscriber,
            Role.CCM_TFTP,
            dns_name=SUBSCRIBER,
            ip_address=SUBSCRIBER_ADDRESS,
        ),
    ]


def token_records() -> list[Record]:
    second = token("SAST-ADN0054f509        ").certificate
    return [token_record(token().certificate), token_record(second)]
