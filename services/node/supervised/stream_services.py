"""Services of one stream server: TVS and CAPF, as supervision starts and stops them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

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
from tokenless.services.node.database_thread import in_thread
from tokenless.services.node.supervised.settings import (
    newest_tls,
    shown_certificate,
    tvs_settings,
)
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import TvsSettings


class _Server(Protocol):
    """Interface of TVS's and CAPF's server."""

    async def bind(self) -> tuple[str, int]:
        """Listen; return where."""

    async def serve(self, *, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        """Serve until cancelled."""

    def close(self) -> None:
        """Stop listening."""


SettingsT = TypeVar("SettingsT")
ServerT = TypeVar("ServerT", bound=_Server)


class StreamService(ABC, Generic[SettingsT, ServerT]):
    """A service that is one server, with the certificate of its start."""

    def __init__(self, cluster: Cluster, node: Node, port: int) -> None:
        self._cluster = cluster
        self._node = node
        # Remembered: a restart, and every phone configuration, keep the port.
        self._port = port
        self._address = ""
        self._prepared: SettingsT | None = None
        self._server: ServerT | None = None

    @abstractmethod
    def _load(self) -> SettingsT:
        """Load the settings of a start: its certificate of now, and its limits."""

    @abstractmethod
    def _open(self, settings: SettingsT) -> ServerT:
        """Return a server that does not listen yet."""

    async def prepare(self) -> None:
        """Load what the next run serves."""
        self._prepared = await in_thread(self._cluster, self._load)

    async def bind(self) -> None:
        """Take the socket. Raises ServiceError when it cannot be had."""
        if self._server is None:
            settings = self._prepared
            if settings is None:
                settings = await in_thread(self._cluster, self._load)
            server = self._open(settings)
            self._address, self._port = await server.bind()
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


class TvsService(StreamService[TvsSettings, TvsServer]):
    """Cisco Trust Verification Service: answers from caches that outlive a restart."""

    name = ServiceName.TVS

    def __init__(self, cluster: Cluster, node: Node, caches: Caches) -> None:
        super().__init__(cluster, node, cluster.config.tvs.port)
        self._caches = caches

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening addresses: `tvs`; `tvs-legacy` where TLS 1.0 has its own port."""
        if self._server is None:
            return {}
        legacy = self._server.legacy_address
        return {
            "tvs": (self._address, self._port),
            **({} if legacy is None else {"tvs-legacy": legacy}),
        }

    async def reload(self) -> None:
        """Take the node's certificate, the limits and the TLS versions of now.

        Raises:
            ServiceError: When the certificate or its key cannot be had.
        """
        if self._server is not None:
            settings = await in_thread(self._cluster, self._load)
            if self._server is not None:  # nobody has stopped it meanwhile
                self._server.reload(settings)

    def _load(self) -> TvsSettings:
        return tvs_settings(self._cluster, self._node, self._port)

    def _open(self, settings: TvsSettings) -> TvsServer:
        return TvsServer(self._caches, settings, log=get_logger())


class CapfService(StreamService[CapfSettings, CapfServer]):
    """CAPF of the publisher; it signs with the certificate that it shows."""

    name = ServiceName.CAPF

    def __init__(self, cluster: Cluster, node: Node) -> None:
        super().__init__(cluster, node, cluster.config.capf_port)

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening address: `capf`."""
        if self._server is None:
            return {}
        return {"capf": (self._address, self._port)}

    async def reload(self) -> None:
        """Take the node's certificate, issue by it, take the TLS versions of now.

        Raises:
            ServiceError: When the certificate or its key cannot be had.
        """
        if self._server is not None:
            settings = await in_thread(self._cluster, self._load)
            if self._server is not None:  # nobody has stopped it meanwhile
                self._server.reload(settings)

    def _load(self) -> CapfSettings:
        cluster, node = self._cluster, self._node
        section = cluster.config.capf
        trust_manufacturer(cluster)
        own = own_certificate(cluster, node, TrustStore.CAPF)
        return CapfSettings(
            shown_certificate(node, own, TrustStore.CAPF),
            Authority(
                own,
                Issuer(own.subject, node.keys.load(TrustStore.CAPF, own)),
                section.validity_days,
                cluster.release,
            ),
            cluster.listening_address(node),
            self._port,
            TlsVersion(section.tls_minimum),
            newest_tls(cluster),
            section.keep_alive_minutes * 60.0,
            node.name,
        )

    def _open(self, settings: CapfSettings) -> CapfServer:
        return CapfServer(self._cluster, settings, announce, log=get_logger())
