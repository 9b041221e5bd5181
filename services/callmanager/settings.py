"""Settings of a node's Cisco CallManager, with their defaults."""

from dataclasses import dataclass, field
from typing import Final, assert_never

from tokenless.ground.tls import TlsVersion
from tokenless.services.callmanager.sccp.guest import SccpSettings
from tokenless.services.callmanager.sip.stations import SipSettings
from tokenless.services.store.parameters import TlsCiphers
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    OwnCertificate,
    Port,
    StreamLimits,
    TlsSettings,
)

# AES first; NULL-SHA is what authenticated mode asks for (REFERENCE-3 4.7).
CIPHERS: Final = (
    "ECDHE+AESGCM:ECDHE+AES:AES256-GCM-SHA384:AES256-SHA256:AES256-SHA:"
    "AES128-GCM-SHA256:AES128-SHA256:AES128-SHA"
)
WITH_AUTHENTICATED: Final = f"{CIPHERS}:NULL-SHA"
_STRONGEST: Final = ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384")
_MEDIUM: Final = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256")


def ciphers_of(choice: TlsCiphers) -> str:
    """Return what the enterprise parameter TLS Ciphers lets a port offer.

    Strongest is told for RSA only; the others, and that the first two leave no suite
    for authenticated phones and for those with TLS 1.0, are inferred (REFERENCE-5
    4.1). TLS 1.3 has suites of its own, which this does not choose.
    """
    match choice:
        case TlsCiphers.STRONGEST_RSA:
            return _STRONGEST[0]
        case TlsCiphers.STRONGEST_ECDSA:
            return ":".join(_STRONGEST[::-1])
        case TlsCiphers.MEDIUM_RSA:
            return ":".join((_STRONGEST[0], _MEDIUM[0]))
        case TlsCiphers.MEDIUM_ECDSA:
            return ":".join((*_STRONGEST[::-1], *_MEDIUM[::-1]))
        case TlsCiphers.ALL_RSA:
            return ":".join((_STRONGEST[0], _MEDIUM[0], WITH_AUTHENTICATED))
        case TlsCiphers.ALL_ECDSA:
            return ":".join((_STRONGEST[1], _MEDIUM[1], WITH_AUTHENTICATED))
        case _:
            assert_never(choice)


@dataclass(frozen=True, slots=True)
class CallManagerPorts:
    """Ports on which phones register; 0 takes a free port."""

    sccp: int = 2000
    sccps: int = 2443
    sip: int = 5060
    sips: int = 5061


@dataclass(frozen=True, slots=True)
class Advertised:
    """How phones' configurations name a node and its SIP ports (`[advertise]`)."""

    host: str = ""
    """The node's address; if empty, the one that it listens on."""
    sip: int = 0
    """The port for UDP and TCP; 0: the one that it listens on."""
    sips: int = 0
    """The port for TLS; 0: the one that it listens on."""


@dataclass(frozen=True, slots=True)
class CallManagerSettings:
    """Everything that CallManagerServer needs to know before it starts."""

    certificates: tuple[OwnCertificate, ...]
    """CallManager's own: RSA, and EC where there is one."""
    authorities: tuple[bytes, ...]
    """CallManager-trust, in DER: whose certificates phones may show."""
    address: str
    ports: CallManagerPorts = field(default_factory=CallManagerPorts)
    minimum_tls: TlsVersion = TlsVersion.TLS_1_2
    newest_tls: TlsVersion | None = None
    """None: whatever OpenSSL knows."""
    ciphers: str = WITH_AUTHENTICATED
    max_devices: int = 7500
    sccp: SccpSettings = field(default_factory=SccpSettings)
    sip: SipSettings = field(default_factory=SipSettings)
    limits: StreamLimits = field(default_factory=StreamLimits)
    node: str = ""
    advertised: Advertised = field(default_factory=Advertised)
    number: int = 1
    """The node's number in its cluster, on top of those of its calls."""

    def ports_of(self, clear: int, secure: int) -> tuple[Port, Port]:
        """Return a clear port and one over TLS with certificates on both sides."""
        tls = TlsSettings(
            self.certificates,
            self.minimum_tls,
            self.newest_tls,
            ciphers=self.ciphers,
            client_certificates=ClientCertificates.REQUIRED,
            authorities=self.authorities,
        )
        return (
            Port(self.address, clear, None, name="clear"),
            Port(self.address, secure, tls, name="secure"),
        )
