"""Rename a node: all its self-signed certificates are regenerated.

All at once, as the vendor does it, which is what makes it dangerous (REFERENCE 7.9).
"""

import msgspec

from tokenless.protocol.codes import units_of
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import install, is_shared, prepare
from tokenless.services.config import HostName
from tokenless.services.errors import ServiceError
from tokenless.services.store import nodes


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
