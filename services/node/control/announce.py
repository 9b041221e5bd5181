"""After a commit, wait until every running node has applied it.

A node that is down takes the new state when it starts. Nodes on other hosts record in
the shared database how far they are; they are waited for, but not for long. When no
node of the cluster runs at all, the administrator's process brings the folders of this
host up to date itself.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import (
    NotRecordedError,
    install_ctl,
    install_reset_itl,
    lagging,
)
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.node.control.client import NodeDownError, request
from tokenless.services.node.control.requests import Sync

_TIMEOUT_S: Final = 15.0
_ELSEWHERE_S: Final = 5.0
"""Nodes that run and reach the database need two seconds at most."""
_LOOK_S: Final = 0.05


@unique
class Delivery(StrEnum):
    """Result of delivering a new state to one node."""

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
                return f"node {self.node} is down; it gets the new file when it starts"
            case Delivery.FAILED:
                return f"node {self.node}: {self.reason}"
            case Delivery.APPLIED | Delivery.OFFLINE:
                return None


def announce(
    cluster: Cluster, *, before: Callable[[str], None] | None = None
) -> list[NodeDelivery]:
    """Make every running node apply the database's newest revision, and wait for it.

    Args:
        cluster: The cluster.
        before: Is told the name of each node before it is asked.

    Raises:
        KeyboardInterrupt: At Ctrl-C; the log says that the change was made, and which
            nodes were not heard to have it.
    """
    deliveries: dict[int, NodeDelivery] = {}
    try:
        revision = cluster.store.revision()
        nodes = cluster.nodes
        for node in nodes:
            if before is not None:
                before(node.name)
            deliveries[node.id] = _sync(node, revision)
        _deliver_to_down(cluster, nodes, revision, deliveries)
    except KeyboardInterrupt:
        _tell_of_interrupt(cluster, deliveries)
        raise
    return list(deliveries.values())


def _deliver_to_down(
    cluster: Cluster,
    nodes: Sequence[Node],
    revision: int,
    deliveries: dict[int, NodeDelivery],
) -> None:
    """Look what became of nodes that could not be asked, in place of their outcome."""
    down = [node for node in nodes if deliveries[node.id].outcome is Delivery.DOWN]
    if cluster.store.is_shared and down:
        deliveries |= _await_elsewhere(cluster, down, revision)
    if all(each.outcome is Delivery.DOWN for each in deliveries.values()):
        local = [node for node in nodes if node.is_here]
        deliveries |= {node.id: _install_offline(cluster, node) for node in local}


def _tell_of_interrupt(
    cluster: Cluster, deliveries: Mapping[int, NodeDelivery]
) -> None:
    heard = {
        node_id
        for node_id, delivery in deliveries.items()
        if delivery.outcome in {Delivery.APPLIED, Delivery.OFFLINE}
    }
    missing = [node.name for node in cluster.nodes if node.id not in heard]
    get_logger().warning(
        "interrupted after the change was made",
        not_heard=missing,
        because="nodes that run take it by themselves; look with `tokenless health`",
    )


def _await_elsewhere(
    cluster: Cluster, nodes: Sequence[Node], revision: int
) -> dict[int, NodeDelivery]:
    """Return the nodes of other hosts that have applied a revision in time."""
    wanted = {node.id: node for node in nodes if not node.is_here}
    deadline = time.monotonic() + _ELSEWHERE_S
    while True:
        behind = lagging(cluster, revision)
        if not behind & wanted.keys() or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_S)
    applied = wanted.keys() - behind
    return {
        node_id: NodeDelivery(wanted[node_id].name, Delivery.APPLIED)
        for node_id in applied
    }


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
    except (OSError, NotRecordedError) as error:
        return NodeDelivery(node.name, Delivery.FAILED, str(error))
    return NodeDelivery(node.name, Delivery.OFFLINE)
