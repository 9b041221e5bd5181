"""Distribute the cluster's files to its nodes: by revision, not by comparing bytes.

A file that was deleted or damaged on a node stays so until there is a newer one
(decision 2).
"""

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.files import replace_file
from tokenless.services.store import nodes
from tokenless.services.store.registrations import TftpItl, write_itl
from tokenless.services.store.trust_lists import newest_ctl, newest_reset_itl


def install_ctl(cluster: Cluster, node: Node) -> bool:
    """Write the cluster's newest CTL into the node's folder, unless it was taken.

    Returns:
        Whether the file was written.

    Raises:
        OSError: When it cannot be written; the old file is intact.
    """
    with cluster.store.read() as connection:
        newest = newest_ctl(connection)
        taken = nodes.read_state(connection, node.id).ctl_revision
    if newest is None or newest.revision <= taken:
        return False
    replace_file(node.ctl_file, newest.content)
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, node.id, ctl_revision=newest.revision)
    return True


def install_reset_itl(cluster: Cluster, node: Node) -> bytes | None:
    """Write the ITL of a `utils itl reset` into the node's folder, unless it was taken.

    The next start of the node's TFTP service ends it (services.publishing.itl).

    Returns:
        The ITL that was written, for TFTP to serve at once; or None.

    Raises:
        OSError: When it cannot be written; the old file is intact.
    """
    with cluster.store.read() as connection:
        newest = newest_reset_itl(connection, node.id)
        taken = nodes.read_state(connection, node.id).reset_itl_revision
    if newest is None or newest[0] <= taken:
        return None
    revision, content = newest
    replace_file(node.itl_file, content)
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, node.id, reset_itl_revision=revision)
        write_itl(connection, node.id, TftpItl.of(content), int(cluster.clock()))
    return content


def record_applied(cluster: Cluster, node: Node, revision: int) -> None:
    """Note that a node has applied a revision, for administrators on other hosts."""
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, node.id, applied_revision=revision)


def lagging(cluster: Cluster, revision: int) -> frozenset[int]:
    """Return the nodes (their ids) that have not recorded a revision as applied."""
    with cluster.store.read() as connection:
        return frozenset(
            row.id
            for row in nodes.read_nodes(connection)
            if nodes.read_state(connection, row.id).applied_revision < revision
        )
