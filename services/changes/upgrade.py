"""The effects of a cluster's upgrade on certificates (REFERENCE-2 1, 2.4)."""

from datetime import UTC, datetime

from tokenless.protocol.codes import units_of
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import issue
from tokenless.services.store import certificates, nodes
from tokenless.services.store.database import Change
from tokenless.services.store.nodes import NodeRow
from tokenless.services.store.parameters import Parameter, write_parameter


def follow_release(
    cluster: Cluster, change: Change, old: Release, new: Release
) -> None:
    """Do inside a change what an upgrade from one release to another does.

    Units that the new release has are made on every node; CAPF of subscribers ends with
    14 and stays in CallManager-trust (REFERENCE-2 2.1); expired certificates of trust
    stores are left behind by an upgrade to 12.5(1)SU6, 14SU2 or later. A way back
    changes nothing.

    Raises:
        ServiceError: When a key cannot be made.
        OSError: When it cannot be kept.
    """
    if new <= old:
        return
    connection = change.connection
    if new.resets_phones and not old.resets_phones:
        automatic = PhoneInteraction.AUTOMATIC.value
        write_parameter(connection, Parameter.PHONE_INTERACTION, automatic)
    if new.drops_expired_trust:
        now = datetime.fromtimestamp(change.at, UTC)
        for placed in certificates.all_trusted(connection):
            if placed.certificate.not_after < now:
                certificates.remove(connection, placed)
    for row in nodes.read_nodes(connection):
        _follow_on(cluster, change, row, new)


def _follow_on(cluster: Cluster, change: Change, row: NodeRow, new: Release) -> None:
    """Give a node the units of a release; those that it no longer has end."""
    connection, size = change.connection, cluster.config.certificates.key_size
    units = units_of(is_publisher=row.is_publisher, release=new)
    for store in units:
        if certificates.own(connection, store, row.id) is None:
            order = IssueRequest.usual(cluster.node_of(row), store, size)
            issue(cluster.installation, connection, order, change.at)
    for placed in certificates.all_own(connection, node_id=row.id):
        if placed.store not in units:
            certificates.retire(connection, placed, change.at)
