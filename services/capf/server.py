"""The CAPF server as the rest of the services see it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog
import trio

from tokenless.ground.tls import TlsVersion
from tokenless.services.capf.database_jobs import Authority, JobQueue
from tokenless.services.capf.guest import COLLECTOR, CapfCount, CapfGuest
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import (
    OwnCertificate,
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

# What a real handshake agreed on (RSA-AES256-SHA) and what newer phones offer. No
# client certificate is asked for (observed, REFERENCE-3 3.1).
_CIPHERS: Final = (
    "ECDHE+AESGCM:ECDHE+AES:AES256-GCM-SHA384:AES256-SHA256:AES256-SHA:"
    "AES128-GCM-SHA256:AES128-SHA256:AES128-SHA"
)
_STEP_S: Final = 60.0
"""From a message's first byte until it is answered."""


@dataclass(frozen=True, slots=True)
class CapfSettings:
    """Everything that a CAPF server needs to know before it starts."""

    certificate: OwnCertificate
    authority: Authority
    address: str
    port: int
    minimum_tls: TlsVersion = TlsVersion.TLS_1_0
    newest_tls: TlsVersion | None = None
    """None: whatever OpenSSL knows."""
    keep_alive_s: float = 900.0
    """The longest time of a phone's step: an old phone needs minutes to make a key."""
    node: str = ""
    limits: StreamLimits | None = None
    """Instead of the usual ones."""

    def for_streams(self) -> StreamSettings:
        """Return these settings as the stream server takes them."""
        tls = TlsSettings(
            (self.certificate,), self.minimum_tls, self.newest_tls, _CIPHERS
        )
        return StreamSettings(
            "CAPF",
            (Port(self.address, self.port, tls),),
            self.limits or StreamLimits(request_s=_STEP_S, idle_s=self.keep_alive_s),
            node=self.node,
        )


class CapfServer:
    """Serves phones until it is cancelled."""

    def __init__(
        self,
        cluster: Cluster,
        settings: CapfSettings,
        announce: Callable[[Cluster], object],
        *,
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """Load the certificate.

        Args:
            cluster: Where devices are.
            settings: Where to listen, and who issues.
            announce: Makes every running node apply the newest state; blocking.
            log: Where lines go; standard error without it.

        Raises:
            ServiceError: When the certificate cannot be used.
        """
        unbound = structlog.get_logger() if log is None else log
        self._settings = settings
        self._jobs = JobQueue(cluster, settings.authority, announce, unbound)
        self._server = StreamServer(
            settings.for_streams(),
            partial(CapfGuest, self._jobs),
            guest_cells=len(CapfCount),
            collector=COLLECTOR,
            log=log,
        )
        self.counters = self._server.counters

    async def bind(self) -> tuple[str, int]:
        """Listen; phones wait in the backlog until `serve` runs.

        Raises:
            ServiceError: When the address is not ours or the port is in use.
        """
        return (await self._server.bind())[0]

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._jobs.run)
            addresses = await nursery.start(self._server.serve)
            task_status.started(addresses[0])

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        self._server.close()

    def reload(self, settings: CapfSettings) -> None:
        """Take the certificate, issue by it, take the newest TLS; connections stay.

        Everything else stays as it is: validity and release of issued certificates.

        Raises:
            ServiceError: When it cannot be used; then nothing has changed.
        """
        mine, issuer = self._settings, settings.authority
        authority = replace(
            mine.authority, certificate=issuer.certificate, issuer=issuer.issuer
        )
        settings = replace(
            mine,
            certificate=settings.certificate,
            authority=authority,
            minimum_tls=settings.minimum_tls,
            newest_tls=settings.newest_tls,
        )
        self._server.reload(settings.for_streams())
        self._settings, self._jobs.authority = settings, authority
