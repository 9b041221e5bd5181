"""A subscriber that joins the cluster (REFERENCE 7.14).

It gets a row, folders, keys and certificates of its own. ITLs list its TVS as soon as
TFTP services build them anew; the CTL knows nothing of it until it is updated.
"""

from ipaddress import AddressValueError, IPv4Address

from protocol.codes import TrustStore
from services.cluster.cluster import Cluster, Node
from services.cluster.hostname import check_name
from services.cluster.issuing import Order, issue
from services.errors import ServiceError
from services.publishing.papers import Papers
from services.store import nodes

_STORES = (TrustStore.CALLMANAGER, TrustStore.TVS)


def add_node(cluster: Cluster, name: str, address: str, *, by: str) -> Node:
    """Let a subscriber join.

    Args:
        cluster: The cluster.
        name: Its host name.
        address: Its IPv4 address, which stands in lists.
        by: Who does it.

    Raises:
        ServiceError: When name or address is none, or another node has it.
        OSError: When its folder cannot be written.
    """
    check_name(cluster, name)
    _check_address(cluster, address)
    size = cluster.config.certificates.key_size
    with cluster.store.change("add node", f"{name} {address}", by=by) as change:
        connection = change.connection
        row = nodes.add_node(connection, name, address, is_publisher=False)
        node = cluster.node_of(row)
        node.tftp_folder.mkdir(parents=True, exist_ok=True)
        for store in _STORES:
            issue(
                cluster.site, connection, Order(node, store, key_size=size), change.at
            )
        _share_recovery_key(cluster, Papers.read(connection), node)
    return node


def _check_address(cluster: Cluster, address: str) -> None:
    try:
        IPv4Address(address)
    except AddressValueError:
        raise ServiceError(
            f"{address!r} is no IPv4 address", hint="write it as 10.48.47.157"
        ) from None
    for node in cluster.nodes:
        if node.address == address:
            raise ServiceError(f"{node.name} has the address {address} already")


def _share_recovery_key(cluster: Cluster, papers: Papers, node: Node) -> None:
    """Give the node the ITLRecovery key, with which it may have to sign its ITL."""
    certificate = papers.recovery
    if certificate is None:
        return
    store = TrustStore.ITLRECOVERY
    key = cluster.node_of(papers.publisher).keys.load(store, certificate)
    node.keys.save(store, certificate, key)
