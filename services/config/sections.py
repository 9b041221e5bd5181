"""The tables of a configuration file: their keys, types, ranges and defaults.

The one declaration of every setting. Servers take their own settings from these
classes, SIGHUP takes at once what is marked `AtOnce`, and docs/configuration.md is made
from them: the sentences under the keys are what administrators read there.
"""

from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import inspect

from tokenless.protocol.codes import EVERY_ROLE, NodeRole
from tokenless.protocol.phones.models import DEVICE_NAME

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36500)]
KeySize = Literal[1024, 2048, 3072, 4096]
HostName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z",
        max_length=128,
    ),
]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
CAPF_PORT: Final = 3804
LINK_PORT: Final = 8002

_Value = TypeVar("_Value")
_MARK: Final = "at once"
AtOnce = Annotated[_Value, msgspec.Meta(extra={_MARK: True})]
"""A setting that SIGHUP changes; the others wait for a restart."""


@unique
class Ports(StrEnum):
    """From which port a TFTP transfer is answered."""

    PER_TRANSFER = "per-transfer"
    """A port of its own for each, as RFC 1350 has it."""
    SINGLE = "single"
    """The well-known port for all: passes NAT, containers and strict firewalls.

    Nothing in it is secret, so ACKs can be forged with a victim's address: transfers
    have windows of one block of 512 bytes, and one retransmit.
    """


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class HostSection(Section, frozen=True):
    """A table that says how this host serves, not what the cluster is."""


class ConnectionLimits(HostSection, frozen=True):
    """Limits of a TCP server for one client and for all clients."""

    connections: AtOnce[Count] = 16384
    """Connections at once. Over it the one that has waited longest is closed; the
    process's limit of open files, when lower, counts instead."""
    connections_per_address: AtOnce[Count] = 8192
    """Of one address. High, because all phones of a site may come from one (NAT)."""
    handshakes_per_address: AtOnce[Count] = 512
    """TLS handshakes of one address that are under way at once; more wait for their
    turn. Each costs some 50 KB."""
    handshakes_per_address_s: AtOnce[Annotated[int, msgspec.Meta(ge=0)]] = 0
    """TLS handshakes that one address may begin in a second; 0: no such limit."""
    log_lines_per_s: AtOnce[Count] = 10
    """Above this rate lines about clients are summed up instead of written one by one.
    With the longest names 10 are less than 1 MB a minute."""


class TimedLimits(ConnectionLimits, frozen=True):
    """The same for a server whose clients ask, are answered, and go."""

    first_byte_s: AtOnce[Seconds] = 10.0
    """From accept to the first byte. Nothing is allocated for TLS before it."""
    handshake_s: AtOnce[Seconds] = 10.0
    """From the first byte to a finished handshake, however the bytes dribble."""
    request_s: AtOnce[Seconds] = 10.0
    """From a request's first byte until its answer has left."""
    idle_s: AtOnce[Seconds] = 10.0
    """Between requests."""


class ClusterSection(Section, frozen=True):
    """`[cluster]`: what the cluster is."""

    name: Word = "cluster"
    """For people: it stands in reports."""
    version: str = "10.5(1)"
    """The emulated release; decides the signers (REFERENCE 1.9, 1.10, 2.3)."""
    auto_registration: bool = True
    """Whether any device's name gets a configuration of the default device pool."""
    export_controlled_functionality: bool = True
    """The licence without which mixed mode is refused (REFERENCE 6.1)."""
    phone_interaction: Literal["automatic", "manual"] | None = None
    """Phone Interaction on Certificate Update (REFERENCE-2 3.4), from 12.5 on: whether
    phones are reset by themselves when a certificate changes, or by hand. When it is
    not given: automatic from 14 on."""
    capf: HostName | None = None
    """The common name of the CAPF certificate; made up when it is not given."""
    manufacturer: str = ""
    """The folder of an emulated manufacturer of phones that several clusters trust; the
    data folder's own when empty."""
    domain: HostName | None = None
    """Follows node names in certificates' common names."""


class SubjectSection(Section, frozen=True):
    """`[certificates.subject]`: the attributes in addition to the common name."""

    organizational_unit: str = "TAC"
    """OU."""
    organization: str = "Cisco"
    """O."""
    locality: str = "Krakow"
    """L."""
    state: str = "Malopolska"
    """ST."""
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")] = "PL"
    """C: two letters."""


class CertificatesSection(Section, frozen=True):
    """`[certificates]`: how the cluster's own certificates are made."""

    key_size: KeySize = 2048
    """Of the first certificates."""
    regenerated_key_size: KeySize = 2048
    """Of those that are made when one is regenerated."""
    validity_days: Days = 1825
    """From the day on which a certificate is made."""
    recovery_validity: Literal["by-release", "as-others"] = "by-release"
    """Lifetime of ITLRecovery; by release: 20 years from 12.0 on (REFERENCE-2 3.2)."""
    multi_server: tuple[
        Literal["CallManager", "CallManager-ECDSA", "tomcat", "tomcat-ECDSA", "TVS"],
        ...,
    ] = ()
    """Units whose first certificate is one for all nodes; self-signed before 14 only as
    a stand-in for one that a CA signed (docs/certificates.md)."""
    require_client_auth: bool = False
    """Whether an own certificate from a CA is refused without clientAuth, which public
    CAs leave out from 2026 on (REFERENCE-2 2.5); otherwise it is warned of."""
    digest: Literal["sha1", "sha256"] = "sha1"
    """Certificates and lists are signed with it; 7900 phones verify SHA-1 only."""
    bulk_folder: str = ""
    """Where clusters exchange certificates in bulk; `bulk` in the data folder when
    empty."""
    subject: SubjectSection = SubjectSection()


class NodeSection(Section, frozen=True):
    """`[[nodes]]`: one server."""

    name: HostName
    """The common name of its certificates, followed by the domain."""
    address: str
    """IPv4: it stands in trust lists, and the services listen on it."""
    publisher: bool = False
    """Exactly one node is."""
    roles: tuple[NodeRole, ...] | None = None
    """The services that are activated: `tftp`, `callmanager` and, on the publisher,
    `capf`; all of them when it is not given. TVS runs on every node."""

    @property
    def activated(self) -> frozenset[NodeRole]:
        """The services that are activated on it."""
        roles = EVERY_ROLE if self.roles is None else frozenset(self.roles)
        return roles if self.publisher else roles - {NodeRole.CAPF}


class TftpLimits(HostSection, frozen=True):
    """The settings of `[tftp]` that its server takes as they are."""

    ports: Ports = Ports.PER_TRANSFER
    """From which port transfers are answered: each from its own, as RFC 1350 has it, or
    all from the well-known one, which passes NAT and strict firewalls but is slow."""
    receive_buffer_bytes: Count = 8 << 20
    """Holds the requests of a boot storm; each that does not fit costs a time-out."""
    max_transfers: AtOnce[Count] = 8192
    """Transfers at once."""
    max_transfers_per_address: AtOnce[Count] = 4096
    """Of one address. Large, because a whole site may come from one through a NAT."""
    log_lines_per_s: AtOnce[Count] = 40
    """Above this rate transfers are summed up instead of listed one by one: the log of
    a flood stays under a megabyte a minute."""


class TftpSection(TftpLimits, frozen=True):
    """`[tftp]`: the TFTP service, and the files that HTTP serves, too."""

    port: Port = 6969
    """UDP; phones know 69 only. 0 takes a free one."""
    reload: AtOnce[Literal["restart", "automatic"]] = "restart"
    """The moment when new files are served: after the service's restart, or at once."""
    workers: Count = 1
    """Ignored, with a warning: TFTP runs in one process, as several showed no gain."""
    itl_reset: Literal["publisher", "each-node"] = "publisher"
    """The result of `utils itl reset localkey` from 12.0: the publisher's ITL, signed
    by its CallManager, for all nodes (REFERENCE-2 3.5); or each node's own, signed by
    its own CallManager, which is kinder to phones."""
    allow: AtOnce[tuple[str, ...]] = ()
    """Networks (CIDR) that are served; empty: all."""
    max_block_size: AtOnce[Annotated[int, msgspec.Meta(ge=8, le=65464)]] = 65464
    """The largest `blksize` that is agreed to (RFC 2348)."""
    max_window: AtOnce[Annotated[int, msgspec.Meta(ge=1, le=65535)]] = 64
    """The largest `windowsize` that is agreed to (RFC 7440), in blocks."""
    timeout_s: AtOnce[Seconds] = 0.3
    """After so long without an ACK a block is sent again."""
    static_files: str = ""
    """A folder of further files (firmware, ring tones), besides the node's own."""
    static_patterns: tuple[str, ...] = ("*",)
    """Shell patterns over a file's whole name; only what matches one is served."""
    max_file_bytes: Count = 256 << 20
    """Larger files are not served."""


class HttpSection(TimedLimits, frozen=True):
    """`[http]`: the same files over HTTP and HTTPS.

    Phones know no other ports than 6970 and 6971. Where TFTP takes a free port, so do
    they that are not given.
    """

    enabled: bool = True
    """Whether there is HTTP at all."""
    port: Port | None = None
    """HTTP; 6970 when it is not given."""
    tls_port: Port | None = None
    """HTTPS; 6971 when it is not given."""
    alias_port: Port | None = None
    """A second port for HTTPS, 6972 in the field; without it there is none."""
    log_lines_per_s: AtOnce[Count] = 40
    """As in `[tftp]`."""
    missing_ctl: AtOnce[Literal[503, 404]] = 503
    """The status of a CTL that is not there: 503 as observed, or that of any file."""


class LegacyTvsSection(HostSection, frozen=True):
    """`[tvs.legacy]`: TLS 1.0 on a port of its own."""

    port: Port
    """The port to which 7900 phones are sent."""
    address: str | None = None
    """The node's own address when it is not given."""


class TvsSection(TimedLimits, frozen=True):
    """`[tvs]`: the Trust Verification Service."""

    port: Port = 2445
    """0 takes a free one."""
    workers: Count = 1
    """Processes on the one port."""
    ctl_cache: Literal["as-documented", "as-logged"] = "as-documented"
    """The CTL files that TVS trusts (REFERENCE 10.2)."""
    callmanager_trust: Literal["no-role", "sast"] = "no-role"
    """Whether TVS vouches for what lies in CallManager-trust alone. Observed: it has no
    role there (REFERENCE 1.12). One report of a migration from 8.6 to 12.5 says that
    ITLRecovery in that store was enough; `sast` plays it."""
    tls_minimum: Literal["1.0", "1.2"] = "1.2"
    """7900 phones have TLS 1.0 only. Whoever has broken that protocol can read and
    change the connections of all phones on this port."""
    legacy: LegacyTvsSection | None = None
    """TLS 1.0 on a port of its own, where old phones can be sent elsewhere."""
    client_ca: str | None = None
    """PEM file of the authorities of phone certificates (MIC, LSC). With it a client
    certificate is asked for, may be absent, and is recorded."""


class CallManagerSection(ConnectionLimits, frozen=True):
    """`[callmanager]`: phones register here."""

    sccp_port: Port = 2000
    """SCCP in the clear. 0 takes a free one, as for the other three."""
    sccps_port: Port = 2443
    """SCCP over TLS."""
    sip_port: Port = 5060
    """SIP, UDP and TCP."""
    sips_port: Port = 5061
    """SIP over TLS."""
    link_port: Port | None = None
    """The port to which the other nodes connect, for registrations and calls. 8002 when
    it is not given, and a free one where SCCP takes a free one."""
    tls_minimum: Literal["1.0", "1.2"] = "1.2"
    """7900 phones have TLS 1.0 only, and authenticated mode needs it: NULL-SHA."""
    ciphers: str = ""
    """OpenSSL's list for TLS up to 1.2; empty: what CUCM offers."""
    max_devices: AtOnce[Count] = 7500
    """Registered at one node at once."""
    keepalive_s: Count = 30
    """Of SCCP phones, on the connection that they are registered on."""
    secondary_keepalive_s: Count = 60
    """On the connection to their standby node."""
    token_wait_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The time that a returning phone must wait; 0: none."""
    connections_per_address: AtOnce[Count] = 16384
    """Of one address: phones that are registered stay connected."""
    log_lines_per_s: AtOnce[Count] = 100
    """Above this rate lines about phones are summed up instead of written one by one.
    A site that registers writes a line a phone."""

    @property
    def link_port_or_default(self) -> int:
        """Port of the links between nodes; 0 takes a free port."""
        if self.link_port is not None:
            return self.link_port
        return LINK_PORT if self.sccp_port else 0


class CapfSection(HostSection, frozen=True):
    """`[capf]`: CAPF, which the publisher serves."""

    enabled: bool = True
    """Whether there is CAPF at all."""
    port: Port | None = None
    """3804 when it is not given, and a free one where TFTP takes a free one. Phones
    learn it from their configurations."""
    tls_minimum: Literal["1.0", "1.2"] = "1.0"
    """7900 phones have TLS 1.0 only."""
    validity_days: Annotated[int, msgspec.Meta(ge=1, le=1825)] = 1825
    """Of the LSCs that are issued."""
    keep_alive_minutes: Annotated[int, msgspec.Meta(ge=5, le=60)] = 15
    """The longest time of a phone's step, above all the making of a key."""


class MetricsSection(HostSection, frozen=True):
    """`[metrics]`: `/metrics` and `/health` over HTTP; without it they are off."""

    port: Port
    """0 takes a free one."""
    address: str = "127.0.0.1"
    """There is no password: loopback, or a network of those who may read it."""


class ConsoleSection(HostSection, frozen=True):
    """`[console]`: the administration pages over HTTPS; without it `serve` has none."""

    port: Port = 8443
    """0 takes a free one."""
    address: str = ""
    """The node's own when empty."""


class DatabaseSection(HostSection, frozen=True):
    """`[database]`: where the cluster's state lives."""

    url: str | None = None
    """An SQLAlchemy URL; a file of the data folder when it is not given."""
    busy_timeout_s: Seconds = 30.0
    """The longest wait of an administrator for another administrator's change."""


class CallManagerGroupSection(Section, frozen=True):
    """`[[callmanager_groups]]`: nodes in order of priority; phones ask their TVS."""

    name: Word
    """Device pools refer to it."""
    members: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=5)]
    """Names of nodes."""


class DateTimeGroupSection(Section, frozen=True):
    """`[[date_time_groups]]`: the clock of phones; device pools refer to it."""

    name: Word
    """Device pools refer to it."""
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    """As phones know it: `UTC`, `Central Europe Standard/Daylight Time`."""
    date_template: Annotated[
        str, msgspec.Meta(pattern=r"^[DMY]{1,2}[/.-][DMY]{1,2}[/.-][DMYA]{1,2}\Z")
    ] = "D/M/Y"
    """How phones write a date: `D/M/Y`, `M/D/YA`."""


class DevicePoolSection(Section, frozen=True):
    """`[[device_pools]]`: phones that have a CallManager group in common."""

    name: Word
    """Devices refer to it."""
    callmanager_group: str
    """The nodes that its phones register with and ask."""
    default: bool = False
    """Whether auto-registered phones belong here."""
    model: str = "7975"
    """The model assumed for an auto-registered phone: decides its firmware load."""
    date_time_group: str | None = None
    """The date/time group of its phones; UTC when it is not given."""


class DeviceSection(Section, frozen=True):
    """`[[devices]]`: a phone that is configured by hand."""

    name: Annotated[str, msgspec.Meta(pattern=rf"^(?:{DEVICE_NAME})\Z")]
    """SEP and the MAC address, or the name of a soft phone."""
    device_pool: str
    """The device pool of the phone."""
    model: str = "7975"
    """Decides its firmware load, and whether it asks TVS."""
    security_mode: Literal[1, 2, 3] = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""


class ClusterConfig(Section, frozen=True, kw_only=True):
    """A whole configuration."""

    cluster: ClusterSection = ClusterSection()
    certificates: CertificatesSection = CertificatesSection()
    tftp: TftpSection = TftpSection()
    http: HttpSection = HttpSection()
    tvs: TvsSection = TvsSection()
    callmanager: CallManagerSection = CallManagerSection()
    capf: CapfSection = CapfSection()
    metrics: MetricsSection | None = None
    console: ConsoleSection | None = None
    database: DatabaseSection = DatabaseSection()
    nodes: Annotated[tuple[NodeSection, ...], msgspec.Meta(min_length=1)]
    callmanager_groups: tuple[CallManagerGroupSection, ...] = ()
    date_time_groups: tuple[DateTimeGroupSection, ...] = ()
    device_pools: tuple[DevicePoolSection, ...] = ()
    devices: tuple[DeviceSection, ...] = ()

    @property
    def capf_port(self) -> int:
        """Port of CAPF; 0 takes a free port."""
        if self.capf.port is not None:
            return self.capf.port
        return CAPF_PORT if self.tftp.port else 0


def host_tables() -> tuple[str, ...]:
    """Return the names of the tables that say how this host serves."""
    return tuple(
        field.name
        for field in msgspec.structs.fields(ClusterConfig)
        for kind in _structs(inspect.type_info(field.type))
        if issubclass(kind.cls, HostSection)
    )


def settings_at_once() -> frozenset[str]:
    """Return the settings that SIGHUP changes: `tvs.idle_s`."""
    return frozenset(
        f"{table.name}.{field.name}"
        for table in inspect_fields(ClusterConfig)
        for kind in _structs(table.type)
        for field in kind.fields
        if isinstance(field.type, inspect.Metadata)
        and (field.type.extra or {}).get(_MARK)
    )


def inspect_fields(section: type[Section]) -> tuple[inspect.Field, ...]:
    """Return the keys of a table, with their types."""
    section_type = inspect.type_info(section)
    assert isinstance(section_type, inspect.StructType)  # noqa: S101 (a section is one)
    return section_type.fields


def _structs(kind: inspect.Type) -> Iterator[inspect.StructType]:
    """Give the tables that a key can be, also one that may be absent."""
    match kind:
        case inspect.StructType():
            yield kind
        case inspect.Metadata():
            yield from _structs(kind.type)
        case inspect.UnionType():
            for each in kind.types:
                yield from _structs(each)
        case _:
            pass
