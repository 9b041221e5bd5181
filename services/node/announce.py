"""After an administrator's commit: every node that runs applies it, before he goes on.

A node that is down takes the new state when it starts. When no node of the cluster
runs at all, the administrator's process brings the local folders up to date itself.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from services.cluster.cluster import Cluster, Node
from services.cluster.distribution import install_ctl, install_reset_itl
from services.errors import ServiceError
from services.node.control import NodeDownError, request
from services.node.requests import Sync

_TIMEOUT_S: Final = 15.0


@unique
class Delivery(StrEnum):
    """What became of a new state on one node."""

    APPLIED = "applied"
    OFFLINE = "offline"
    """No node runs; the folder was brought up to date."""
    DOWN = "down"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NodeDelivery:
    """One node's outcome."""

    node: str
    outcome: Delivery
    reason: str | None = None

    def explain(self) -> str | None:
        """Return a line for the administrator, None when all is well."""
        match self.outcome:
            case Delivery.DOWN:
                return f"node {self.node} is down; it takes the new file when it starts"
            case Delivery.FAILED:
                return f"node {self.node}: {self.reason}"
            case Delivery.APPLIED | Delivery.OFFLINE:
                return None


def announce(cluster: Cluster) -> list[NodeDelivery]:
    """Make every running node apply the database's newest revision, and wait for it."""
    revision = cluster.store.revision()
    deliveries = [_sync(node, revision) for node in cluster.nodes]
    if all(each.outcome is Delivery.DOWN for each in deliveries):
        return [_install_offline(cluster, node) for node in cluster.nodes]
    return deliveries


def _sync(node: Node, revision: int) -> NodeDelivery:
    try:
        request(
            node.name,
            node.control_socket,
            Sync(revision=revision),
            timeout_s=_TIMEOUT_S,
        )
    except NodeDownError:
        return NodeDelivery(node.name, Delivery.DOWN)
    except ServiceError as error:
        return NodeDelivery(node.name, Delivery.FAILED, error.explain())
    return NodeDelivery(node.name, Delivery.APPLIED)


def _install_offline(cluster: Cluster, node: Node) -> NodeDelivery:
    try:
        install_ctl(cluster, node)
        install_reset_itl(cluster, node)
    except OSError as error:
        return NodeDelivery(node.name, Delivery.FAILED, str(error))
    return NodeDelivery(node.name, Delivery.OFFLINE)
