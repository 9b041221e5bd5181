"""Nodes and groups that are alike are one: a large task as a small one.

Every rule of the model asks either of all nodes (each serves what is in use), of one
(the phones' own node, the publisher), or of some node (a TVS member that phones can
ask). A plan for a cluster therefore is a plan for each part of it that keeps the
publisher, the phones' own nodes and two of their TVS members: what is safe for all is
safe for some, and two members are enough to regenerate one after the other. So the
shortest plan of the part is never longer, and what cannot be planned there cannot be
planned at all. A plan of the part is carried over by letting every other node do what
the node does that it is like; `plan` tries it on the whole cluster, and enlarges the
part where that fails.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
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
from tokenless.phone_emulator.planner.model.steps import PlanStep, Regenerate, World
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.protocol.codes import UNITS_OF_EVERY_NODE

_MEMBERS = 2
"""So many TVS members of a kind let one be regenerated after the other."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a task, and how its plans are carried over to the whole."""

    task: Task
    nodes: tuple[int, ...]
    """The nodes that were kept, by their numbers in the whole."""
    like: Mapping[int, tuple[int, ...]]
    """Every kept node with those that do as it does; in the whole's numbers."""

    def carried_over(
        self, steps: Iterable[PlanStep], whole: Task
    ) -> tuple[PlanStep, ...]:
        """Return the steps for the whole cluster."""
        wanted = set(whole.goal)
        carried: list[PlanStep] = []
        for step in steps:
            if not isinstance(step, Regenerate):
                carried.append(step)
                continue
            for node in self.like[self.nodes[step.node]]:
                each = Regenerate(step.unit, node)
                if each in wanted:
                    carried.append(each)
                    wanted.discard(each)
        return tuple(_in_order(carried))


def _in_order(steps: Iterable[PlanStep]) -> Iterator[PlanStep]:
    """Let subscribers that follow each other go by number: easier to follow."""

    def kind(step: PlanStep) -> Hashable:
        if isinstance(step, Regenerate) and step.node != PUBLISHER:
            return step.unit
        return id(step)

    for _, same in groupby(steps, key=kind):
        run = list(same)
        yield from sorted(run, key=_node_of) if len(run) > 1 else run


def _node_of(step: PlanStep) -> int:
    return step.node if isinstance(step, Regenerate) else PUBLISHER


class Kinds:
    """The nodes and groups of a task that are equal."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.nodes = self._first_kinds()
        self.groups: tuple[Hashable, ...] = ()
        kinds = 0
        while kinds < len(set(self.nodes)):
            kinds = len(set(self.nodes))
            self._refine()

    def _first_kinds(self) -> list[int]:
        task = self._task
        wanted: dict[int, set[Hashable]] = defaultdict(set)
        for goal in task.goal:
            wanted[goal.node].add(goal.unit)
        history = _Histories(task) if task.start is not None else None
        return _numbers(
            (
                n == PUBLISHER,
                task.layout.roles_of(n),
                frozenset(wanted[n]),
                history and history.of(n),
            )
            for n in range(len(task.layout.nodes))
        )

    def _refine(self) -> None:
        """Tell nodes apart by the groups that they serve, and these by their nodes."""
        task = self._task
        kinds = self.nodes
        self.groups = tuple(
            (
                group.behaviour,
                group in task.running_only,
                kinds[group.node],
                frozenset(kinds[n] for n in group.members_of(task.layout)),
            )
            for group in task.groups
        )
        serves: dict[int, set[Hashable]] = defaultdict(set)
        answers: dict[int, set[Hashable]] = defaultdict(set)
        for group, kind in zip(task.groups, self.groups, strict=True):
            serves[group.node].add(kind)
            for node in group.members_of(task.layout):
                answers[node].add(kind)
        self.nodes = _numbers(
            (kinds[n], frozenset(serves[n]), frozenset(answers[n]))
            for n in range(len(kinds))
        )

    def representatives(self) -> dict[Hashable, PhoneGroup]:
        """Return one group of each kind."""
        chosen: dict[Hashable, PhoneGroup] = {}
        for group, kind in zip(self._task.groups, self.groups, strict=True):
            chosen.setdefault(kind, group)
        return chosen

    def kind_of(self, group: PhoneGroup) -> Hashable:
        """Return a group's kind."""
        return self.groups[self._task.groups.index(group)]


def _numbers(values: Iterable[Hashable]) -> list[int]:
    """Return a number for each value, the same for the same."""
    known: dict[Hashable, int] = {}
    return [known.setdefault(value, len(known)) for value in values]


class _Histories:
    """The differences between nodes of a cluster that has a history."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._world = task.first_world()

    def of(self, node: int) -> Hashable:
        """Return everything about a node that matters, without its number."""
        cluster = self._world.cluster
        layout = self._task.layout
        served = cluster.served[node]
        in_use = tuple(
            cluster.generations[slot_of(layout, unit, node)]
            for unit in UNITS_OF_EVERY_NODE
        )
        phones = frozenset(
            (group.behaviour, _of_node(phone.ctl, node), _of_node(phone.itl, node))
            for group, phone in self._world.held(self._task.groups)
            if group.node == node
        )
        elsewhere = frozenset(_of_node(each.itl, node) for each in cluster.served)
        return (
            in_use,
            cluster.shown[node],
            _of_node(cluster.ctl, node),
            _of_node(served.ctl, node),
            _of_node(served.itl, node),
            served.configuration_signer.generation,
            elsewhere,
            phones,
        )


def _of_node(held: List | None, node: int) -> Hashable:
    """Return what a list says of a node."""
    if held is None:
        return None
    mine = frozenset(
        (role, who.unit, who.generation)
        for role, who in held.members
        if who.node == node
    )
    return (held.signer.node == node, held.signer.unit, held.signer.generation, mine)


def part_of(task: Task, groups: Sequence[PhoneGroup], kinds: Kinds | None) -> Part:
    """Return the part of a task with some groups, and the nodes that matter to them.

    Args:
        task: The whole.
        groups: The groups to keep.
        kinds: Its kinds, to keep a node of each kind whose certificates are to be
            replaced; None to keep the groups' own nodes only.
    """
    keep = {PUBLISHER}
    for group in groups:
        keep.add(group.node)
        if group.security_by_default:
            keep |= _some_members(task, group, kinds)
    if kinds is not None:
        present = {kinds.nodes[n] for n in keep}
        for goal in task.goal:
            if kinds.nodes[goal.node] not in present:
                present.add(kinds.nodes[goal.node])
                keep.add(goal.node)
    nodes = tuple(sorted(keep))
    return Part(_projected(task, groups, nodes), nodes, _like(task, nodes, kinds))


def _some_members(task: Task, group: PhoneGroup, kinds: Kinds | None) -> set[int]:
    """Return two TVS members of each kind."""
    kept: dict[int, list[int]] = defaultdict(list)
    for node in group.members_of(task.layout):
        kind = 0 if kinds is None else kinds.nodes[node]
        if len(kept[kind]) < _MEMBERS:
            kept[kind].append(node)
    return {node for nodes in kept.values() for node in nodes}


def _like(
    task: Task, nodes: Sequence[int], kinds: Kinds | None
) -> dict[int, tuple[int, ...]]:
    """Give every node that was left out to one that was kept, in turns."""
    like: dict[int, list[int]] = {node: [node] for node in nodes}
    if kinds is None:
        return {node: tuple(each) for node, each in like.items()}
    for node in range(len(task.layout.nodes)):
        if node not in like:
            same = [n for n in nodes if kinds.nodes[n] == kinds.nodes[node]]
            subscribers = [n for n in nodes if n != PUBLISHER]
            choice = same or subscribers or list(nodes)
            like[min(choice, key=lambda n: len(like[n]))].append(node)
    return {node: tuple(each) for node, each in like.items()}


def _projected(
    task: Task, groups: Sequence[PhoneGroup], nodes: tuple[int, ...]
) -> Task:
    """Return the task without the other nodes and groups."""
    number = {node: at for at, node in enumerate(nodes)}
    layout = task.layout.only(nodes)
    smaller = {
        group: PhoneGroup(
            group.name,
            group.model,
            number[group.node],
            tuple(number[n] for n in group.members_of(task.layout) if n in number)
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
    return _renumbered(task.layout, World(world.cluster, phones, others), nodes)


def _renumbered(layout: ClusterLayout, world: World, nodes: Sequence[int]) -> World:
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


def are_alike(task: Task, world: World, one: int, other: int) -> bool:
    """Return whether nothing tells two nodes apart, now and from now on."""
    return _can_swap(task, one, other) and _is_symmetric(task.layout, world, one, other)


@lru_cache
def _can_swap(task: Task, one: int, other: int) -> bool:
    units = ({goal.unit for goal in task.goal if goal.node == n} for n in (one, other))
    wanted, wanted_too = units
    if task.layout.roles_of(one) != task.layout.roles_of(other):
        return False
    return wanted == wanted_too and all(
        group.node not in (one, other)
        and (one in group.members_of(task.layout))
        == (other in group.members_of(task.layout))
        for group in task.groups
    )


@lru_cache(maxsize=16_384)
def _is_symmetric(layout: ClusterLayout, world: World, one: int, other: int) -> bool:
    swap = {one: other, other: one}
    order = [swap.get(node, node) for node in range(len(layout.nodes))]
    return _renumbered(layout, world, order) == world
