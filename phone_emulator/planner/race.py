"""Moments at which phones boot that a changed certificate reset (REFERENCE-2 3.4).

Nodes follow a change one after the other; on each, TVS restarts before TFTP makes its
files anew. A phone cares about its own node and about the TVS that changed, so that is
all that tells moments apart. It boots at one of them, or at none: no reset reaches a
phone that is not registered.
"""

from collections.abc import Iterable
from functools import lru_cache

from tokenless.phone_emulator.planner.model import (
    ClusterLayout,
    ClusterState,
    serve,
    serve_all,
    slot_of,
)
from tokenless.phone_emulator.planner.phones import (
    PhoneGroup,
    PhoneLists,
    PredictedBoot,
    boot,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import FollowUp


@lru_cache(maxsize=4096)
def follow_up_of(
    layout: ClusterLayout, unit: TrustStore, changed: int, node: int
) -> FollowUp:
    """Return what a node does when a unit of a node has a new certificate."""
    return FollowUp.of(
        layout.release,
        layout.interaction,
        own={unit} if node == changed else set(),
        anywhere={unit},
    )


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
    follow_up = follow_up_of(layout, unit, node, node)
    if follow_up.restarts_tvs:
        cluster = _with_tvs_restarted(layout, cluster, node)
    return serve_all(layout, cluster) if follow_up.rebuilds_tftp else cluster


@lru_cache(maxsize=65_536)
def moments(
    layout: ClusterLayout, cluster: ClusterState, unit: TrustStore, node: int, home: int
) -> tuple[ClusterState, ...]:
    """Return the clusters that a phone may meet, from the first moment to the last.

    Args:
        layout: The cluster's constants.
        cluster: With the new certificate, followed by nobody.
        unit: What changed.
        node: On which node.
        home: The phone's own node.
    """
    follow_up = follow_up_of(layout, unit, node, node)
    found = [cluster]
    if follow_up.restarts_tvs:
        found.append(_with_tvs_restarted(layout, cluster, node))
    if follow_up.rebuilds_tftp:
        # The changed node rebuilds after its TVS; another one may be earlier.
        early = found if home != node else found[-1:]
        found += [_with_tftp_rebuilt(layout, each, home) for each in early]
    return tuple(found)


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
    layout: ClusterLayout, cluster: ClusterState, node: int
) -> ClusterState:
    shown = list(cluster.shown)
    shown[node] = cluster.generations[slot_of(layout, TrustStore.TVS, node)]
    return cluster._replace(shown=tuple(shown))


def _with_tftp_rebuilt(
    layout: ClusterLayout, cluster: ClusterState, node: int
) -> ClusterState:
    served = list(cluster.served)
    served[node] = serve(layout, cluster, node)
    return cluster._replace(served=tuple(served))
