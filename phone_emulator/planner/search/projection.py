"""A task or a world with some nodes only, under new numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tokenless.phone_emulator.planner.model.cluster import (
    CertificateIdentity,
    ClusterLayout,
    ClusterState,
    List,
    Served,
    identity,
    make_list,
    slot_of,
    slots_of,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup, PhoneLists
from tokenless.phone_emulator.planner.model.steps import Regenerate, World
from tokenless.phone_emulator.planner.model.task import Task


def projected(task: Task, groups: Sequence[PhoneGroup], nodes: tuple[int, ...]) -> Task:
    """Return the task without the other nodes and groups."""
    number = {node: at for at, node in enumerate(nodes)}
    layout = task.layout.only(nodes)
    smaller = {
        group: replace(
            group,
            node=number[group.node],
            members=tuple(
                number[n] for n in group.members_of(task.layout) if n in number
            )
            or (number[group.node],),
        )
        for group in groups
    }
    start = None if task.start is None else _start(task, smaller, nodes)
    return replace(
        task,
        layout=layout,
        groups=tuple(smaller.values()),
        goal=tuple(
            Regenerate(goal.unit, number[goal.node])
            for goal in task.goal
            if goal.node in number
        ),
        start=start,
        running_only=frozenset(
            smaller[group] for group in groups if group in task.running_only
        ),
    )


class _Projection:
    """Certificates and lists without the nodes that are left out."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._number = {node: at for at, node in enumerate(nodes)}

    def identity(self, who: CertificateIdentity) -> CertificateIdentity:
        """Return a certificate under its node's new number."""
        return identity(who.unit, self._number[who.node], who.generation)

    def phone(self, held: PhoneLists) -> PhoneLists:
        """Return what phones hold without the nodes that are left out."""
        return PhoneLists(self.list(held.ctl), self.list(held.itl), held.is_configured)

    def list(self, held: List | None) -> List | None:
        """Return a list without the nodes that are left out."""
        if held is None or held.signer.node not in self._number:
            # A list of a node that is left out: no group that is kept holds it.
            return None
        members = frozenset(
            (role, self.identity(who))
            for role, who in held.members
            if who.node in self._number
        )
        return make_list(self.identity(held.signer), members)


def _start(
    task: Task, groups: Mapping[PhoneGroup, PhoneGroup], nodes: tuple[int, ...]
) -> World:
    """Return where the part starts.

    Args:
        task: The whole.
        groups: The groups that are kept, and what each is in the part.
        nodes: The nodes that are kept.
    """
    world = task.first_world()
    held = dict(zip(task.groups, world.phones, strict=True))
    phones = tuple(held[group] for group in groups)
    others = frozenset(
        (groups[group], phone) for group, phone in world.others if group in groups
    )
    return renumbered(task.layout, World(world.cluster, phones, others), nodes)


def renumbered(layout: ClusterLayout, world: World, nodes: Sequence[int]) -> World:
    """Return a world of some nodes, in another order."""
    old, to = world.cluster, _Projection(nodes)
    kept = [
        old.generations[slot_of(layout, unit, nodes[node])]
        for unit, node in slots_of(len(nodes))
    ]
    served = []
    for node in nodes:
        each = old.served[node]
        itl = to.list(each.itl)
        assert itl is not None, "a node's own certificates sign its ITL"  # noqa: S101
        signer = to.identity(each.configuration_signer)
        served.append(Served(to.list(each.ctl), itl, signer))
    cluster = ClusterState(
        generations=tuple(kept),
        shown=tuple(old.shown[node] for node in nodes),
        ctl=to.list(old.ctl),
        served=tuple(served),
    )
    phones = tuple(to.phone(each) for each in world.phones)
    others = frozenset((group, to.phone(each)) for group, each in world.others)
    return World(cluster, phones, others, world.refused)
