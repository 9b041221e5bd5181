"""What an administrator decides about a node's TVS daemon, with its defaults."""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tokenless.protocol.certificate import UNREADABLE
from tokenless.services.errors import ServiceError

DEFAULT_PORT: Final = 2445


@unique
class MinimumTls(StrEnum):
    """The oldest TLS that the main listener speaks: the setting `tvs.tls_minimum`."""

    TLS_1_0 = "1.0"
    """7900 phones know nothing newer. Whoever has broken that protocol can read and
    change their connections, and OpenSSL's checks are off for everybody's."""
    TLS_1_2 = "1.2"


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate that the daemon shows, and where its private key lies."""

    der: bytes
    key: Path
    """PEM without a password; read by the TLS library only."""

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Self:
        """Take the certificate from a PEM file.

        Raises:
            ServiceError: When the file cannot be read or holds none.
        """
        try:
            pem = certificate.read_bytes()
            return cls(
                x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER), key
            )
        except (OSError, *UNREADABLE) as error:
            raise ServiceError(
                f"{certificate}: no certificate could be read: {error}",
                hint="name a PEM file with the TVS certificate",
            ) from error


@dataclass(frozen=True, slots=True)
class TvsLimits:
    """What one client, or all of them, may take before the daemon defends itself."""

    connections: int = 16_384
    """At once; over it the connection that has waited longest is closed. The limit of
    open files of the process, when lower, counts instead."""
    connections_per_address: int = 8_192
    """High, because all phones of a site may come from one address (NAT)."""
    first_byte_s: float = 10.0
    """From accept to the first byte. Nothing is allocated for TLS before it."""
    handshake_s: float = 10.0
    """From the first byte to a finished handshake, however the bytes dribble."""
    request_s: float = 10.0
    """From a request's first byte until its answer has left."""
    idle_s: float = 10.0
    """Between requests; the vendor's timer is known by name only (REFERENCE 3.7)."""
    buffered_bytes: int = 2 * 65_545
    """Received and not yet answered, a connection."""


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
    minimum_tls: MinimumTls = MinimumTls.TLS_1_2
    """Of the main listener. 1.0 where old and new phones are sent to one port."""
    legacy: LegacyListener | None = None
    """A second listener for TLS 1.0 alone, where old phones can be sent elsewhere."""
    client_ca: Path | None = None
    """PEM file of the authorities of phone certificates (MIC, LSC). With it a client
    certificate is asked for, may be absent, and is recorded; see tls.py."""
    limits: TvsLimits = field(default_factory=TvsLimits)
    workers: int = 1
    """Processes on the one port."""
    node: str = ""
    """For logs and metrics."""
