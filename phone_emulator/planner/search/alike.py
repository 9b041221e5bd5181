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
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    ClusterLayout,
    List,
    slot_of,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import PlanStep, Regenerate, World
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.projection import projected, renumbered
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
    return Part(projected(task, groups, nodes), nodes, _like(task, nodes, kinds))


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
    return renumbered(layout, world, order) == world
