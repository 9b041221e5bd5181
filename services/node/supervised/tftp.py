"""Cisco Tftp of a node, as supervision starts and stops it.

It remembers the ports that it was given first, so that a restart, and every phone
configuration that names a port, stay valid.
"""

from collections.abc import Mapping
from typing import Final

import trio

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.logs import get_logger
from tokenless.services.node.database_thread import in_thread
from tokenless.services.node.supervised.settings import http_settings
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.tftp.counters import COLLECTOR
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import TftpSettings

_LATELY_S: Final = 30.0


class TftpService:
    """Cisco Tftp: each start makes a new ITL and a snapshot of the served files.

    It then serves what it held when it started, whatever changes in the database or in
    the node's folder (REFERENCE 10.4); over HTTP and HTTPS, too (REFERENCE-3 1).
    """

    name = ServiceName.TFTP

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        self._port = cluster.config.tftp.port
        self._address = ""
        self._server: TftpServer | None = None
        self._http: HttpServer | None = None
        self._http_ports: dict[str, int] = {}
        self._prepared: NodeFiles | None = None
        self._files: NodeFiles | None = None

    @property
    def addresses(self) -> Mapping[str, tuple[str, int]]:
        """Listening addresses: `tftp`, `http`, `https` and `https-alias`."""
        if self._server is None:
            return {}
        over_http = {} if self._http is None else self._http.addresses
        return {"tftp": (self._address, self._port), **over_http}

    @property
    def drops_requests(self) -> bool:
        """Say whether it dropped requests at its limits within the last half minute."""
        server = self._server
        return server is not None and server.counters.dropped_within(_LATELY_S)

    async def prepare(self) -> None:
        """Load what the database and the node's folder hold now."""
        self._prepared = await in_thread(self._cluster, self._load)

    async def bind(self) -> None:
        """Take the socket. Raises ServiceError when it cannot be had."""
        if self._server is None:
            log = get_logger(node=self._node.name)
            if self._cluster.config.tftp.workers > 1:
                log.warning("tftp.workers is ignored: TFTP runs in one process")
            server = TftpServer(
                MemoryFiles({}),  # nobody reads the socket before run()
                address=self._cluster.listening_address(self._node),
                port=self._port,
                settings=TftpSettings.of(self._cluster.config.tftp),
                logger=log,
            )
            self._address, self._port = await server.bind()
            self._server = server
            try:
                await self._bind_http()
            except BaseException:
                self.close()
                raise
            COLLECTOR.follow(self._node.name, server.counters)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve the prepared files."""
        server, prepared = self._server, self._prepared
        # Supervision prepares and binds first.
        assert server is not None and prepared is not None  # noqa: S101, PT018
        self._prepared = None
        try:
            self._serve_files(server, prepared)
            async with trio.open_nursery() as nursery:
                if self._http is not None:
                    await nursery.start(self._http.serve)
                await nursery.start(server.serve)
                task_status.started()
        finally:
            self.close()

    async def reload(self) -> None:
        """Serve the newest files without a restart (`tftp.reload = "automatic"`)."""
        server = self._server
        if server is not None:
            files = await in_thread(self._cluster, self._load)
            if self._server is server:  # nobody has stopped it meanwhile
                self._serve_files(server, files)

    async def take_devices(self) -> None:
        """Give single devices their new files; lists stay as they are."""
        server, files = self._server, self._files
        if server is None or files is None:
            return
        devices = await in_thread(self._cluster, self._cluster.devices)
        if self._files is files and files.take_devices(devices):
            server.source = files  # workers hold a copy of their own

    async def take_settings(self) -> None:
        """Behave as the configuration says now; transfers under way go on.

        Raises:
            ServiceError: When the certificate of HTTPS or its key cannot be had.
        """
        if self._server is not None:
            self._server.change_settings(TftpSettings.of(self._cluster.config.tftp))
        if self._http is not None:
            settings = await self._load_http()
            if self._http is not None:  # nobody has stopped it meanwhile
                self._http.reload(settings)

    def serve_itl(self, itl: bytes) -> None:
        """Serve a reset ITL from now until the next start (REFERENCE 6.2)."""
        if self._server is not None and self._files is not None:
            self._files.serve_itl(itl)

    async def drain(self, timeout_s: float) -> None:
        """Take no more requests; return when no transfer is under way, or in time."""
        if self._server is not None:
            await self._server.drain(timeout_s)

    def close(self) -> None:
        """Give back a socket that was never served on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._http is not None:
            self._http.close()
            self._http = None

    async def _bind_http(self) -> None:
        """Take the sockets of HTTP, unless there is to be none."""
        if not self._cluster.config.http.enabled:
            return
        settings = await self._load_http()
        self._http = HttpServer(MemoryFiles({}), settings, log=get_logger())
        await self._http.bind()
        self._http_ports = {
            name: port for name, (_, port) in self._http.addresses.items()
        }

    async def _load_http(self) -> HttpSettings:
        return await in_thread(
            self._cluster,
            http_settings,
            self._cluster,
            self._node,
            self._http_ports,
        )

    def _serve_files(self, server: TftpServer, files: NodeFiles) -> None:
        server.source = self._files = files
        if self._http is not None:
            self._http.source = files

    def _load(self) -> NodeFiles:
        rebuild_itl(self._cluster, self._node)
        return NodeFiles(self._cluster, self._node)
