"""Connections from other nodes, as a guest of the stream server."""

from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.cluster_link import (
    VERSION,
    Alive,
    Hello,
    LinkMessage,
    LinkStream,
)
from tokenless.protocol.errors import ProtocolError
from tokenless.services.cluster_links.peers import LinkHandler, Peers
from tokenless.services.limited_log import LimitedLog
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Guest, GuestTools
from tokenless.services.stream_server.message_session import MessageSession

ALIVE_EVERY_S: Final = 5.0
SILENT_AFTER_S: Final = 15.0


@unique
class LinkCount(IntEnum):
    """The cells of the links in a row of counters."""

    OPENED = 0
    REFUSED = 1
    MESSAGES = 2


class LinkGuest(Guest):
    """The sessions of other nodes."""

    def __init__(self, handler: LinkHandler, peers: Peers, tools: GuestTools) -> None:
        self.handler = handler
        self.peers = peers
        self.cells = tools.cells
        self.log: LimitedLog = tools.log
        self._by_node: dict[str, LinkSession] = {}

    def open_session(self, connection: Connection) -> "LinkSession":
        """Return what listens to one node."""
        return LinkSession(connection, self)

    def names_of(self, certificate: bytes | None) -> frozenset[str]:
        """Return which nodes show a certificate; several may share one."""
        return frozenset(
            peer.name
            for peer in self.peers.values()
            if certificate is not None and peer.certificate == certificate
        )

    def begin(self, node: str, session: "LinkSession") -> None:
        """Listen to a node; an older connection of it ends."""
        older = self._by_node.pop(node, None)
        if older is not None:
            self.handler.lost(node)
            older.connection.close()
        self._by_node[node] = session
        self.cells[LinkCount.OPENED] += 1
        self.handler.heard(node)

    def end(self, node: str, session: "LinkSession") -> None:
        """Forget a node, unless another connection of it has begun since."""
        if self._by_node.get(node) is session:
            del self._by_node[node]
            self.handler.lost(node)

    def is_heard(self, node: str, session: "LinkSession") -> bool:
        """Return whether a session is the one that counts for a node."""
        return self._by_node.get(node) is session

    def keep_to_peers(self) -> None:
        """Close connections of nodes that left, or have another certificate now."""
        for node, session in list(self._by_node.items()):
            if node not in self.names_of(session.connection.peer_certificate):
                session.connection.close()


class LinkSession(MessageSession[LinkMessage]):
    """One node's connection to us."""

    __slots__ = ("_guest", "_names", "_node")

    def __init__(self, connection: Connection, guest: LinkGuest) -> None:
        super().__init__(connection, LinkStream())
        self._guest = guest
        self._names: frozenset[str] = frozenset()
        self._node: str | None = None

    def begin(self) -> None:
        """See whose certificate it is."""
        self._names = self._guest.names_of(self.connection.peer_certificate)
        self.connection.set_timer(SILENT_AFTER_S)

    def receive(self, data: bytes) -> None:
        """Take bytes of the node.

        Raises:
            ProtocolError: When they are no messages, or it is no node of ours.
        """
        if not self._names:
            raise self._refusal("no node of the cluster shows this certificate")
        super().receive(data)

    @property
    def is_kept(self) -> bool:
        """Return whether it is a node of ours; an older connection of it has ended."""
        return self._node is not None

    def on_timer(self) -> None:
        """Close the connection of a node that is silent."""
        self.connection.close()

    def end(self) -> None:
        """Forget the node with its connection."""
        if self._node is not None:
            self._guest.end(self._node, self)

    def _take(self, message: LinkMessage) -> None:
        guest = self._guest
        guest.cells[LinkCount.MESSAGES] += 1
        if self._node is None:
            self._node = self._greeted(message)
            guest.begin(self._node, self)
        elif isinstance(message, Hello):
            raise self._refusal("a second greeting")
        elif not isinstance(message, Alive) and guest.is_heard(self._node, self):
            guest.handler.take(self._node, message)

    def _taken(self) -> None:
        self.connection.set_timer(SILENT_AFTER_S)

    def _greeted(self, message: LinkMessage) -> str:
        if not isinstance(message, Hello):
            raise self._refusal("no greeting")
        if message.node not in self._names:
            raise self._refusal("the certificate is another node's")
        if message.version != VERSION:
            raise self._refusal(f"version {message.version} of the link")
        return message.node

    def _refusal(self, reason: str) -> ProtocolError:
        guest = self._guest
        guest.cells[LinkCount.REFUSED] += 1
        if guest.log.may_write("refused links"):
            guest.log.log.warning(
                "link refused", peer=self.connection.address, reason=reason
            )
        return ProtocolError(reason)
