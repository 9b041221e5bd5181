"""The tables that say how a host serves: its services, their ports and limits.

Servers take their own settings from these classes. The sentences under the keys are
what administrators read in docs/configuration.md.
"""

from enum import StrEnum, unique
from typing import Annotated, Final, Literal

import msgspec

from tokenless.services.config.declaration import (
    AtOnce,
    Count,
    GivenPort,
    HostSection,
    Port,
    Seconds,
)

LINK_PORT: Final = 8002


@unique
class Ports(StrEnum):
    """Port from which the server answers a TFTP transfer."""

    PER_TRANSFER = "per-transfer"
    """A separate port for each transfer, as in RFC 1350."""
    SINGLE = "single"
    """The well-known port for all: passes NAT, containers and strict firewalls.

    Nothing in it is secret, so ACKs can be forged with a victim's address: transfers
    have windows of one block of 512 bytes, and one retransmit.
    """


class ConnectionLimits(HostSection, frozen=True):
    """Limits of a TCP server for one client and for all clients."""

    connections: AtOnce[Count] = 16384
    """Largest number of open connections. When there are more, the one that has waited
    longest is closed. A lower limit of open files of the process counts instead."""
    connections_per_address: AtOnce[Count] = 8192
    """Largest number of connections from one address. It is high, because all phones of
    a site may have one address (NAT)."""
    handshakes_per_address: AtOnce[Count] = 512
    """Largest number of TLS handshakes that run at once for one address; further ones
    wait for their turn. Each costs some 50 KB."""
    handshakes_per_address_s: AtOnce[Annotated[int, msgspec.Meta(ge=0)]] = 0
    """Largest number of TLS handshakes that one address may begin in a second; 0: no
    limit."""
    log_lines_per_s: AtOnce[Count] = 10
    """Above this rate lines about clients are summed up instead of written one by one.
    With the longest names 10 are less than 1 MB a minute."""


class TimedLimits(ConnectionLimits, frozen=True):
    """The same for a server whose clients send requests and disconnect."""

    first_byte_s: AtOnce[Seconds] = 10.0
    """Longest time until a client sends its first byte. No memory for TLS is used
    before it."""
    handshake_s: AtOnce[Seconds] = 10.0
    """Longest time from the first byte to the end of the handshake."""
    request_s: AtOnce[Seconds] = 10.0
    """Longest time from the first byte of a request until its answer is sent."""
    idle_s: AtOnce[Seconds] = 10.0
    """Longest time between requests."""


class ListenSection(HostSection, frozen=True):
    """`[listen]`: where the services listen, if phones do not reach them there.

    Published ports of containers, Kubernetes Services and NAT need it: `nodes.address`
    is then what phones are told, and what they must reach.
    """

    address: str = ""
    """The IPv4 address on which all services of this host listen; `0.0.0.0` is all of
    its addresses. Empty: each node's own. TVS's old port and the console may have
    another one."""


class AdvertiseSection(HostSection, frozen=True):
    """`[advertise]`: the ports that phones are told, if they differ from those above.

    Phones know the ports of TFTP (69), HTTP (6970, 6971) and SCCP over TLS (2443)
    without being told; for them it is for other programs.
    """

    tftp: GivenPort | None = None
    """The port of TFTP. Needs `tftp.ports = "single"`: ports that are taken for each
    transfer cannot be published."""
    http: GivenPort | None = None
    """The port of HTTP."""
    https: GivenPort | None = None
    """The port of HTTPS."""
    tvs: GivenPort | None = None
    """The port of TVS."""
    capf: GivenPort | None = None
    """The port of CAPF."""
    sccp: GivenPort | None = None
    """The port of SCCP without TLS."""
    sccps: GivenPort | None = None
    """The port of SCCP over TLS."""
    sip: GivenPort | None = None
    """The port of SIP, UDP and TCP."""
    sips: GivenPort | None = None
    """The port of SIP over TLS."""
    link: GivenPort | None = None
    """The port to which the other nodes connect."""


class TftpLimits(HostSection, frozen=True):
    """The settings of `[tftp]` that its server takes as they are."""

    ports: Ports = Ports.PER_TRANSFER
    """Port from which transfers are answered: a separate one for each, as in RFC 1350,
    or the well-known one for all, which passes NAT and strict firewalls but is slow."""
    receive_buffer_bytes: Count = 8 << 20
    """Bytes of the socket's receive buffer. It holds the requests of phones that boot
    at the same time; each request that does not fit costs a time-out."""
    max_transfers: AtOnce[Count] = 8192
    """Largest number of transfers at once."""
    max_transfers_per_address: AtOnce[Count] = 4096
    """Largest number of transfers at once for one address. It is large, because a whole
    site may have one address (NAT)."""
    log_lines_per_s: AtOnce[Count] = 40
    """Above this rate transfers are summed up instead of listed one by one: the log of
    a flood stays under a megabyte a minute."""


class TftpSection(TftpLimits, frozen=True):
    """`[tftp]`: the TFTP service, and the files that HTTP serves, too."""

    port: Port = 6969
    """UDP port; real phones use 69 only. 0: a free port."""
    reload: AtOnce[Literal["restart", "automatic"]] = "restart"
    """The moment when new files are served: after the service's restart, or at once."""
    workers: Count = 1
    """Ignored with a warning: TFTP runs in one process, as several showed no gain."""
    itl_reset: AtOnce[Literal["publisher", "each-node"]] = "publisher"
    """The result of `utils itl reset localkey` from 12.0 on: the publisher's ITL,
    signed by its CallManager, for all nodes (REFERENCE-2 3.5); or for each node its own
    ITL, signed by its own CallManager, which locks out fewer phones."""
    allow: AtOnce[tuple[str, ...]] = ()
    """Networks (CIDR) that are served; empty: all."""
    max_block_size: AtOnce[Annotated[int, msgspec.Meta(ge=8, le=65464)]] = 65464
    """The largest `blksize` that is accepted (RFC 2348)."""
    max_window: AtOnce[Annotated[int, msgspec.Meta(ge=1, le=65535)]] = 64
    """The largest `windowsize` that is accepted (RFC 7440), in blocks."""
    timeout_s: AtOnce[Seconds] = 0.3
    """Time without an ACK after which a block is sent again."""
    static_files: str = ""
    """A folder of further files (firmware, ring tones), in addition to the node's
    own."""
    static_patterns: tuple[str, ...] = ("*",)
    """Shell patterns for whole file names; only files that match one are served."""
    max_file_bytes: Count = 256 << 20
    """Larger files are not served."""


class HttpSection(TimedLimits, frozen=True):
    """`[http]`: the same files over HTTP and HTTPS.

    Real phones use ports 6970 and 6971 only. With `[tftp] port = 0` they are free ports
    unless they are given.
    """

    enabled: bool = True
    """True to serve files over HTTP and HTTPS."""
    port: Port | None = None
    """The port of HTTP; default 6970."""
    tls_port: Port | None = None
    """The port of HTTPS; default 6971."""
    alias_port: Port | None = None
    """A second port for HTTPS (6972 in real clusters); default: none."""
    log_lines_per_s: AtOnce[Count] = 40
    """Log lines about clients that are written per second; more are summed up."""
    missing_ctl: AtOnce[Literal[503, 404]] = 503
    """The status for a missing CTL: 503 as observed, or 404 as for other files."""


class LegacyTvsSection(HostSection, frozen=True):
    """`[tvs.legacy]`: a separate port with TLS 1.0."""

    port: Port
    """The port that is given to 7900 phones."""
    address: str | None = None
    """The address to listen on; default: `listen.address`, or the node's address."""


class TvsSection(TimedLimits, frozen=True):
    """`[tvs]`: the Trust Verification Service."""

    port: Port = 2445
    """The port; 0: a free port."""
    workers: Count = 1
    """Number of processes that share the port."""
    ctl_cache: Literal["as-documented", "as-logged"] = "as-documented"
    """The CTL files that TVS trusts (REFERENCE 10.2)."""
    callmanager_trust: Literal["no-role", "sast"] = "no-role"
    """Trust in certificates that are only in CallManager-trust. Observed: `no-role`
    (REFERENCE 1.12). One report of a migration from 8.6 to 12.5 says that ITLRecovery
    in that store was enough; `sast` plays it."""
    tls_minimum: AtOnce[Literal["1.0", "1.2"]] = "1.2"
    """The lowest TLS version. 7900 phones support TLS 1.0 only. An attacker who can
    break TLS 1.0 can read and change the connections of all phones on this port."""
    legacy: LegacyTvsSection | None = None
    """A separate port with TLS 1.0, for old phones."""
    client_ca: str | None = None
    """PEM file of the authorities that issue phone certificates (MIC, LSC). With it,
    TVS requests a client certificate; it may be absent, and is recorded."""


class CallManagerSection(ConnectionLimits, frozen=True):
    """`[callmanager]`: the service at which phones register."""

    sccp_port: Port = 2000
    """SCCP without TLS. 0: a free port, as for the other three."""
    sccps_port: Port = 2443
    """SCCP over TLS."""
    sip_port: Port = 5060
    """SIP, UDP and TCP."""
    sips_port: Port = 5061
    """SIP over TLS."""
    link_port: Port | None = None
    """The port to which the other nodes connect, for registrations and calls. Default:
    8002, or a free port when `sccp_port = 0`."""
    tls_minimum: AtOnce[Literal["1.0", "1.2"]] = "1.2"
    """The lowest TLS version; 7900 phones support TLS 1.0 only."""
    ciphers: AtOnce[str] = ""
    """Cipher suites up to TLS 1.2 in OpenSSL's notation; empty: those of CUCM."""
    max_devices: AtOnce[Count] = 7500
    """Largest number of phones registered at one node."""
    keepalive_s: Count = 30
    """Seconds between keep-alives of SCCP phones at the node where they are
    registered."""
    secondary_keepalive_s: Count = 60
    """Seconds between keep-alives on the connection to the standby node."""
    token_wait_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Seconds that a phone must wait before it returns to a better node; 0: none."""
    connections_per_address: AtOnce[Count] = 16384
    """Largest number of connections from one address: registered phones stay
    connected."""
    log_lines_per_s: AtOnce[Count] = 100
    """Above this rate lines about phones are summed up instead of written one by one.
    When a site registers, one line is written for each phone."""

    @property
    def link_port_or_default(self) -> int:
        """Port of the links between nodes; 0 takes a free port."""
        if self.link_port is not None:
            return self.link_port
        return LINK_PORT if self.sccp_port else 0


class CapfSection(HostSection, frozen=True):
    """`[capf]`: CAPF on the publisher."""

    enabled: bool = True
    """True to run CAPF on the publisher."""
    port: Port | None = None
    """The port of CAPF; phones read it from their configurations. Default: 3804, or a
    free port when `[tftp] port = 0`."""
    tls_minimum: AtOnce[Literal["1.0", "1.2"]] = "1.0"
    """The lowest TLS version; 7900 phones support TLS 1.0 only."""
    validity_days: Annotated[int, msgspec.Meta(ge=1, le=1825)] = 1825
    """Days for which an LSC is valid."""
    keep_alive_minutes: Annotated[int, msgspec.Meta(ge=5, le=60)] = 15
    """Longest time for one step of a phone, most of all for making a key."""


class MetricsSection(HostSection, frozen=True):
    """`[metrics]`: `/metrics` and `/health` over HTTP; without it they are off."""

    port: Port
    """The port; 0: a free port."""
    address: str = "127.0.0.1"
    """The address to listen on. There is no password: use loopback, or a network in
    which everybody may read the metrics."""


class ConsoleSection(HostSection, frozen=True):
    """`[console]`: the administration pages over HTTPS; without it `serve` has none.

    A host that may only follow the cluster has none, either.
    """

    port: Port = 8443
    """The port; 0: a free port."""
    address: str = ""
    """The address to listen on; empty: `listen.address`, or the node's address."""


class DatabaseSection(HostSection, frozen=True):
    """`[database]`: the place of the cluster's state."""

    url: str | None = None
    """An SQLAlchemy URL; default: a file in the data folder."""
    busy_timeout_s: Seconds = 30.0
    """The longest wait of an administrator for another administrator's change."""
