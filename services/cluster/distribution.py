"""Distribute the cluster's files to its nodes: by revision, not by comparing bytes.

A file that was deleted or damaged on a node stays so until there is a newer one
(decision 2).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.files import replace_file
from tokenless.services.store import nodes
from tokenless.services.store.registrations import TftpItl, write_itl
from tokenless.services.store.trust_lists import newest_ctl, newest_reset_itl


class NotRecordedError(ServiceError):
    """A node has a list, and the database does not take the note of it.

    Attributes:
        content: The list, which is in the node's folder.
        record: Tries again to note it; blocking. Raises ServiceError as before.
    """

    def __init__(
        self, error: ServiceError, content: bytes, record: Callable[[], None]
    ) -> None:
        super().__init__(str(error), hint=error.hint)
        self.content = content
        self.record = record


def install_ctl(cluster: Cluster, node: Node) -> bytes | None:
    """Write the cluster's newest CTL into the node's folder, unless it was taken.

    Returns:
        The CTL, if there was one to take.

    Raises:
        OSError: When it cannot be written; the old file is intact.
        NotRecordedError: When it was written, and the database does not take that;
            the next call does not write it again.
    """
    with cluster.store.read() as connection:
        newest = newest_ctl(connection)
        taken = nodes.read_state(connection, node.id).ctl_revision
    if newest is None or newest.revision <= taken:
        return None
    _replace(node.ctl_file, newest.content)
    _record(partial(_record_ctl, cluster, node, newest.revision), newest.content)
    return newest.content


def install_reset_itl(cluster: Cluster, node: Node) -> bytes | None:
    """Write the ITL of a `utils itl reset` into the node's folder, unless it was taken.

    The next start of the node's TFTP service ends it (services.publishing.itl).

    Returns:
        The ITL that was written, for TFTP to serve at once; or None.

    Raises:
        OSError: When it cannot be written; the old file is intact.
        NotRecordedError: As `install_ctl`.
    """
    with cluster.store.read() as connection:
        newest = newest_reset_itl(connection, node.id)
        taken = nodes.read_state(connection, node.id).reset_itl_revision
    if newest is None or newest[0] <= taken:
        return None
    revision, content = newest
    _replace(node.itl_file, content)
    _record(partial(_record_reset_itl, cluster, node, revision, content), content)
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


def _replace(file: Path, content: bytes) -> None:
    """Write a file that differs: TVS judges one that was written, changed or not."""
    try:
        is_there = file.read_bytes() == content
    except OSError:
        is_there = False
    if not is_there:
        replace_file(file, content)


def _record(record: Callable[[], None], content: bytes) -> None:
    try:
        record()
    except ServiceError as error:
        raise NotRecordedError(error, content, record) from error


def _record_ctl(cluster: Cluster, node: Node, revision: int) -> None:
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, node.id, ctl_revision=revision)


def _record_reset_itl(
    cluster: Cluster, node: Node, revision: int, content: bytes
) -> None:
    with cluster.store.write_node_state() as connection:
        nodes.write_state(connection, node.id, reset_itl_revision=revision)
        write_itl(connection, node.id, TftpItl.of(content), int(cluster.clock()))
