"""Services of a node that are activated or deactivated after it has joined.

TFTP, CallManager and, on the publisher, CAPF are feature services; TVS is a network
service and always runs (REFERENCE-5 5.2). Lists follow: ITLs at the next start of TFTP
services, the CTL when it is updated.
"""

from sqlalchemy import Connection

from tokenless.protocol.codes import NodeRole
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.store import nodes
from tokenless.services.store.devices import read_pools
from tokenless.services.store.nodes import NodeRow


def activate(cluster: Cluster, node: Node, role: NodeRole, *, by: str) -> None:
    """Activate a service on a node.

    Raises:
        ServiceError: When it is activated already, or is CAPF on a subscriber.
    """
    if role is NodeRole.CAPF and not node.is_publisher:
        raise ServiceError(
            f"{node.name} is a subscriber: CAPF is activated on the publisher only",
            hint="phones go to the CAPF that the CTL names, the publisher's",
        )
    detail = f"{role.value} on {node.name}"
    with cluster.store.change("activate service", detail, by=by) as change:
        row = nodes.read_node(change.connection, node.id)
        if role in row.roles:
            raise ServiceError(
                f"{role.value} is activated on {node.name} already",
                hint="`utils service list` shows its state",
            )
        nodes.write_roles(change.connection, node.id, row.roles | {role})


def deactivate(cluster: Cluster, node: Node, role: NodeRole, *, by: str) -> None:
    """Deactivate a service on a node.

    Raises:
        ServiceError: When it is not activated, or phones would be left without it.
    """
    detail = f"{role.value} on {node.name}"
    with cluster.store.change("deactivate service", detail, by=by) as change:
        row = nodes.read_node(change.connection, node.id)
        if role not in row.roles:
            raise ServiceError(
                f"{role.value} is not activated on {node.name}",
                hint="`utils service list` shows what is",
            )
        _check_needed(change.connection, row, role)
        nodes.write_roles(change.connection, node.id, row.roles - {role})


def _check_needed(connection: Connection, row: NodeRow, role: NodeRole) -> None:
    """Refuse what would leave phones without a server that they are sent to."""
    if role is NodeRole.TFTP:
        others = [each for each in nodes.read_nodes(connection) if each.id != row.id]
        if not any(each.serves_tftp for each in others):
            raise ServiceError(
                f"{row.name} is the only node that serves TFTP",
                hint="activate TFTP on another node first",
            )
    if role is NodeRole.CALLMANAGER:
        for pool in read_pools(connection):
            if row.id in pool.node_ids:
                raise ServiceError(
                    f"{row.name} is a member of the CallManager group "
                    f"{pool.group_name}: its phones would be sent to it",
                    hint="only nodes in no CallManager group can do without it",
                )
