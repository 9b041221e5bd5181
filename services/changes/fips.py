"""FIPS mode of a node: its certificates are regenerated, all at once (REFERENCE-2 8.1).

Those that a CA signed are lost, and so is the reuse of tomcat for CallManager. EC units
are not in the vendor's list and keep theirs. While a node is in FIPS mode, its RSA keys
have 2048 bits or more (inferred) and its certificates are signed with SHA-256.
"""

from dataclasses import replace
from typing import Final

from tokenless.protocol.codes import TrustStore, units_of
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import install, is_shared, prepare
from tokenless.services.errors import ServiceError
from tokenless.services.store import nodes

_UNITS: Final = (
    TrustStore.CALLMANAGER,
    TrustStore.TOMCAT,
    TrustStore.IPSEC,
    TrustStore.TVS,
    TrustStore.CAPF,
    TrustStore.ITLRECOVERY,
)
"""Units of the vendor's warning; SSH, which it names too, is not modelled."""


def set_fips(cluster: Cluster, node: Node, *, enabled: bool, by: str) -> None:
    """Take a node into FIPS mode, or out of it, in one transaction.

    The CTL keeps the old certificates until it is updated.

    Raises:
        ServiceError: When the node is in this mode already.
        OSError: When a key cannot be kept; nothing is changed then.
    """
    check_mode(node, enabled=enabled)
    size = cluster.config.certificates.regenerated_key_size
    release = cluster.release
    there = units_of(is_publisher=node.is_publisher, release=release)
    with cluster.store.read() as connection:
        issued = [
            prepare(
                cluster.installation,
                connection,
                IssueRequest.usual(
                    replace(node, is_fips=enabled),
                    store,
                    size,
                    shared=release.shares_self_signed and is_shared(connection, store),
                ),
            )
            for store in _UNITS
            if store in there
        ]
    action = "enable FIPS" if enabled else "disable FIPS"
    with cluster.store.change(action, node.name, by=by) as change:
        nodes.write_fips(change.connection, node.id, enabled=enabled)
        for each in issued:
            install(change.connection, each, change.at)


def check_mode(node: Node, *, enabled: bool) -> None:
    """Check that a node is not in FIPS mode already, or out of it.

    Raises:
        ServiceError: When it is.
    """
    if node.is_fips is enabled:
        state = "already in FIPS mode" if enabled else "not in FIPS mode"
        raise ServiceError(f"{node.name} is {state}", hint="see utils fips status")
