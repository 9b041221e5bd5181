"""One cluster of a rehearsal: its stored state and its nodes, up or down."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.rig.clusters.database_link import DatabaseLink
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    NodeView,
    Signer,
    Signing,
    TvsFacts,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import ServedNodes, free_port
from tokenless.phone_emulator.rehearsal.rig.clusters.signing import (
    expired_of,
    fresh_files,
    signing_of,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.vouching import vouching_of
from tokenless.phone_emulator.rehearsal.scripts.permitted import unserved_nodes
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates
from tokenless.services.changes.security import set_parameter
from tokenless.services.changes.tvs_entries import with_roles
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config import ClusterConfig, NodeSection, load_config
from tokenless.services.errors import ServiceError
from tokenless.services.pki.tokens import list_tokens
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.store.parameters import Parameter
from tokenless.services.store.registrations import read_itls
from tokenless.services.tvs.client import ServerAddress, TvsClient

_SIGNING: Final = (TrustStore.CALLMANAGER, TrustStore.ITLRECOVERY)
_CALLMANAGER: Final = (
    "sccp_port",
    "sccps_port",
    "sip_port",
    "sips_port",
    "link_port",
)
_TVS_TIMEOUT_S: Final = 5.0
_BY: Final = "rehearsal"
"""The author of the change, for the cluster's audit log."""


class RunningCluster:
    """A cluster, and which of its nodes are served."""

    def __init__(
        self, name: str, cluster: Cluster, nursery: trio.Nursery, served: Sequence[str]
    ) -> None:
        self.name = name
        self.cluster = cluster
        self.database = DatabaseLink(cluster)
        self.served = ServedNodes(cluster, nursery)
        self._names = tuple(served)

    @property
    def servers(self) -> dict[str, Server]:
        """The TFTP server of each node that may be served, by name."""
        port = self.cluster.config.tftp.port
        return {
            node.name: Server(node.address, port)
            for node in self.cluster.nodes
            if node.name in self._names and node.serves_tftp
        }

    async def start(self) -> None:
        """Serve all nodes. Raises ServiceError when a socket cannot be had."""
        for name in self._names:
            await self.served.start(name)

    @property
    def names(self) -> Sequence[str]:
        """The nodes that may be served."""
        return self._names

    def has(self, name: str) -> bool:
        """Return whether it is one of this cluster's nodes that can be up or down."""
        return name in self._names

    def rename(self, old: str, new: str) -> None:
        """Follow a node to its new name."""
        self.served.rename(old, new)
        self._names = tuple(new if name == old else name for name in self._names)

    async def add(self, name: str) -> None:
        """Serve a node that has joined the cluster."""
        self._names += (name,)
        await self.served.start(name)

    async def remove(self, name: str) -> None:
        """Take a node down that is about to leave the cluster."""
        if self.served.is_up(name):
            await self.served.stop(name)
        self._names = tuple(each for each in self._names if each != name)

    def set(self, key: str, value: str) -> None:
        """Change a setting of its nodes; services take it when they restart.

        Args:
            key: Table and key: `callmanager.tls_minimum`.
            value: A text.
        """
        table, _, name = key.partition(".")
        config = self.cluster.config
        section = msgspec.structs.replace(getattr(config, table), **{name: value})
        self.cluster.take_settings(msgspec.structs.replace(config, **{table: section}))

    def nodes(self) -> list[NodeView]:
        """Look at the files of every node that may be served; blocking."""
        return [
            _view(node, self.name, up=self.served.is_up(node.name))
            for node in self.cluster.nodes
            if node.name in self._names
        ]

    def facts(self) -> ClusterFacts:
        """Find out what the cluster can do now; blocking, asks its TVS servers."""
        cluster = self.cluster
        nodes = {node.id: node for node in cluster.nodes}
        own, replaced = certificates.own(cluster), certificates.history(cluster)
        signing = signing_of(cluster)
        signers = _signers(own, nodes, signing)
        for token in list_tokens(cluster.tokens_folder).tokens:
            by_client = Signing(ctl=True)
            signers[token.certificate.der] = Signer(None, token.name, by_client)
        return ClusterFacts(
            name=self.name,
            release=cluster.release,
            is_mixed=cluster.is_mixed,
            oldest_tls=cluster.config.tvs.tls_minimum,
            signers=signers,
            retired=_signers(replaced, nodes, {}),
            tvs=self._tvs(own, nodes),
            tftp=frozenset(n.address for n in nodes.values() if n.serves_tftp),
            itls=_itls(cluster, nodes),
            without_role=_without_role(cluster),
            is_administered=self.served.is_up(cluster.publisher.name),
            tftp_up=frozenset(
                node.address
                for node in nodes.values()
                if node.serves_tftp and self.served.is_up(node.name)
            ),
            fresh=fresh_files(cluster),
            vouching=vouching_of(cluster),
            ctl_signer=next(
                (
                    each.certificate
                    for each in own
                    if signing.get(each.certificate.der, Signing()).ctl
                ),
                None,
            ),
            expired=expired_of(cluster, own, nodes),
        )

    def _tvs(
        self, own: Sequence[StoredCertificate], nodes: Mapping[int, Node]
    ) -> dict[tuple[str, int], TvsFacts]:
        port = self.cluster.config.tvs.port
        present = {
            placed.node_id: placed.certificate.der
            for placed in own
            if placed.store is TrustStore.TVS
        }
        return {
            (node.address, port): TvsFacts(
                node.name, _shown(node.address, port), present.get(node.id)
            )
            for node in nodes.values()
            if node.name in self._names
        }


@contextmanager
def open_cluster(
    name: str,
    config: ClusterConfig,
    folder: Path,
    nursery: trio.Nursery,
    clock: Callable[[], float],
    *,
    unserved: int = 0,
) -> Iterator[RunningCluster]:
    """Open a cluster; nothing is served yet.

    Args:
        name: What the rehearsal calls it.
        config: What it is (`configuration`).
        folder: Its folder; where there is none, it is made.
        nursery: Where its nodes will be served.
        clock: Tells the time.
        unserved: How many of its last nodes stand in lists only.

    Raises:
        ServiceError: When the cluster cannot be made.
    """
    served = [node.name for node in config.nodes]
    del served[len(served) - unserved :]
    with closing(Cluster.open(folder, config, clock=clock)) as cluster:
        _sign_files_as_told(cluster, config)
        yield RunningCluster(name, cluster, nursery, served)


def _sign_files_as_told(cluster: Cluster, config: ClusterConfig) -> None:
    """Set the TFTP File Signature Algorithm before anything is served."""
    told = config.parameters.tftp_file_signature_algorithm
    name = Parameter.SIGNATURE_DIGEST
    if told is not None and cluster.parameters()[name] != told:
        set_parameter(cluster, name, told, by=_BY)


def configuration(
    name: str, settings: Mapping[str, Any], manufacturer: Path, unserved: int = 0
) -> ClusterConfig:
    """Lay settings over the lab's, on ports that are free now.

    Args:
        name: What the rehearsal calls the cluster.
        settings: Laid over the lab's configuration.
        manufacturer: The folder of the manufacturer of phones that it trusts.
        unserved: How many more subscribers it has that stand in lists only.

    Raises:
        ConfigurationError: When the settings cannot be used.
        PhoneError: When no port is free.
    """
    config = _configuration(name, settings, manufacturer)
    in_lists_only = (
        NodeSection(name=name, address=address)
        for name, address in unserved_nodes(unserved)
    )
    return msgspec.structs.replace(config, nodes=(*config.nodes, *in_lists_only))


def _configuration(
    name: str, settings: Mapping[str, Any], manufacturer: Path
) -> ClusterConfig:
    own = {"name": name, "manufacturer": str(manufacturer)}
    named = _over(settings, {"cluster": own})
    addresses = [node.address for node in load_config(None, named).nodes]
    files = free_port(addresses, socket.SOCK_DGRAM, socket.SOCK_STREAM)
    ports = {
        "tftp": {"port": files},
        "http": {"port": files, "tls_port": free_port(addresses, socket.SOCK_STREAM)},
        "tvs": {"port": free_port(addresses, socket.SOCK_STREAM)},
        "capf": {"port": free_port(addresses, socket.SOCK_STREAM)},
        "callmanager": {
            name: free_port(addresses, socket.SOCK_DGRAM, socket.SOCK_STREAM)
            for name in _CALLMANAGER
        },
    }
    return load_config(None, _over(named, ports))


def _over(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings, **{k: {**settings.get(k, {}), **v} for k, v in more.items()}}


def _signers(
    placed: Sequence[StoredCertificate],
    nodes: Mapping[int, Node],
    signing: Mapping[bytes, Signing],
) -> dict[bytes, Signer]:
    return {
        each.certificate.der: Signer(
            each.store,
            nodes[each.node_id].name,
            signing.get(each.certificate.der, Signing()),
        )
        for each in reversed(placed)  # a shared one is called the publisher's
        if each.store in _SIGNING and each.node_id is not None
    }


def _itls(cluster: Cluster, nodes: Mapping[int, Node]) -> dict[str, str]:
    with cluster.store.read() as connection:
        made = read_itls(connection)
    return {
        nodes[node_id].address: itl.sha1
        for node_id, itl in made.items()
        if node_id in nodes
    }


def _without_role(cluster: Cluster) -> frozenset[bytes]:
    """Return what lies in CallManager-trust only, where that gives no role."""
    if cluster.config.tvs.callmanager_trust != "no-role":
        return frozenset()
    known = {each.certificate.der for each in with_roles(cluster)}
    kept = certificates.trust(cluster, TrustStore.CALLMANAGER_TRUST)
    return frozenset(each.certificate.der for each in kept) - known


def _shown(address: str, port: int) -> bytes | None:
    """Return the certificate that a TVS server shows, None when none answers."""
    try:
        with TvsClient(ServerAddress(address, port), timeout_s=_TVS_TIMEOUT_S) as tvs:
            return tvs.server_certificate
    except ServiceError:
        return None


def _view(node: Node, cluster: str, *, up: bool) -> NodeView:
    return NodeView(
        name=node.name,
        cluster=cluster,
        is_up=up,
        ctl=_load(node.ctl_file),
        itl=_load(node.itl_file),
    )


def _load(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def cluster_of(
    running_clusters: Mapping[str, RunningCluster], node: str
) -> RunningCluster:
    """Return the cluster that a node belongs to.

    Raises:
        PhoneError: When it belongs to none.
    """
    for running in running_clusters.values():
        if running.has(node):
            return running
    names = (name for running in running_clusters.values() for name in running.servers)
    raise PhoneError(
        f"there is no node {node} that is served", hint=f"nodes are {', '.join(names)}"
    )
