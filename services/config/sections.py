"""The tables of a configuration file: their keys, types, ranges and defaults."""

from typing import Annotated, Literal

import msgspec

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


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class ClusterSection(Section, frozen=True):
    """`[cluster]`: what the cluster is."""

    name: Word = "cluster"
    version: str = "10.5(1)"
    """The release it behaves as: who is SAST, who signs (REFERENCE 1.9, 1.10, 2.3)."""
    auto_registration: bool = True
    """Whether any SEP name gets a configuration of the default device pool."""
    export_controlled_functionality: bool = True
    """The licence without which mixed mode is refused (REFERENCE 6.1)."""
    capf: HostName | None = None
    """The common name of the CAPF certificate; made up when it is not given."""
    manufacturer: str = ""
    """The folder of an emulated manufacturer of phones that several clusters trust; the
    data folder's own when empty."""
    domain: HostName | None = None
    """Follows node names in certificates' common names."""


class SubjectSection(Section, frozen=True):
    """`[certificates.subject]`: the attributes beside the common name."""

    organizational_unit: str = "TAC"
    organization: str = "Cisco"
    locality: str = "Krakow"
    state: str = "Malopolska"
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")] = "PL"


class CertificatesSection(Section, frozen=True):
    """`[certificates]`: how the cluster's own certificates are made."""

    key_size: KeySize = 2048
    """Of the first certificates."""
    regenerated_key_size: KeySize = 2048
    validity_days: Days = 1825
    recovery_validity: Literal["by-release", "as-others"] = "by-release"
    """How long ITLRecovery lasts: 20 years from 12.0 on (REFERENCE-2 3.2)."""
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
    subject: SubjectSection = SubjectSection()


class NodeSection(Section, frozen=True):
    """`[[nodes]]`: one server."""

    name: HostName
    address: str
    """IPv4: it stands in trust lists, and the services listen on it."""
    publisher: bool = False


class TftpSection(Section, frozen=True):
    """`[tftp]`: the TFTP service (services.tftp.settings)."""

    port: Port = 6969
    """0 takes a free one."""
    reload: Literal["restart", "automatic"] = "restart"
    """When new files are served: after the service's restart, or at once."""
    workers: Count = 1
    """Ignored, with a warning: TFTP runs in one process, as several showed no gain."""
    itl_reset: Literal["publisher", "each-node"] = "publisher"
    """What `utils itl reset localkey` makes from 12.0 on: the publisher's ITL, signed
    by its CallManager, for all nodes (REFERENCE-2 3.5); or each node's own, signed by
    its own CallManager, which is kinder to phones."""
    ports: Literal["per-transfer", "single"] = "per-transfer"
    receive_buffer_bytes: Count = 8 << 20
    max_transfers: Count = 16384
    max_transfers_per_address: Count = 8192
    allow: tuple[str, ...] = ()
    """Networks (CIDR) that are served; empty: all."""
    log_lines_per_s: Count = 40
    max_block_size: Annotated[int, msgspec.Meta(ge=8, le=65464)] = 65464
    max_window: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 64
    timeout_s: Seconds = 0.3
    static_files: str = ""
    """A folder of further files, beside the node's own."""
    static_patterns: tuple[str, ...] = ("*",)
    max_file_bytes: Count = 256 << 20


class HttpSection(Section, frozen=True):
    """`[http]`: the same files over HTTP and HTTPS (services.http.settings).

    Phones know no other ports than 6970 and 6971. Where TFTP takes a free port, so do
    they that are not given.
    """

    enabled: bool = True
    port: Port | None = None
    tls_port: Port | None = None
    alias_port: Port | None = None
    """A second port for HTTPS, 6972 in the field; without it there is none."""
    connections: Count = 16384
    connections_per_address: Count = 8192
    request_s: Seconds = 10.0
    idle_s: Seconds = 10.0
    log_lines_per_s: Count = 40


class LegacyTvsSection(Section, frozen=True):
    """`[tvs.legacy]`: TLS 1.0 on a port of its own."""

    port: Port
    address: str | None = None


class TvsSection(Section, frozen=True):
    """`[tvs]`: the Trust Verification Service (services.tvs.settings)."""

    port: Port = 2445
    """0 takes a free one."""
    workers: Count = 1
    ctl_cache: Literal["as-documented", "as-logged"] = "as-documented"
    """Which CTL files TVS believes (REFERENCE 10.2)."""
    callmanager_trust: Literal["no-role", "sast"] = "no-role"
    """Whether TVS vouches for what lies in CallManager-trust alone. Observed: it has no
    role there (REFERENCE 1.12). One report of a migration from 8.6 to 12.5 says that
    ITLRecovery in that store was enough; `sast` plays it."""
    tls_minimum: Literal["1.0", "1.2"] = "1.2"
    """7900 phones have TLS 1.0 only."""
    legacy: LegacyTvsSection | None = None
    client_ca: str | None = None
    connections: Count = 16384
    connections_per_address: Count = 8192
    handshakes_per_address: Count = 512
    """TLS handshakes of one address that are under way at once."""
    handshakes_per_address_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    """TLS handshakes that one address may begin in a second; 0: no such limit."""
    log_lines_per_s: Count = 10
    """Above this rate answers are summed up instead of listed one by one."""
    first_byte_s: Seconds = 10.0
    handshake_s: Seconds = 10.0
    request_s: Seconds = 10.0
    idle_s: Seconds = 10.0


class CallManagerSection(Section, frozen=True):
    """`[callmanager]`: phones register here (services.callmanager.settings)."""

    sccp_port: Port = 2000
    """0 takes a free one, as for the other three."""
    sccps_port: Port = 2443
    sip_port: Port = 5060
    """UDP and TCP."""
    sips_port: Port = 5061
    tls_minimum: Literal["1.0", "1.2"] = "1.2"
    """7900 phones have TLS 1.0 only, and authenticated mode needs it: NULL-SHA."""
    ciphers: str = ""
    """OpenSSL's list for TLS up to 1.2; empty: what CUCM offers."""
    max_devices: Count = 7500
    """Registered at one node at once."""
    keepalive_s: Count = 30
    """Of SCCP phones, on the connection that they are registered on."""
    secondary_keepalive_s: Count = 60
    """On the connection to their standby node."""
    token_wait_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How long a phone that wants to come back has to wait; 0: not at all."""
    connections: Count = 16384
    connections_per_address: Count = 16384
    handshakes_per_address: Count = 512
    handshakes_per_address_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    log_lines_per_s: Count = 100


class CapfSection(Section, frozen=True):
    """`[capf]`: the publisher's CAPF; without it none is served."""

    port: Port = 3804
    """Phones have no other. 0 takes a free one."""
    tls_minimum: Literal["1.0", "1.2"] = "1.0"
    """7900 phones have TLS 1.0 only."""
    validity_days: Annotated[int, msgspec.Meta(ge=1, le=1825)] = 1825
    """Of the LSCs that are issued."""
    keep_alive_minutes: Annotated[int, msgspec.Meta(ge=5, le=60)] = 15
    """How long a phone may take for a step: making a key, above all."""


class MetricsSection(Section, frozen=True):
    """`[metrics]`: `/metrics` and `/health` over HTTP; without it they are off."""

    port: Port
    """0 takes a free one."""
    address: str = "127.0.0.1"
    """There is no password: loopback, or a network of those who may read it."""


class DatabaseSection(Section, frozen=True):
    """`[database]`: where the cluster's state lives."""

    url: str | None = None
    """An SQLAlchemy URL; a file of the data folder when it is not given."""
    busy_timeout_s: Seconds = 30.0
    """How long an administrator waits for another one's change."""


class CallManagerGroupSection(Section, frozen=True):
    """`[[callmanager_groups]]`: nodes in order of priority; phones ask their TVS."""

    name: Word
    members: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=5)]


class DevicePoolSection(Section, frozen=True):
    """`[[device_pools]]`."""

    name: Word
    callmanager_group: str
    default: bool = False
    """Whether auto-registered phones belong here."""
    model: str = "7975"
    """What an auto-registered phone is taken for: decides its firmware load."""


class DeviceSection(Section, frozen=True):
    """`[[devices]]`: a phone that is configured by hand."""

    name: Annotated[str, msgspec.Meta(pattern=rf"^(?:{DEVICE_NAME})\Z")]
    device_pool: str
    model: str = "7975"
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
    capf: CapfSection | None = None
    metrics: MetricsSection | None = None
    database: DatabaseSection = DatabaseSection()
    nodes: Annotated[tuple[NodeSection, ...], msgspec.Meta(min_length=1)]
    callmanager_groups: tuple[CallManagerGroupSection, ...] = ()
    device_pools: tuple[DevicePoolSection, ...] = ()
    devices: tuple[DeviceSection, ...] = ()
