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
from tokenless.services.store.parameters import Parameter, write_parameter


def follow_release(
    cluster: Cluster, change: Change, old: Release, new: Release
) -> None:
    """Do inside a change what an upgrade from one release to another does.

    Units that the new release has are made on every node; expired certificates of trust
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
    size = cluster.config.certificates.key_size
    for row in nodes.read_nodes(connection):
        node = cluster.node_of(row)
        for store in units_of(is_publisher=row.is_publisher, release=new):
            if certificates.own(connection, store, row.id) is None:
                order = IssueRequest.usual(node, store, size)
                issue(cluster.installation, connection, order, change.at)
