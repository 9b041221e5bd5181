"""Notices that certificates of the cluster have changed, and what follows on a node.

What a node has seen is compared with the database after each revision; the first look,
when the node starts, only remembers. A node that joins or leaves is no change.
"""

from dataclasses import dataclass
from typing import Final

from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.store import certificates

_Place = tuple[int, TrustStore]
_NOTHING: Final = FollowUp()


@dataclass(frozen=True, slots=True)
class _Changed:
    """A certificate that took another one's place."""

    node_id: int
    unit: TrustStore


class CertificateWatch:
    """The own certificates of all nodes as one node saw them last."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        self._seen: dict[_Place, bytes] | None = None

    def look(self) -> FollowUp:
        """Return what follows on the node from changes since the last look (blocking).

        Raises:
            ServiceError: When the database cannot be read; nothing is forgotten then.
        """
        cluster = self._cluster
        with cluster.store.read() as connection:
            now = {
                (each.node_id, each.store): each.certificate.der
                for each in certificates.all_own(connection)
                if each.node_id is not None
            }
        before, release = self._seen, cluster.release
        interaction = cluster.phone_interaction
        self._seen = now
        if before is None:
            return _NOTHING
        changed = [
            _Changed(*place)
            for place, der in now.items()
            if place in before and before[place] != der
        ]
        return FollowUp.of(
            release,
            interaction,
            own={each.unit for each in changed if each.node_id == self._node.id},
            anywhere={each.unit for each in changed},
        )
