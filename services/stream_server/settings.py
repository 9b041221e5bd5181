"""Settings of a stream server, with their defaults."""

from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, Self

import msgspec

from tokenless.ground.tls import TlsVersion
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates
from tokenless.protocol.errors import DecodeError
from tokenless.services.config.host_sections import ConnectionLimits, TimedLimits
from tokenless.services.errors import ServiceError
from tokenless.services.listening import raise_descriptor_limit

# Left to everything else in the process (databases, files, other services): so many,
# or a quarter where the limit is low.
_DESCRIPTORS_FOR_OTHERS: Final = 256


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate that a server shows, and where its private key lies."""

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
            der = read_certificates(certificate.read_bytes())[0]
            return cls(Certificate.decode(der).der, key)
        except (OSError, DecodeError) as error:
            raise ServiceError(
                f"{certificate}: no certificate could be read: {error}",
                hint="name a PEM file with the server's certificate",
            ) from error


@unique
class ClientCertificates(StrEnum):
    """The rule for certificates of clients: asked for, or not."""

    IGNORED = "ignored"
    REQUESTED = "requested"
    """A client may show none. One that shows an unverifiable one fails once, and is not
    asked again: OpenSSL, as Python lets it be used, cannot ask without verifying."""
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS settings of a port."""

    certificates: tuple[OwnCertificate, ...]
    """One RSA, one ECDSA or both, side by side: the client's list decides."""
    minimum: TlsVersion = TlsVersion.TLS_1_2
    """With TLS 1.0, OpenSSL's checks are off for all clients of this port."""
    maximum: TlsVersion | None = None
    ciphers: str = "DEFAULT"
    """OpenSSL's cipher list, for TLS up to 1.2; TLS 1.3 has suites of its own."""
    client_certificates: ClientCertificates = ClientCertificates.IGNORED
    authorities: tuple[bytes, ...] = ()
    """DER of the certificates that client certificates must come from: their issuers,
    or themselves."""
    authorities_file: Path | None = None
    """More of them, in a PEM file."""


@dataclass(frozen=True, slots=True)
class Port:
    """A listening port, and its protocol."""

    address: str
    port: int
    """0 takes a free one."""
    tls: TlsSettings | None
    """None: clear TCP."""
    name: str = "main"


class StreamLimits(TimedLimits, frozen=True):
    """Limits for one client and for all clients."""

    buffered_bytes: int = 2 * 65_545
    """Received and not yet answered, a connection; the session keeps to it."""
    unsent_bytes: int = 1 << 20
    """Sent unasked and not yet read by the client, a connection."""

    @classmethod
    def of(cls, section: ConnectionLimits) -> Self:
        """Take the limits of a server's table of the configuration."""
        names = cls.__struct_fields__
        return cls(
            **{
                name: getattr(section, name)
                for name in section.__struct_fields__
                if name in names
            }
        )


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Everything that a stream server needs to know before it starts."""

    name: str
    """In log lines: `TVS`."""
    ports: tuple[Port, ...]
    limits: StreamLimits = field(default_factory=StreamLimits)
    workers: int = 1
    """Processes that share the ports. A guest that keeps connections by name, to send
    unasked, has to run in one."""
    node: str = ""
    """For logs and metrics."""

    @property
    def shown(self) -> frozenset[bytes]:
        """The DER of the certificates that its ports show."""
        return frozenset(
            own.der
            for port in self.ports
            if port.tls is not None
            for own in port.tls.certificates
        )


def within_descriptors(limits: StreamLimits) -> StreamLimits:
    """Raise the process's soft limit of open files, and stay below it."""
    allowed = raise_descriptor_limit()
    if allowed is None:
        return limits
    room = allowed - min(_DESCRIPTORS_FOR_OTHERS, allowed // 4)
    return msgspec.structs.replace(limits, connections=min(limits.connections, room))
