"""Nodes at which a line is typed: where one of them is off, nobody can type it.

Commands and certificates of a node are typed at that node; `utils ctl`, trust stores,
certificates for all nodes, the CTL Client and the cluster's membership at the publisher
(REFERENCE 6, REFERENCE-2 2.1), backups at every node. Left alone are devices, settings
and a certificate's source, which may have been saved before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    AddNode,
    Admin,
    Backup,
    CtlClient,
    DeleteCertificate,
    ExportRecoveryKey,
    ImportCertificates,
    LineAction,
    RemoveNode,
    RenameNode,
    ReuseCertificate,
    SignCertificate,
    SignWithRecoveryKey,
    UploadCertificate,
)

Clusters = Mapping[str, Sequence[str]]
"""Nodes of clusters by their names: the first cluster and the publishers come first."""


def check_switched_on(
    action: LineAction, clusters: Clusters, off: Collection[str]
) -> None:
    """Check that a line can be typed.

    Args:
        action: What the line says.
        clusters: The clusters and their nodes.
        off: The nodes that are switched off.

    Raises:
        PhoneError: When it would be typed at a node that is off; names the node.
    """
    node = off_node(action, clusters, off) if off else None
    if node is not None:
        raise PhoneError(
            f"node {node} is off, and nothing can be typed there",
            hint=f"switch it on before (`node start {node}`), or remove the line",
        )


def off_node(
    action: LineAction, clusters: Clusters, off: Collection[str]
) -> str | None:
    """Return the node that is off and at which a line would be typed, or None."""
    needed = list(_needed(action, clusters))
    found = [node for node in needed if node in off]
    if isinstance(action, Admin) and action.everywhere and len(found) < len(needed):
        return None  # it is typed on the others
    return found[0] if found else None


def _needed(action: LineAction, clusters: Clusters) -> Iterator[str]:
    first = next(iter(clusters))
    match action:
        case Admin(everywhere=True, cluster=cluster):
            yield from clusters.get(cluster or first, ())
        case Backup():
            yield from clusters[first]
        case Admin(node=str(node)) | SignCertificate(node=str(node)):
            yield node
        case RenameNode(node=node):
            yield node
            yield from _publisher_of(node, clusters)
        case RemoveNode(node=node):
            yield from _publisher_of(node, clusters)
        case CtlClient() | AddNode():
            yield from clusters[first][:1]
        case (
            Admin(cluster=cluster)
            | SignCertificate(cluster=cluster)
            | ReuseCertificate(cluster=cluster)
            | UploadCertificate(cluster=cluster)
            | DeleteCertificate(cluster=cluster)
            | ImportCertificates(cluster=cluster)
            | ExportRecoveryKey(cluster=cluster)
            | SignWithRecoveryKey(cluster=cluster)
        ):
            yield from clusters.get(cluster or first, ())[:1]
        case _:
            pass


def _publisher_of(node: str, clusters: Clusters) -> Iterator[str]:
    for nodes in clusters.values():
        if node in nodes:
            yield nodes[0]
