"""HTTPS: hypercorn in the caller's nursery, with a node's tomcat certificate."""

import ssl
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self

import trio

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import ensure_tomcat
from tokenless.services.changes.console_users import list_users
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config.host_sections import ConsoleSection
from tokenless.services.console.app import make_app
from tokenless.services.console.console import Console
from tokenless.services.console.serving import HttpsConfig, serve_pages, server_context
from tokenless.services.errors import RESTORE_THE_KEY, ServiceError
from tokenless.services.node.database_thread import in_thread
from tokenless.services.shown_certificates import SHOWN, ShownCertificate

_USUAL_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The addresses on which the console listens and the users it accepts."""

    node: Node
    """The node whose certificate it shows."""
    address: str
    port: int
    asks_nobody: bool = False
    """True if the console has no sign-in: on loopback, while there is no user."""

    @classmethod
    def of(
        cls,
        cluster: Cluster,
        node: Node,
        *,
        address: str | None = None,
        port: int | None = None,
        asks_nobody: bool = False,
    ) -> Self:
        """Return the settings of `[console]`; the given ones replace them."""
        section = cluster.config.console or ConsoleSection()
        return cls(
            node,
            address or section.address or cluster.listening_address(node),
            section.port if port is None else port,
            asks_nobody=asks_nobody,
        )


class ConsoleServer:
    """Serves the pages until it is cancelled."""

    def __init__(self, cluster: Cluster, settings: ConsoleSettings) -> None:
        self._cluster = cluster
        self._settings = settings
        self._running: tuple[HttpsConfig, ShownCertificate] | None = None

    async def serve(
        self,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; reports where.

        Raises:
            ServiceError: When the socket or the certificate cannot be had, or nobody
                would be asked to sign in on an address that others reach.
        """
        cluster, settings = self._cluster, self._settings
        await trio.to_thread.run_sync(_check_host, cluster)
        if settings.asks_nobody:
            await trio.to_thread.run_sync(_check_open, cluster, settings.address)
        context, der = await in_thread(self._cluster, self._load)
        config = HttpsConfig(context)
        where = config.listen("the console", settings.address, settings.port)
        async with trio.open_nursery() as nursery:
            console = Console(cluster, nursery, asks_nobody=settings.asks_nobody)
            with SHOWN.showing(settings.node.name, "console", [der]) as shown:
                self._running = config, shown
                nursery.start_soon(console.live.follow)
                nursery.start_soon(serve_pages, make_app(console), config, console.log)
                task_status.started(where)
                await trio.sleep_forever()

    async def reload(self) -> None:
        """Show the node's certificate of now; open connections stay.

        Raises:
            ServiceError: When the certificate or its key cannot be had.
        """
        if self._running is not None:
            config, shown = self._running
            config.context, der = await in_thread(self._cluster, self._load)
            shown.change([der])

    def _load(self) -> tuple[ssl.SSLContext, bytes]:
        certificate = ensure_tomcat(self._cluster, self._settings.node, by="console")
        return _context_of(self._settings.node, certificate), certificate.der


async def serve_console(
    cluster: Cluster,
    settings: ConsoleSettings,
    *,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages until cancelled; reports where.

    Raises:
        ServiceError: As `ConsoleServer.serve`.
    """
    await ConsoleServer(cluster, settings).serve(task_status=task_status)


def _context_of(node: Node, certificate: Certificate) -> ssl.SSLContext:
    key = node.keys.path(TrustStore.TOMCAT, certificate)
    # The lab's first keys are short, as in 2015: OpenSSL's usual level refuses them.
    level = 1 if certificate.public_key.key_size < _USUAL_BITS else 2
    context = server_context(level)
    with tempfile.NamedTemporaryFile(prefix="tokenless-", suffix=".pem") as file:
        file.write(write_certificate(certificate.der))
        file.flush()
        try:
            context.load_cert_chain(file.name, key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            raise ServiceError(
                f"{key}: the console cannot use its key: {error}",
                hint=RESTORE_THE_KEY,
            ) from None
    return context


def _check_host(cluster: Cluster) -> None:
    if not cluster.store.may_change:
        raise ServiceError(
            "this host may only follow the cluster, so it has no console",
            hint="serve the console on the publisher's host",
        )


def _check_open(cluster: Cluster, address: str) -> None:
    if not ip_address(address).is_loopback:
        raise ServiceError(
            f"without a sign-in the console would be open to all who reach {address}",
            hint="add a user with `tokenless console user add`",
        )
    if list_users(cluster):
        raise ServiceError(
            "the cluster has users of the console, so they have to sign in",
            hint="leave --no-sign-in out",
        )
