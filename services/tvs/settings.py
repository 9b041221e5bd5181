"""Settings of a node's TVS daemon, with their defaults."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tokenless.ground.tls import TlsVersion
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    OwnCertificate,
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

DEFAULT_PORT: Final = 2445
# What CUCM lists for this port, ECDHE first (REFERENCE 3.7): an 8861 was seen to use
# AES256-SHA. TLS 1.3 has suites of its own.
_CIPHERS: Final = (
    "ECDHE+AESGCM:ECDHE+AES:AES256-GCM-SHA384:AES256-SHA256:AES256-SHA:"
    "AES128-GCM-SHA256:AES128-SHA256:AES128-SHA"
)
# The two suites that 7900 phones have (REFERENCE 3.7).
_LEGACY_CIPHERS: Final = "AES128-SHA:AES256-SHA"


@dataclass(frozen=True, slots=True)
class LegacyListener:
    """TLS 1.0 with AES128-SHA and AES256-SHA, for 7900 phones, on a port of its own."""

    port: int
    address: str | None = None
    """The node's own address when None."""


@dataclass(frozen=True, slots=True)
class TvsSettings:
    """Everything that TvsServer needs to know before it starts."""

    certificates: tuple[OwnCertificate, ...]
    """One RSA, one ECDSA or both, side by side: the client's list decides."""
    address: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    minimum_tls: TlsVersion = TlsVersion.TLS_1_2
    """Of the main listener. 1.0 where old and new phones are sent to one port: anyone
    who has broken that protocol can read and change the connections of old phones,
    and OpenSSL's checks are off for all connections."""
    newest_tls: TlsVersion | None = None
    """Of the main listener; None: whatever OpenSSL knows."""
    legacy: LegacyListener | None = None
    """A second listener for TLS 1.0 alone, where old phones can be sent elsewhere."""
    client_ca: Path | None = None
    """PEM file of the authorities of phone certificates (MIC, LSC). With it a client
    certificate is asked for, may be absent, and is recorded."""
    limits: StreamLimits = field(default_factory=StreamLimits)
    """The vendor's idle timer is known by name only (REFERENCE 3.7)."""
    workers: int = 1
    """Processes on the one port."""
    node: str = ""
    """For logs and metrics."""

    def for_streams(self) -> StreamSettings:
        """Return these settings as the stream server takes them."""
        main = TlsSettings(
            self.certificates,
            self.minimum_tls,
            self.newest_tls,
            ciphers=_CIPHERS,
            client_certificates=ClientCertificates.IGNORED
            if self.client_ca is None
            else ClientCertificates.REQUESTED,
            authorities_file=self.client_ca,
        )
        ports = [Port(self.address, self.port, main)]
        if self.legacy is not None:
            old = TlsSettings(
                self.certificates,
                TlsVersion.TLS_1_0,
                TlsVersion.TLS_1_0,
                _LEGACY_CIPHERS,
                main.client_certificates,
                authorities_file=self.client_ca,
            )
            address = self.legacy.address or self.address
            ports.append(Port(address, self.legacy.port, old, name="legacy"))
        return StreamSettings("TVS", tuple(ports), self.limits, self.workers, self.node)
