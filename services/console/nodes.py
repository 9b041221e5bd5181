"""The state of the nodes, as they report it over their control sockets."""

from dataclasses import dataclass
from typing import Any, Final

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import Request, Status

_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service of a node."""

    name: str
    state: str
    listens: str
    is_activated: bool | None
    """None when a server of an earlier version does not say it."""
    started_at: float | None
    """When it began to serve, Unix seconds; None while it does not, or as above."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node and what runs on it."""

    name: str
    address: str
    is_publisher: bool
    services: tuple[ServiceRow, ...]
    trouble: str | None
    """The reason why its services are not known; None when they are."""


def node_rows(cluster: Cluster) -> list[NodeRow]:
    """Return every node with its services."""
    return [_row(node) for node in cluster.nodes]


def ask(node: Node, what: Request, timeout_s: float = _TIMEOUT_S) -> dict[str, Any]:
    """Ask the process that serves a node.

    Raises:
        ServiceError: When it is down, or refuses.
    """
    return request(node.name, node.control_socket, what, timeout_s=timeout_s)


def _row(node: Node) -> NodeRow:
    services: tuple[ServiceRow, ...] = ()
    trouble = None
    try:
        services = tuple(
            ServiceRow(
                each["name"],
                each["state"],
                " ".join(each["listens"]),
                each.get("activated"),
                each.get("started_at"),
            )
            for each in ask(node, Status())["services"]
        )
    except ServiceError as error:
        trouble = error.explain()
    return NodeRow(node.name, node.address, node.is_publisher, services, trouble)
