"""An authority in memory: it holds unsigned lists and signs them when they are fetched.

`Authority` is one node as its phones see it: files by name, TVS answers by issuer and
serial number. Keys are made once a run; a "rotation" is another key under the same or
another name. tests/rigs/phone_bench.py boots phones against it.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import (
    emptied_record,
    record_for,
    sign_trust_list,
)
from tokenless.protocol.phones.configuration import PhoneConfig, TvsMember
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Status
from tokenless.services.pki import keys

DEVICE = "SEP001122334455"
PUB, SUB = "127.0.47.155", "127.0.47.156"
NOW = 1_700_000_000.0
SIGNED_AT = 1_600_000_000
_KEPT = 256
"""How many signed files of each kind are kept."""


@dataclass(frozen=True)
class Keypair:
    """A certificate with its private key."""

    certificate: Certificate
    private_key: rsa.RSAPrivateKey

    @property
    def signer(self) -> PrivateKeySigner:
        return PrivateKeySigner(self.certificate, self.private_key)

    @property
    def pem(self) -> bytes:
        return self.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )

    @property
    def certificate_pem(self) -> bytes:
        return x509.load_der_x509_certificate(self.certificate.der).public_bytes(
            Encoding.PEM
        )


@cache
def keypair(
    name: str, generation: int = 1, *, key: str = "", serial: int = 0, days: int = 9000
) -> Keypair:
    """Return the self-signed certificate of `name`, always the same one in a run.

    Args:
        name: The common name.
        generation: Another one has another key and another serial number.
        key: Another text gives another key under the same names and serial number.
        serial: A serial number of the test's choice.
        days: The validity from 2015 on; few days make an expired one.
    """
    private_key = _private_key(f"{name}/{generation}/{key}")
    subject = x509.Name.from_rfc4514_string(f"C=PL,O=Cisco,OU=TAC,CN={name}")
    begins = datetime(2015, 3, 9, tzinfo=UTC)
    number = serial or (0x70 << 120) + sum(name.encode()) * 1000 + generation
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key.public_key())
        .serial_number(number)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(private_key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    return Keypair(Certificate.decode(der), private_key)


@cache
def _private_key(_label: str) -> rsa.RSAPrivateKey:
    return keys.new_rsa(1024)


def record(
    who: Keypair, role: int, node: str = "cucm-pub", address: str = PUB
) -> Record:
    return record_for(who.certificate, role, dns_name=node, ip_address=address)


@dataclass(frozen=True)
class UnsignedList:
    """The members of a list and who will sign it."""

    records: tuple[Record, ...]
    signer: Keypair
    timestamp: int = SIGNED_AT
    digest: Digest = Digest.SHA1
    filename: str | None = None

    def sign(self, filename: str) -> bytes:
        return _signed_list(self, self.filename or filename)

    def trust_list(self, filename: str = "CTLFile.tlv") -> TrustList:
        return TrustList.decode(self.sign(filename))


# Phones fetch the same file again and again; each time it would have the same bytes.


@lru_cache(_KEPT)
def _signed_list(unsigned: UnsignedList, filename: str) -> bytes:
    return sign_trust_list(
        filename,
        unsigned.records,
        unsigned.signer.signer,
        timestamp=unsigned.timestamp,
        digest=unsigned.digest,
    ).data


@lru_cache(_KEPT)
def _encoded(configuration: PhoneConfig) -> bytes:
    return configuration.encode()


@lru_cache(_KEPT)
def _signed_configuration(
    name: str, configuration: PhoneConfig, signer: Keypair
) -> bytes:
    payload = _encoded(configuration)
    return sign_file(name, payload, signer.signer, timestamp=SIGNED_AT).data


@dataclass
class Authority:
    """One TFTP node with its TVS, as phones see it."""

    ctl: UnsignedList | None = None
    itl: UnsignedList | None = None
    configuration: PhoneConfig | None = None
    configuration_signer: Keypair | None = None
    tvs_certificate: Keypair | None = None
    known: dict[bytes, tuple[Keypair, tuple[int, ...]]] = field(default_factory=dict)
    """What TVS knows: by serial number, a certificate and its roles."""
    ttl: int = 86_400
    files: dict[str, bytes] = field(default_factory=dict)
    """Files as they are, instead of signed ones."""
    silent: bool = False
    tvs_down: bool = False
    fetched: Counter[str] = field(default_factory=Counter)
    queries: list[Query] = field(default_factory=list)

    def know(self, who: Keypair, *roles: int) -> None:
        self.known[who.certificate.serial_number] = (who, roles)

    def fetch(self, name: str) -> bytes | None:
        """Build and sign a file; None when there is none."""
        self.fetched[name] += 1
        if name in self.files:
            return self.files[name]
        if name.startswith("CTL") and self.ctl:
            return self.ctl.sign("CTLFile.tlv")
        if name.startswith("ITL") and self.itl:
            return self.itl.sign("ITLFile.tlv")
        if ".cnf.xml" in name and self.configuration and name.startswith("SEP"):
            return self._configuration(name, self.configuration)
        return None

    def _configuration(self, name: str, configuration: PhoneConfig) -> bytes | None:
        if not name.endswith(".sgn"):
            return _encoded(configuration)
        if self.configuration_signer is None:
            return None
        return _signed_configuration(name, configuration, self.configuration_signer)

    def answer(self, query: Query) -> Answer:
        """Answer as TVS does."""
        self.queries.append(query)
        found = self.known.get(query.serial)
        if found is None:
            return Answer(query.session_id, MessageType.QUERY_ANSWER, Status.UNTRUSTED)
        who, roles = found
        return Answer(
            query.session_id,
            MessageType.QUERY_ANSWER,
            Status.TRUSTED,
            who.certificate.der,
            roles,
            self.ttl,
        )


@dataclass
class Lab:
    """The usual cluster of two nodes, before anything was done to it (10.5)."""

    callmanager_pub: Keypair = field(default_factory=lambda: keypair("cucm-pub"))
    callmanager_sub: Keypair = field(default_factory=lambda: keypair("cucm-sub1"))
    tvs_pub: Keypair = field(default_factory=lambda: keypair("tvs-pub"))
    tvs_sub: Keypair = field(default_factory=lambda: keypair("tvs-sub1"))
    capf: Keypair = field(default_factory=lambda: keypair("CAPF-e41e7d87"))
    mixed: bool = False

    def authority(self, node: str = "pub") -> Authority:
        """Return one node: its own ITL, the common CTL, TVS that knows all."""
        mine = self.callmanager_pub if node == "pub" else self.callmanager_sub
        made = Authority(
            ctl=self.ctl() if self.mixed else None,
            itl=self.itl(node),
            configuration=configuration(),
            configuration_signer=mine,
            tvs_certificate=self.tvs_pub if node == "pub" else self.tvs_sub,
        )
        for callmanager in (self.callmanager_pub, self.callmanager_sub):
            made.know(callmanager, Role.CCM_TFTP, Role.SAST)
        made.know(self.capf, Role.CAPF)
        return made

    def ctl(self) -> UnsignedList:
        pub = self.callmanager_pub
        return UnsignedList(
            (
                record(pub, Role.SAST),
                record(pub, Role.CCM_TFTP),
                record(self.capf, Role.CAPF),
                record(self.callmanager_sub, Role.CCM_TFTP, "cucm-sub1", SUB),
            ),
            pub,
        )

    def emptied_ctl(self) -> UnsignedList:
        """Return the CTL of a cluster that was set back to non-secure."""
        pub = self.callmanager_pub
        return UnsignedList(
            (
                record(pub, Role.SAST),
                emptied_record("cucm-pub", PUB, Role.CCM_TFTP),
                record(self.capf, Role.CAPF),
                emptied_record("cucm-sub1", SUB, Role.CCM_TFTP),
            ),
            pub,
        )

    def itl(self, node: str = "pub") -> UnsignedList:
        mine = self.callmanager_pub if node == "pub" else self.callmanager_sub
        name, address = ("cucm-pub", PUB) if node == "pub" else ("cucm-sub1", SUB)
        role = Role.CCM_TFTP if self.mixed else Role.TFTP
        return UnsignedList(
            (
                record(mine, Role.SAST, name, address),
                record(mine, role, name, address),
                record(self.tvs_pub, Role.TVS),
                record(self.tvs_sub, Role.TVS, "cucm-sub1", SUB),
                record(self.capf, Role.CAPF),
            ),
            mine,
        )

    def blank_itl(self) -> UnsignedList:
        """Return the ITL of "Prepare Cluster for Rollback to pre 8.0"."""
        pub = self.callmanager_pub
        return UnsignedList((record(pub, Role.SAST),), pub)

    def regenerate_callmanager(self, generation: int = 2) -> "Lab":
        return replace(self, callmanager_pub=keypair("cucm-pub", generation))

    def regenerate_tvs(self, generation: int = 2) -> "Lab":
        return replace(
            self,
            tvs_pub=keypair("tvs-pub", generation),
            tvs_sub=keypair("tvs-sub1", generation),
        )


def configuration(*members: TvsMember) -> PhoneConfig:
    """Return a configuration that names TVS servers, both nodes by default."""
    return PhoneConfig(
        callmanager_group="LAB-CMG",
        tvs=members or (TvsMember(PUB, 2445, 0), TvsMember(SUB, 2445, 1)),
        load="SCCP75.9-3-1SR4-1S",
        version_stamp="-1",
    )
