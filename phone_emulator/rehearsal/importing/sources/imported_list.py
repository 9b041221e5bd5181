"""A list of a real cluster, as far as its source tells it: a file, or pasted text."""

from dataclasses import dataclass
from datetime import datetime

from tokenless.protocol.certificates.names import DistinguishedName, same_name
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.trust.lint import SignatureState
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """One member of a list."""

    role: int
    dns_name: str
    address: str | None
    """None in pasted text."""
    subject: str
    serial: str
    """Upper-case hex; empty in an emptied record."""
    key_bits: int | None
    issuer: str = ""
    has_node_name: bool = True
    """True if the record has a name of a node, if only an empty one: certutils and 8.x
    write none."""
    is_ec: bool = False
    begins: datetime | None = None
    """None in pasted text, which has no certificates."""
    ends: datetime | None = None
    is_by_hash: bool = False
    """True if a hash stands for the certificate, as in lists of 8.x."""
    is_foreign: bool = False
    """True for a SAST of nobody in the cluster (Phone-SAST-trust)."""
    is_node_recovery: bool = False
    """True for the ITLRecovery of a subscriber, which has its own before 12.5."""
    certificate_sha1: str = ""
    """Lower-case hex; empty when the record has no certificate."""

    @property
    def common_name(self) -> str:
        """The CN of the subject, empty without one."""
        return attribute(self.subject, "CN")

    @property
    def is_recovery(self) -> bool:
        """Return whether it is an ITLRecovery certificate of the cluster or a node."""
        return not self.is_foreign and self.common_name.upper().startswith(
            "ITLRECOVERY"
        )

    @property
    def is_token(self) -> bool:
        """Tell whether it is a hardware token: a SAST that belongs to no node (1.7)."""
        return self.role == Role.SAST and self.has_node_name and not self.dns_name

    @property
    def is_ca_signed(self) -> bool:
        """Tell whether its certificate has another issuer, other than a token's."""
        if not self.subject or not self.issuer or self.is_token:
            return False
        return not same_name(self.subject, self.issuer)

    @property
    def identity(self) -> tuple[str, str]:
        """Return the values that distinguish its certificate from others."""
        return self.serial, self.issuer


@dataclass(frozen=True, slots=True)
class ImportedList:
    """A list, as far as its source tells it."""

    kind: FileKind
    signer_subject: str
    signer_serial: str
    entries: tuple[ImportedRecord, ...]
    source: str
    """The file that it was read from, and the line in a log."""
    digest: Digest | None = None
    """None in pasted text, which does not tell it."""
    length: int | None = None
    """In bytes; None in pasted text."""
    signature: SignatureState = SignatureState.VALID
    """True if the node, or we, found its signature to be good."""
    is_encoding_guessed: bool = False
    """True if letters outside of ASCII in its names are a guess."""

    @property
    def is_text(self) -> bool:
        """Tell whether it was read from pasted text, not from the file itself."""
        return self.length is None

    @property
    def owner(self) -> str:
        """The node whose ITL it is, by its own TFTP record; empty for a CTL."""
        if self.kind is not FileKind.ITL:
            return ""
        own = (e for e in self.entries if e.role in TFTP_ROLES and not e.is_ec)
        return next((_owner_name(entry) for entry in own), "")


def _owner_name(entry: ImportedRecord) -> str:
    """Return a node's name; a CTL Client writes addresses (REFERENCE 1.7)."""
    is_address = entry.dns_name.replace(".", "").isdigit()
    return entry.common_name if is_address else entry.dns_name or entry.common_name


def attribute(subject: str, key: str) -> str:
    """Return an attribute of a name as text, empty when there is none."""
    try:
        name = DistinguishedName.parse(subject)
    except DecodeError:
        return ""
    for known, value in name.attributes:
        if known.upper() == key:
            return value.strip()
    return ""
