"""Facts of a cluster at one moment: its signers, and the answers of its TVS nodes.

Plain values, read from the cluster and from its running services. `status` and
`remedies` compare them with what phones hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.checksums import md5_of, sha1_of
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.models import PhoneModel
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import FileKind
from tokenless.services.tvs.caches import Index


@unique
class InferredRule(StrEnum):
    """A rule that public reports contradict or no document states, used by verdicts.

    Values go into JSON.
    """

    CALLMANAGER_TRUST = "callmanager-trust-has-no-role"
    """TVS vouches for nothing that lies in CallManager-trust alone."""

    @property
    def words(self) -> str:
        """Return the sentence for a reader of the verdict."""
        return (
            "TVS does not vouch for a certificate that is in CallManager-trust only. "
            "One public report of a migration from 8.6 to 12.5 says otherwise; "
            'play it with [tvs] callmanager_trust = "sast"'
        )


@dataclass(frozen=True, slots=True)
class Signing:
    """The lists that commands and services of the cluster sign with one key."""

    ctl: bool = False
    """`utils ctl update CTLFile` signs with it, or the CTL Client does."""
    ctl_reset: bool = False
    """`utils ctl reset localkey` signs with it."""
    itl: frozenset[str] = frozenset()
    """Addresses of the nodes whose Cisco Tftp signs its ITL with it."""
    itl_reset: frozenset[str] = frozenset()
    """Addresses of the nodes that `utils itl reset localkey` gives such an ITL."""

    def lists_for(self, model: PhoneModel) -> bool:
        """Tell whether some list is signed with it that phones of a model load.

        A subscriber's CallManager signs configurations from 12.0 on, and no list
        (REFERENCE 2.3). Phones without Security by Default load CTLs only (4.5).
        """
        if self.ctl or self.ctl_reset:
            return True
        return model.security_by_default and bool(self.itl or self.itl_reset)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that lists hold as SAST: whose it is, and what its key signs."""

    store: TrustStore | None
    """The store that holds it; None for a security token."""
    owner: str
    """The node's or the token's name."""
    signing: Signing = Signing()

    def __str__(self) -> str:
        """Name it as an administrator does: `CallManager of cucm-pub`."""
        if self.store is TrustStore.ITLRECOVERY:
            return "ITLRecovery"
        if self.store is None:
            return f"token {self.owner}"
        return f"{self.store} of {self.owner}"


@dataclass(frozen=True, slots=True)
class TvsFacts:
    """One TVS server as a phone would find it."""

    node: str
    shown: bytes | None = field(repr=False)
    """The certificate that it shows; None when it does not answer."""
    own: bytes | None = field(repr=False)
    """The node's present TVS certificate, shown after the next restart."""


@dataclass(frozen=True, slots=True)
class Vouching:
    """What the TVS servers of a cluster answer (REFERENCE 3.6)."""

    database: Index = field(default_factory=Index, repr=False)
    """The certificates with a role."""
    ctl: Index = field(default_factory=Index, repr=False)
    """What the newest CTL lists, where TVS believes it."""

    def roles_of(self, signer: SignerId) -> frozenset[int]:
        """Return the roles of a signer, empty when TVS does not know it."""
        key = signer.serial_hex, signer.issuer
        entry = self.database.find(*key) or self.ctl.find(*key)
        return frozenset() if entry is None else frozenset(entry.roles)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The signers of what a node's Cisco Tftp would serve after a restart."""

    node: str
    signers: Mapping[FileKind, Certificate]
    """By file; without the CTL when there is none."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster at a moment."""

    name: str
    release: Release
    is_mixed: bool
    oldest_tls: str
    signers: Mapping[bytes, Signer]
    """The signers that can sign now, by the certificate's DER."""
    retired: Mapping[bytes, Signer]
    """The signers that were replaced, by the certificate's DER."""
    tvs: Mapping[tuple[str, int], TvsFacts]
    """By the address and port that configurations name."""
    tftp: frozenset[str]
    """Addresses of its TFTP servers."""
    itls: Mapping[str, str] = field(default_factory=dict)
    """SHA-1 of the ITL that each TFTP server made last, by its address."""
    without_role: frozenset[bytes] = frozenset()
    """Certificates in CallManager-trust that TVS gives no role."""
    is_administered: bool = True
    """True if its publisher is up: commands are typed, and files fetched, there."""
    tftp_up: frozenset[str] = frozenset()
    """Addresses of its TFTP servers whose nodes are up."""
    fresh: Mapping[str, Fresh] = field(default_factory=dict)
    """What a restart of Cisco Tftp would bring, by the node's address."""
    vouching: Vouching = field(default_factory=Vouching)
    ctl_signer: Certificate | None = None
    """The signer of a CTL after `utils ctl update CTLFile`."""
    expired: tuple[str, ...] = ()
    """The certificates in use whose dates have passed, by unit and node."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """The files of one node after a step."""

    name: str
    cluster: str
    is_up: bool
    ctl: bytes | None = field(repr=False)
    itl: bytes | None = field(repr=False)

    @property
    def md5(self) -> str | None:
        """Of CTLFile.tlv, as `show ctl` prints it; None without the file."""
        return None if self.ctl is None else md5_of(self.ctl)

    @property
    def sha1(self) -> str | None:
        """Of CTLFile.tlv, as `show ctl` prints it; None without the file."""
        return None if self.ctl is None else sha1_of(self.ctl)

    @property
    def itl_md5(self) -> str | None:
        """Of ITLFile.tlv; None without the file."""
        return None if self.itl is None else md5_of(self.itl)

    @property
    def ctl_length(self) -> int:
        """Bytes of CTLFile.tlv, 0 when there is none (as `show ctl` says)."""
        return 0 if self.ctl is None else len(self.ctl)


@dataclass(frozen=True, slots=True)
class Held:
    """The lists and certificates of a phone that decide about trust, decoded."""

    ctl: TrustList | None
    itl: TrustList | None

    @property
    def is_empty(self) -> bool:
        """Return whether there is no list: the first one is taken without a check."""
        return self.ctl is None and self.itl is None

    @property
    def sasts(self) -> dict[bytes, None]:
        """The certificates of all SAST records, in the order of the lists."""
        return {
            record.certificate_der: None
            for held in (self.ctl, self.itl)
            if held is not None
            for record in held.records
            if record.is_sast and record.certificate_der
        }
