"""Whether a node could start its services now: asked before they are stopped."""

from tokenless.protocol.codes import UNITS_OF_EVERY_NODE
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.publishing.itl import itl_signer
from tokenless.services.publishing.papers import Papers


def check_ready(cluster: Cluster, node: Node) -> None:
    """Check that the database can be read and that the node has its keys.

    Raises:
        ServiceError: When the database is away, or a key of the node is on another
            host, as after a regeneration there (services.cluster.handover).
    """
    with cluster.store.read() as connection:
        papers = Papers.read(connection)
    row = papers.node(node.id)
    needed = [(store, papers.certificate(store, row)) for store in UNITS_OF_EVERY_NODE]
    for store, certificate in [*needed, itl_signer(papers, row)]:
        node.keys.load(store, certificate)
