"""Settings of a node's HTTP server, with their defaults."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from tokenless.ground.tls import TlsVersion
from tokenless.services.stream_server.settings import (
    OwnCertificate,
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

HTTP_PORT: Final = 6970
HTTPS_PORT: Final = 6971
CLEAR, SECURE = 0, 1
"""The indexes of the ports; the alias of HTTPS is the one behind them."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Everything that HttpServer needs to know before it starts."""

    certificates: tuple[OwnCertificate, ...]
    """Of HTTPS: the node's CallManager certificate (REFERENCE-3 1.4)."""
    address: str = "127.0.0.1"
    port: int = HTTP_PORT
    """0 takes a free one."""
    tls_port: int = HTTPS_PORT
    alias_port: int | None = None
    """A second port for HTTPS: 6972, whose difference from 6971 no source explains."""
    missing_ctl: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE
    """The status of a CTL that is not there: 503 was seen (REFERENCE-3 1.3)."""
    newest_tls: TlsVersion | None = None
    """None: whatever OpenSSL knows."""
    limits: StreamLimits = field(default_factory=StreamLimits)
    node: str = ""
    """For logs and metrics."""

    def for_streams(self) -> StreamSettings:
        """Return these settings as the stream server takes them."""
        tls = TlsSettings(self.certificates, maximum=self.newest_tls)
        ports = [
            Port(self.address, self.port, None, name="http"),
            Port(self.address, self.tls_port, tls, name="https"),
        ]
        if self.alias_port is not None:
            ports.append(Port(self.address, self.alias_port, tls, name="https-alias"))
        return StreamSettings("HTTP", tuple(ports), self.limits, node=self.node)
