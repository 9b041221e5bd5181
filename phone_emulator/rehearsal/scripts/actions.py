"""Actions of a step, as values; `lines` has their written form."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)

_RESTART: Final = ("utils", "service", "restart")


@dataclass(frozen=True, slots=True)
class Admin:
    """A command of the administration shell; its questions get a yes."""

    line: str
    node: str | None = None
    """The node whose shell it is; None: the publisher of `cluster`."""
    cluster: str | None = None
    """None: the script's first cluster."""
    everywhere: bool = False
    """Type it on every node of the cluster that is served, one after the other."""

    def begins_with(self, words: tuple[str, ...]) -> bool:
        """Return whether it is a command of these words."""
        return tuple(self.line.split()[: len(words)]) == words

    @property
    def is_restart(self) -> bool:
        """Return whether it restarts a service."""
        return self.begins_with(_RESTART)


@dataclass(frozen=True, slots=True)
class CtlClient:
    """The CTL Client with some tokens; the first one signs."""

    mode: str | None
    """The security mode to set, or None to update the file only."""
    tokens: tuple[str, ...]
    ignore_missing: bool = False
    """Click OK on error 2: mixed mode, and no CTL file on the server."""


@dataclass(frozen=True, slots=True)
class CreateToken:
    """A new security token, kept with the rehearsal's cluster."""

    name: str


@dataclass(frozen=True, slots=True)
class UploadCertificate:
    """A certificate for a trust store."""

    store: str
    token: str | None
    """The token whose certificate it is, or None."""
    node: str | None = None
    """The node, of any cluster, whose own certificate it is, or None."""
    unit: str | None = None
    """The unit of the node's certificate."""
    cluster: str | None = None
    """The cluster to which it is uploaded; None: the script's first cluster."""


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """Certificates that leave a trust store: all of a common name."""

    store: str
    common_name: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class ImportCertificates:
    """Bulk import: another cluster's CallManager and ITLRecovery certificates.

    They go to Phone-SAST-trust and CallManager-trust, CAPF to CallManager-trust
    (REFERENCE 7.11).
    """

    source: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class SignCertificate:
    """A CA of the lab signs a new certificate of a unit (REFERENCE-2 2.1)."""

    unit: str
    node: str | None = None
    """The node; None: one certificate for all nodes."""
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class ReuseCertificate:
    """A CallManager unit takes tomcat's certificate (REFERENCE-2 2.3)."""

    unit: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class ExportRecoveryKey:
    """Exports ITLRecovery.p12 and keeps it under a name (REFERENCE 7.10)."""

    name: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class SignWithRecoveryKey:
    """`utils itl reset remotekey` with an exported key."""

    name: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """Take a backup of every node's certificates and keys, or restore one."""

    name: str
    restore: bool
    stores: tuple[str, ...] = ()
    """The units to restore; all when empty."""


@unique
class PhoneVerb(StrEnum):
    """Actions on phones."""

    BOOT = "boot"
    OFF = "off"
    ON = "on"
    DELETE_TRUST = "delete-trust"
    FACTORY_RESET = "factory-reset"
    MOVE = "move"
    TYPE_STRING = "type-string"
    """Boot, with CAPF's authentication string typed by a person."""


@dataclass(frozen=True, slots=True)
class Phones:
    """Something done to groups of phones; no group means all that are on."""

    verb: PhoneVerb
    groups: tuple[str, ...]
    to: tuple[str, ...] = ()
    """MOVE: the nodes that DHCP option 150 names from now on."""


@unique
class CallOutcome(StrEnum):
    """The result of a call: the level on both screens, the weaker of the two."""

    ENCRYPTED = "encrypted"
    AUTHENTICATED = "authenticated"
    NOT_SECURE = "not-secure"
    NONE = "none"
    """They did not hear each other."""


@dataclass(frozen=True, slots=True)
class CallPhone:
    """A call from the first phone of a group to the first of another."""

    caller: str
    called: str
    """The caller's own group: its second phone."""


@dataclass(frozen=True, slots=True)
class OrderCapf:
    """A CAPF operation for every phone of a group."""

    group: str
    operation: CapfOperation
    auth_mode: CapfAuthMode


@dataclass(frozen=True, slots=True)
class SecureDevices:
    """Another security profile for every phone of a group."""

    group: str
    mode: DeviceSecurity
    encrypts_config: bool


@dataclass(frozen=True, slots=True)
class SetSetting:
    """Another value in the configuration file of a cluster's nodes."""

    key: str
    """Table and key: `callmanager.tls_minimum`."""
    value: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class NodePower:
    """A node that goes down or comes back."""

    node: str
    up: bool


@dataclass(frozen=True, slots=True)
class DatabasePower:
    """The database that is away, or back: for everybody, or for one node."""

    node: str | None
    up: bool


@dataclass(frozen=True, slots=True)
class RenameNode:
    """Another host name: all certificates of the node are replaced (REFERENCE 7.9)."""

    node: str
    new: str


@dataclass(frozen=True, slots=True)
class AddNode:
    """A subscriber that joins the first cluster, is served, and joins a group."""

    node: str
    address: str


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """A subscriber that is switched off and leaves its cluster (REFERENCE 7.14)."""

    node: str


@dataclass(frozen=True, slots=True)
class PassTime:
    """Days by which the clocks of servers and phones are advanced."""

    days: float


AdminAction = (
    Admin
    | CtlClient
    | CreateToken
    | UploadCertificate
    | DeleteCertificate
    | ImportCertificates
    | ExportRecoveryKey
    | SignWithRecoveryKey
    | SignCertificate
    | ReuseCertificate
    | Backup
)
"""Actions of an administrator on clusters, tokens, keys and backups."""
LineAction = (
    AdminAction
    | Phones
    | CallPhone
    | OrderCapf
    | SecureDevices
    | SetSetting
    | NodePower
    | DatabasePower
    | RenameNode
    | AddNode
    | RemoveNode
    | PassTime
)
