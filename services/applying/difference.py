"""Find what must change until a cluster is what a configuration file says."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import NodeRole
from tokenless.services.applying.file import ConfigFile
from tokenless.services.applying.phones import (
    check_default_pool,
    phone_steps,
    unwanted_phones,
)
from tokenless.services.applying.steps import Difference, Sign, Step
from tokenless.services.changes import membership
from tokenless.services.changes.certificates import find_store, trust
from tokenless.services.changes.security import check_parameter, set_parameter
from tokenless.services.changes.trust_stores import is_kept_out, upload
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config import NodeSection
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import read_upload


def find_difference(
    cluster: Cluster, file: ConfigFile, *, prunes: bool = False
) -> Difference:
    """Compare a cluster with a file; nothing is changed.

    Args:
        cluster: The cluster.
        file: What is wanted.
        prunes: Whether nodes, groups, pools and devices that the file does not name are
            removed. Certificates of trust stores never are: the cluster adds its own.

    Raises:
        ServiceError: When the file wants what cannot be changed: another publisher,
            another address of a node, no default pool, a certificate that cannot be
            read.
    """
    steps = [
        *_parameters(cluster, file),
        *_nodes(cluster, file),
        *phone_steps(cluster, file),
        *_trusted(cluster, file),
    ]
    if prunes:
        check_default_pool(cluster, file)
    unwanted = [*unwanted_phones(cluster, file), *_unwanted_nodes(cluster, file)]
    # Last: a service cannot be deactivated on a node to which phones are sent.
    late = [*(unwanted if prunes else ()), *_deactivations(cluster, file)]
    kept = () if prunes else tuple(f"{each.kind} {each.name}" for each in unwanted)
    return Difference((*steps, *late), kept)


def _parameters(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    known = cluster.parameters()
    for parameter, wanted in file.parameters.items():
        _, value = check_parameter(parameter, wanted)
        if known.get(parameter) != value:
            yield Step(
                Sign.CHANGE,
                "parameter",
                parameter,
                f"{known.get(parameter, 'not set')} → {value}",
                partial(set_parameter, name=parameter, value=value),
            )


def _nodes(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    known = _by_name(cluster)
    for number, wanted in enumerate(file.config.nodes):
        node = known.get(wanted.name.lower())
        if node is None:
            _check_is_subscriber(wanted)
            said = f"{wanted.address}, {_words(wanted.activated)}"
            add = partial(
                membership.add_node,
                name=wanted.name,
                address=wanted.address,
                roles=wanted.activated,
            )
            yield Step(Sign.ADD, "node", wanted.name, said, add)
            continue
        _check_same(node, wanted)
        if file.says("nodes", number, "roles"):
            for role in sorted(wanted.activated - node.roles):
                do = partial(membership.activate, node=node, role=role)
                yield Step(Sign.CHANGE, "node", node.name, f"activate {role}", do)


def _deactivations(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    known = _by_name(cluster)
    for number, wanted in enumerate(file.config.nodes):
        node = known.get(wanted.name.lower())
        if node is not None and file.says("nodes", number, "roles"):
            for role in sorted(node.roles - wanted.activated):
                do = partial(membership.deactivate, node=node, role=role)
                yield Step(Sign.CHANGE, "node", node.name, f"deactivate {role}", do)


def _unwanted_nodes(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    wanted = {each.name.lower() for each in file.config.nodes}
    for node in cluster.nodes:
        if node.name.lower() not in wanted and not node.is_publisher:
            do = partial(membership.remove_node, node=node)
            yield Step(Sign.REMOVE, "node", node.name, node.address, do)


def _by_name(cluster: Cluster) -> Mapping[str, Node]:
    return {node.name.lower(): node for node in cluster.nodes}


def _check_is_subscriber(wanted: NodeSection) -> None:
    if wanted.publisher:
        raise ServiceError(
            f"{wanted.name} would be another publisher",
            hint="rename the publisher with `set cluster hostname`",
        )


def _check_same(node: Node, wanted: NodeSection) -> None:
    if node.is_publisher != wanted.publisher:
        raise ServiceError(
            f"{node.name} is {'the publisher' if node.is_publisher else 'a subscriber'}"
            f" of the cluster, which cannot change",
            hint="correct `publisher` in the file",
        )
    if node.address != wanted.address:
        raise ServiceError(
            f"{node.name} has the address {node.address}, not {wanted.address}: trust "
            "lists contain it, and it cannot change",
            hint="remove the node and add it again, or correct the file",
        )


def _words(roles: Sequence[NodeRole] | frozenset[NodeRole]) -> str:
    return "roles " + ", ".join(sorted(roles)) if roles else "no roles"


def _trusted(cluster: Cluster, file: ConfigFile) -> Iterator[Step]:
    """Find certificates of files that a trust store lacks."""
    for section in file.config.trust_stores:
        store = find_store(section.name)
        if not store.is_trust_store:
            raise ServiceError(
                f"{store} holds a node's own certificate",
                hint=f"write {store}-trust",
            )
        held = [each.certificate for each in trust(cluster, store)]
        for name in section.certificates:
            found = read_upload(file.certificate(name), store)
            new = [each for each in found if not is_kept_out(each, held)]
            held += new
            data = b"".join(write_certificate(each.der) for each in new)
            if new:
                said = ", ".join(each.subject_text for each in new)
                do = partial(upload, store=store, data=data)
                yield Step(Sign.ADD, "trust store", store, f"{said} ({name})", do)
