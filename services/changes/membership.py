"""Nodes that join the cluster, leave it, get another name or other services.

A node that joins (REFERENCE 7.14) gets a row, folders, keys and certificates of its
own. ITLs list its TVS as soon as TFTP services build them again; the CTL knows nothing
of it until it is updated. A node that leaves is taken out the same way: out of ITLs at
the next start of TFTP services, out of the CTL when it is updated. Its folder stays on
the disk.

With another name, all self-signed certificates of a node are regenerated at once, as
the vendor does it, which is what makes it dangerous (REFERENCE 7.9).

TFTP, CallManager and, on the publisher, CAPF are feature services, which can be
activated and deactivated; TVS is a network service and always runs (REFERENCE-5 5.2).
"""

import msgspec
from sqlalchemy import Connection

from tokenless.protocol.codes import EVERY_ROLE, NodeRole, TrustStore, units_of
from tokenless.services.addresses import why_not_of_a_node
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import install, is_shared, issue, prepare
from tokenless.services.config import HostName
from tokenless.services.errors import ServiceError
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store import certificates, nodes
from tokenless.services.store.certificates import PlacementState
from tokenless.services.store.device_pools import read_pools
from tokenless.services.store.nodes import NodeRow


def add_node(
    cluster: Cluster,
    name: str,
    address: str,
    *,
    roles: frozenset[NodeRole] = EVERY_ROLE,
    by: str,
) -> Node:
    """Let a subscriber join.

    Args:
        cluster: The cluster.
        name: Its host name.
        address: Its IPv4 address, which stands in lists.
        roles: The services that are activated on it; CAPF is the publisher's.
        by: The administrator, for the audit log.

    Raises:
        ServiceError: When name or address is none, or another node has it.
        OSError: When its folder cannot be written.
    """
    check_name(cluster, name)
    _check_address(cluster, address)
    with cluster.store.change("add node", f"{name} {address}", by=by) as change:
        connection = change.connection
        row = nodes.add_node(connection, name, address, is_publisher=False, roles=roles)
        node = cluster.node_of(row)
        node.tftp_folder.mkdir(parents=True, exist_ok=True)
        _issue_all(cluster, connection, node, change.at)
        _share_recovery_key(cluster, ClusterSnapshot.read(connection), node)
    return node


def _issue_all(cluster: Cluster, connection: Connection, node: Node, at: int) -> None:
    """Give the node its certificates; self-signed multi-server ones are regenerated.

    One that a CA signed has to be requested and uploaded again by hand (REFERENCE-2
    2.1); until then the node has one of its own.
    """
    release, size = cluster.release, cluster.config.certificates.key_size
    units = units_of(is_publisher=False, release=release)
    shared = {store for store in units if is_shared(connection, store)}
    anew = {store for store in shared if _is_self_signed(connection, store)}
    for store in units:
        is_for_all = store in anew and release.shares_self_signed
        whose = cluster.publisher if is_for_all else node
        order = IssueRequest.usual(whose, store, size, shared=is_for_all)
        issue(cluster.installation, connection, order, at)


def _is_self_signed(connection: Connection, store: TrustStore) -> bool:
    own = certificates.all_own(connection, store=store)
    return all(each.certificate.is_self_signed for each in own)


def remove_node(cluster: Cluster, node: Node, *, by: str) -> None:
    """Let a subscriber leave; nothing may serve it any more.

    Raises:
        ServiceError: When it is the publisher, or the last member of a CallManager
            group.
    """
    if node.is_publisher:
        raise ServiceError(
            f"{node.name} is the publisher", hint="only subscribers can be removed"
        )
    with cluster.store.change("remove node", node.name, by=by) as change:
        connection = change.connection
        others = [each for each in nodes.read_nodes(connection) if each.id != node.id]
        if not any(each.serves_tftp for each in others):
            raise ServiceError(
                f"{node.name} is the only node that serves TFTP",
                hint="let another one join first",
            )
        for pool in read_pools(connection):
            if pool.node_ids == (node.id,):
                raise ServiceError(
                    f"{node.name} is the only member of {pool.group_name}",
                    hint="its phones would have no TVS: add another node to the group",
                )
        for state in PlacementState:
            for placed in certificates.all_own(
                connection, node_id=node.id, state=state
            ):
                certificates.remove(connection, placed)
        nodes.remove_node(connection, node.id)


def _check_address(cluster: Cluster, address: str) -> None:
    if (reason := why_not_of_a_node(address)) is not None:
        raise ServiceError(reason, hint="write it as 10.48.47.157")
    for node in cluster.nodes:
        if node.address == address:
            raise ServiceError(
                f"{node.name} has the address {address} already",
                hint="choose another address",
            )


def _share_recovery_key(
    cluster: Cluster, snapshot: ClusterSnapshot, node: Node
) -> None:
    """Give the node the ITLRecovery key, with which it may have to sign its ITL."""
    certificate = snapshot.recovery
    if certificate is None:
        return
    store = TrustStore.ITLRECOVERY
    key = cluster.node_of(snapshot.publisher).keys.load(store, certificate)
    node.keys.save(store, certificate, key)


def set_hostname(cluster: Cluster, node: Node, new: str, *, by: str) -> None:
    """Rename a node and regenerate its certificates in one transaction.

    The CTL keeps the old name and certificates until it is updated.

    Raises:
        ServiceError: When the name is none, or another node has it.
        OSError: When a key cannot be kept; nothing is changed then.
    """
    check_name(cluster, new)
    size = cluster.config.certificates.regenerated_key_size
    with cluster.store.read() as connection:
        issued = [
            prepare(
                cluster.installation,
                connection,
                IssueRequest.usual(
                    node,
                    store,
                    size,
                    full_name=new,
                    shared=cluster.release.shares_self_signed
                    and is_shared(connection, store),
                ),
            )
            for store in units_of(
                is_publisher=node.is_publisher, release=cluster.release
            )
        ]
    detail = f"{node.name} -> {new}"
    with cluster.store.change("set hostname", detail, by=by) as change:
        nodes.rename_node(change.connection, node.id, new)
        for each in issued:
            install(change.connection, each, change.at)


def check_name(cluster: Cluster, new: str) -> None:
    """Check that a node may be called so.

    Raises:
        ServiceError: When the name is none, or another node has it.
    """
    try:
        msgspec.convert(new, HostName)
    except msgspec.ValidationError:
        raise ServiceError(
            f"{new!r} is not a host name", hint="use letters, digits and inner hyphens"
        ) from None
    if new.lower() in {node.name.lower() for node in cluster.nodes}:
        raise ServiceError(
            f"another node already has the name {new}", hint="choose another name"
        )


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
