"""The other nodes, as the database knows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tokenless.protocol.cluster_link import LinkMessage


@dataclass(frozen=True, slots=True)
class PeerNode:
    """Another node of the cluster."""

    name: str
    address: str
    port: int
    """0: it was never served, and cannot be reached."""
    certificate: bytes
    """Its CallManager's, in DER."""


Peers = Mapping[str, PeerNode]
"""By name."""


class LinkHandler(Protocol):
    """The part of Cisco CallManager that talks to other nodes."""

    def first_words(self) -> Iterable[LinkMessage]:
        """Return the first message of a new connection: all that others must know."""

    def heard(self, node: str) -> None:
        """Begin with a node: its connection to us is open."""

    def take(self, node: str, message: LinkMessage) -> None:
        """Do what a message of a node asks for."""

    def lost(self, node: str) -> None:
        """Forget what a node has said: its connection to us has ended."""

    def cut(self, node: str) -> None:
        """End what needs an answer of ours: our connection to a node has ended."""
