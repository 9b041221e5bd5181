"""Cisco Certificate Authority Proxy Function, as supervision starts and stops it."""

from collections.abc import Mapping

import trio

from tokenless.ground.tls import TlsVersion
from tokenless.protocol.certificates.minting import Issuer
from tokenless.protocol.codes import TrustStore
from tokenless.services.capf.database_jobs import Authority
from tokenless.services.capf.server import CapfServer, CapfSettings
from tokenless.services.changes.capf import trust_manufacturer
from tokenless.services.changes.certificates import own_certificate
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.logs import get_logger
from tokenless.services.node.control.announce import announce
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.stream_server.settings import (
    OwnCertificate,
)


class CapfService:
    """CAPF of the publisher; it shows and signs with the certificate of its start."""

    name = ServiceName.CAPF

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        # Remembered: a restart, and every phone configuration, keep the port.
        self._port = cluster.config.capf_port
        self._server: CapfServer | None = None
        self._prepared: CapfSettings | None = None

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening address: `capf`."""
        if self._server is None:
            return {}
        address = self._cluster.listening_address(self._node)
        return {"capf": (address, self._port)}

    async def prepare(self) -> None:
        """Load CAPF's certificate and key of now."""
        self._prepared = await trio.to_thread.run_sync(self._load)

    async def bind(self) -> None:
        """Take the socket. Raises ServiceError when it cannot be had."""
        if self._server is None:
            settings = self._prepared
            if settings is None:
                settings = await trio.to_thread.run_sync(self._load)
            server = CapfServer(self._cluster, settings, announce, log=get_logger())
            _, self._port = await server.bind()
            self._server = server

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve phones until cancelled."""
        server = self._server
        assert server is not None  # noqa: S101  # supervision binds first
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(server.serve)
                task_status.started()
        finally:
            self.close()

    def close(self) -> None:
        """Give back a socket that was never served on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _load(self) -> CapfSettings:
        cluster, node = self._cluster, self._node
        section = cluster.config.capf
        trust_manufacturer(cluster)
        own = own_certificate(cluster, node, TrustStore.CAPF)
        return CapfSettings(
            OwnCertificate(own.der, node.keys.path(TrustStore.CAPF, own)),
            Authority(
                own,
                Issuer(own.subject, node.keys.load(TrustStore.CAPF, own)),
                section.validity_days,
                cluster.release,
            ),
            cluster.listening_address(node),
            self._port,
            TlsVersion(section.tls_minimum),
            section.keep_alive_minutes * 60.0,
            node.name,
        )
