"""Moments at which phones boot that a changed certificate reset (REFERENCE-2 3.4).

Nodes follow a change one after the other; on each, TVS restarts before TFTP makes its
files anew. A phone cares about its own node and about the TVS that changed, so that is
all that tells moments apart. It boots at one of them, or at none: no reset reaches a
phone that is not registered.
"""

from collections.abc import Iterable
from functools import lru_cache

from tokenless.phone_emulator.planner.model.cluster import (
    ClusterLayout,
    ClusterState,
    serve,
    serve_all,
    slot_of,
)
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    boot,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp


@lru_cache(maxsize=4096)
def follow_up_of(layout: ClusterLayout, unit: TrustStore) -> FollowUp:
    """Return what a node does whose unit has a new certificate.

    Others do the same but for the restarts of their services.
    """
    return FollowUp.of(layout.release, layout.interaction, own={unit}, anywhere={unit})


def _restarting(layout: ClusterLayout, unit: TrustStore, node: int) -> tuple[int, ...]:
    """Return the nodes whose TVS restarts: all that share the certificate."""
    if not follow_up_of(layout, unit).restarts_tvs:
        return ()
    return tuple(range(len(layout.nodes))) if unit in layout.shared else (node,)


def with_new_certificate(
    layout: ClusterLayout, cluster: ClusterState, unit: TrustStore, node: int
) -> ClusterState:
    """Return the cluster with a new certificate that no service has followed yet."""
    slot = slot_of(layout, unit, node)
    generations = list(cluster.generations)
    generations[slot] += 1
    return cluster._replace(generations=tuple(generations))


def followed(
    layout: ClusterLayout, cluster: ClusterState, unit: TrustStore, node: int
) -> ClusterState:
    """Return the cluster after every node has followed a change."""
    cluster = _with_tvs_restarted(layout, cluster, _restarting(layout, unit, node))
    rebuilds = follow_up_of(layout, unit).rebuilds_tftp
    return serve_all(layout, cluster) if rebuilds else cluster


@lru_cache(maxsize=65_536)
def moments(
    layout: ClusterLayout, cluster: ClusterState, unit: TrustStore, node: int, home: int
) -> tuple[ClusterState, ...]:
    """Return the clusters that a phone may meet, from the first moment to the last.

    A phone asks whichever TVS it can, so of restarted ones it matters whether its own
    node's is among them, and whether all are.

    Args:
        layout: The cluster's constants.
        cluster: With the new certificate, followed by nobody.
        unit: What changed.
        node: On which node.
        home: The phone's own node.
    """
    every = _restarting(layout, unit, node)
    others = tuple(each for each in every if each != home)
    sets = dict.fromkeys(((), others, tuple(set(every) - set(others)), every))
    restarted = {nodes: _with_tvs_restarted(layout, cluster, nodes) for nodes in sets}
    met = list(restarted.values())
    if follow_up_of(layout, unit).rebuilds_tftp:
        # A node rebuilds after its own TVS; another one's may be later.
        met += [
            _with_tftp_rebuilt(layout, each, home)
            for nodes, each in restarted.items()
            if home in nodes or home not in every
        ]
    return tuple(met)


def race_boots(
    layout: ClusterLayout,
    clusters: Iterable[ClusterState],
    group: PhoneGroup,
    held: Iterable[PhoneLists],
) -> list[PredictedBoot]:
    """Return every boot that phones of a group may make in a race."""
    states = list(clusters)
    return [boot(layout, each, group, phone) for phone in held for each in states]


def _with_tvs_restarted(
    layout: ClusterLayout, cluster: ClusterState, nodes: Iterable[int]
) -> ClusterState:
    shown = list(cluster.shown)
    for node in nodes:
        holder = layout.holder(TrustStore.TVS, node)
        shown[node] = cluster.generations[slot_of(layout, TrustStore.TVS, holder)]
    return cluster._replace(shown=tuple(shown))


def _with_tftp_rebuilt(
    layout: ClusterLayout, cluster: ClusterState, node: int
) -> ClusterState:
    served = list(cluster.served)
    served[node] = serve(layout, cluster, node)
    return cluster._replace(served=tuple(served))
