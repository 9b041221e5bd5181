"""Risk of a state: files that phones would refuse if they restarted now."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from tokenless.phone_emulator.planner.model.cluster import (
    ClusterLayout,
    ClusterState,
    List,
    build_ctl,
)
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    anchors,
    boot,
    tvs_members,
)
from tokenless.phone_emulator.planner.model.steps import (
    RestartTftp,
    RestartTvs,
    World,
    change,
)
from tokenless.phone_emulator.planner.model.task import Task

MANY_WAYS: Final = 1_000
"""More than any phone has."""


class Risk(NamedTuple):
    """The risk of a state; smaller is better."""

    minus_ways: int
    """The anchors and TVS members of the group that has the fewest, negative."""
    bound: int
    """The number of groups that would be refused a file at another node."""


def assess(task: Task, world: World) -> Risk | None:
    """Return how safe a world is; None when it is not.

    The moments between a command and the restart that follows it count for the phones'
    own nodes only: in them another node may still serve files of a signer that is not
    in use any more.
    """
    if world.refused:
        return None
    bound, fewest = 0, MANY_WAYS
    restarted = after_a_power_cut(task.layout, world.cluster)
    for group, phone in world.held(task.groups):
        left = _fewest_ways(task, world.cluster, restarted, group, phone)
        if not left:
            return None
        fewest = min(fewest, left)
        bound += _is_bound(task.layout, restarted, group, phone)
    return Risk(-fewest, bound)


def _fewest_ways(
    task: Task,
    cluster: ClusterState,
    restarted: ClusterState,
    group: PhoneGroup,
    phone: PhoneLists,
) -> int:
    left = ways_left(task.layout, cluster, group, phone)
    if left and group not in task.running_only:
        left = min(left, ways_left(task.layout, restarted, group, phone))
    return left


def unsafe_groups(task: Task, world: World) -> Iterator[PhoneGroup]:
    """Return the groups for which a world is not safe."""
    restarted = after_a_power_cut(task.layout, world.cluster)
    found = set(world.refused)
    for group, phone in world.held(task.groups):
        if not _fewest_ways(task, world.cluster, restarted, group, phone) or (
            task.strict and _is_bound(task.layout, restarted, group, phone)
        ):
            found.add(group)
    yield from (group for group in task.groups if group in found)


@lru_cache(maxsize=65_536)
def after_a_power_cut(layout: ClusterLayout, cluster: ClusterState) -> ClusterState:
    """Return the cluster with TVS and TFTP restarted on every node."""
    return change(layout, change(layout, cluster, RestartTvs()), RestartTftp())


@lru_cache(maxsize=131_072)
def ways_left(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> int:
    """Count anchors and TVS members; 0 also when the phones' node would be refused.

    Phones without a list have `MANY_WAYS`.
    """
    if boot(layout, cluster, group, phone).refusals:
        return 0
    if phone.is_empty:
        return MANY_WAYS
    ways = anchors(layout, cluster, group, phone)
    return len(ways) + len(tvs_members(layout, cluster, group, phone))


@lru_cache(maxsize=131_072)
def _is_bound(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> bool:
    """Return whether the phones would be refused something at another node."""
    return any(
        boot(layout, cluster, group, phone, node).refusals
        for node in layout.tftp_nodes
        if node != group.node
    )


def is_settled(task: Task, world: World) -> bool:
    """Return whether every node serves the certificates in use and phones have them."""
    cluster = world.cluster
    if cluster != after_a_power_cut(task.layout, cluster):
        return False
    if task.layout.is_mixed and cluster.ctl != build_ctl(task.layout, cluster):
        return False
    return not any(unsettled_groups(task, world))


def unsettled_groups(task: Task, world: World) -> Iterator[PhoneGroup]:
    """Return the groups that would refuse something or take something new."""
    found = set()
    for group, phone in world.held(task.groups):
        each = boot(task.layout, world.cluster, group, phone)
        if each.phone != phone or each.refusals:
            found.add(group)
    yield from (group for group in task.groups if group in found)


def serves_what_is_in_use(layout: ClusterLayout, cluster: ClusterState) -> bool:
    """Tell whether a round may end; a reset list is current until the next one."""
    if layout.is_mixed and cluster.ctl not in _usable_ctls(layout, cluster):
        return False
    restarted = after_a_power_cut(layout, cluster)
    return restarted.shown == cluster.shown and all(
        served.ctl is fresh.ctl
        and served.itl.members == fresh.itl.members
        and served.configuration_signer is fresh.configuration_signer
        for served, fresh in zip(cluster.served, restarted.served, strict=True)
    )


@lru_cache(maxsize=65_536)
def _usable_ctls(layout: ClusterLayout, cluster: ClusterState) -> tuple[List, List]:
    return build_ctl(layout, cluster), build_ctl(layout, cluster, reset=True)
