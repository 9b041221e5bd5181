"""The links of one node: it listens for the others, and connects to each."""

import ssl
import tempfile
from dataclasses import dataclass, field
from typing import Final

import structlog
import trio

from tokenless.ground.tls import TlsVersion, limit_versions
from tokenless.protocol.cluster_link import LinkMessage, encode_message
from tokenless.services.cluster_links.client import LinkClient, broadcast
from tokenless.services.cluster_links.collector import COLLECTOR
from tokenless.services.cluster_links.guest import LinkCount, LinkGuest
from tokenless.services.cluster_links.peers import LinkHandler, PeerNode, Peers
from tokenless.services.errors import RESTORE_THE_KEY, ServiceError
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    OwnCertificate,
    Port,
    StreamLimits,
    StreamSettings,
    TlsSettings,
)

NAME: Final = "CallManager link"
# First certificates have short keys (RSA-1024), which OpenSSL refuses by default. Which
# certificate is right is not OpenSSL's decision here: it is compared byte for byte.
_CIPHERS: Final = "ECDHE+AESGCM:AES256-GCM-SHA384:AES128-GCM-SHA256:@SECLEVEL=0"
_LIMITS: Final = StreamLimits(connections=256, connections_per_address=256, idle_s=60.0)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The settings of a node's links."""

    node: str
    address: str
    port: int
    own: OwnCertificate
    peers: Peers = field(default_factory=dict)


class ClusterLinks:
    """Connections from and to all other nodes, until cancelled."""

    def __init__(
        self,
        settings: LinkSettings,
        handler: LinkHandler,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Load the certificate.

        Raises:
            ServiceError: When the certificate or its key cannot be used.
        """
        self._settings = settings
        self._handler = handler
        self._log = log
        self._context = _client_context(settings.own)
        self._guest: LinkGuest | None = None
        self._clients: dict[str, tuple[LinkClient, trio.CancelScope]] = {}
        self._nursery: trio.Nursery | None = None
        self._server = StreamServer(
            _streams(settings), self._make_guest, guest_cells=len(LinkCount)
        )

    @property
    def address(self) -> tuple[str, int] | None:
        """Listening address, once bound."""
        addresses = self._server.addresses
        return addresses[0] if addresses else None

    async def bind(self) -> None:
        """Listen. Raises ServiceError when the port cannot be had."""
        await self._server.bind()

    def close(self) -> None:
        """Stop listening, where `serve` was not entered after `bind`; else nothing."""
        self._server.close()

    async def serve(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Stay connected to all other nodes until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            COLLECTOR.follow(self._settings.node, self._states)
            try:
                await nursery.start(self._server.serve)
                self._keep_clients(self._settings.peers)
                task_status.started()
                await trio.sleep_forever()
            finally:
                COLLECTOR.forget(self._settings.node, self._states)
                self._nursery = None
                self._clients.clear()

    def send(self, node: str, message: LinkMessage) -> bool:
        """Say something to a node; return whether it is connected."""
        known = self._clients.get(node)
        return known is not None and known[0].send(encode_message(message))

    def broadcast(self, message: LinkMessage) -> None:
        """Say something to every node that is connected."""
        broadcast([client for client, _ in self._clients.values()], message)

    def is_open(self, node: str) -> bool:
        """Return whether a node is connected, so that it gets messages."""
        known = self._clients.get(node)
        return known is not None and known[0].is_open

    def reload(self, settings: LinkSettings) -> None:
        """Know other nodes, or another certificate.

        Raises:
            ServiceError: When the certificate or its key cannot be used; then nothing
                has changed.
        """
        if settings == self._settings:
            return
        context = self._context
        if settings.own != self._settings.own:
            context = _client_context(settings.own)
        self._server.reload(_streams(settings))
        self._settings, self._context = settings, context
        if self._guest is not None:
            self._guest.peers = settings.peers
            self._guest.keep_to_peers()
        self._keep_clients(settings.peers)

    def _states(self) -> dict[str, bool]:
        return {name: client.is_open for name, (client, _) in self._clients.items()}

    def _keep_clients(self, peers: Peers) -> None:
        """Connect to nodes that are new or have changed; leave those that have gone."""
        if self._nursery is None:
            return
        for name, (client, scope) in list(self._clients.items()):
            if peers.get(name) != client.peer:
                scope.cancel()
                del self._clients[name]
        for name, peer in peers.items():
            if name not in self._clients:
                self._begin(peer, self._nursery)

    def _begin(self, peer: PeerNode, nursery: trio.Nursery) -> None:
        client = LinkClient(self._settings.node, peer, self._handler, self._log)
        scope = trio.CancelScope()
        self._clients[peer.name] = client, scope

        async def run() -> None:
            with scope:
                await client.run(lambda: self._context)

        nursery.start_soon(run)

    def _make_guest(self, tools: GuestTools) -> LinkGuest:
        self._guest = LinkGuest(self._handler, self._settings.peers, tools)
        return self._guest


def _streams(settings: LinkSettings) -> StreamSettings:
    tls = TlsSettings(
        (settings.own,),
        TlsVersion.TLS_1_2,
        client_certificates=ClientCertificates.REQUIRED,
        authorities=tuple(
            dict.fromkeys(peer.certificate for peer in settings.peers.values())
        ),
    )
    port = Port(settings.address, settings.port, tls, name="link")
    return StreamSettings(NAME, (port,), _LIMITS, node=settings.node)


def _client_context(own: OwnCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # LinkClient compares it before a word is said
    limit_versions(context, TlsVersion.TLS_1_2)
    context.set_ciphers(_CIPHERS)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(own.der))
        file.flush()
        try:
            context.load_cert_chain(file.name, own.key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            raise ServiceError(
                f"{own.key}: {NAME} cannot use its key: {error}",
                hint=RESTORE_THE_KEY,
            ) from error
    return context
