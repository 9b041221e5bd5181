"""The shortest order of steps that locks no phone out: A* over the model.

An order is safe when at no moment a phone that restarts at its own node would refuse
anything, and no group is without an anchor; nor if the services restarted at that
moment, as they do after a power cut: a plan must not rest on a TVS that still runs with
a certificate which was replaced.

Steps come in rounds, as in the vendor's procedures (REFERENCE 7.5): a round replaces
one kind of anchor, CallManager, TVS or ITLRecovery, ends with every service serving
what is in use, and then with a reset of the phones. A phone that is off during a round
has lost one kind of anchor only.

Among the shortest orders the one is taken whose weakest moment leaves phones the most
anchors, and then the one with the fewest moments at which a phone that has to go to
another node would be refused there; a strict search allows no such moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple

from tokenless.phone_emulator.planner.model import Site
from tokenless.phone_emulator.planner.risk import (
    MANY_ANCHORS,
    Risk,
    assess,
    is_settled,
    serves_what_is_in_use,
)
from tokenless.phone_emulator.planner.steps import (
    Regenerate,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    Step,
    UpdateCtl,
    World,
    apply,
)
from tokenless.phone_emulator.planner.task import Task
from tokenless.protocol.codes import TrustStore

MAX_STATES: Final = 200_000
"""After so many the search gives up."""
_SECOND_SUBSCRIBER: Final = 2
_ANCHORS: Final = (TrustStore.CALLMANAGER, TrustStore.TVS, TrustStore.ITLRECOVERY)
"""Units that phones learn others by; CAPF vouches for nobody."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought."""

    steps: tuple[Step, ...] | None
    """None when there is no safe order."""
    explored: int
    """How many sequences of steps were looked at."""
    gave_up: bool = False
    """The search ended before everything was looked at."""


class Cost(NamedTuple):
    """What a way costs; smaller is better."""

    length: int
    risk: Risk
    """Of its weakest moment, and of all moments together."""

    def plus(self, risk: Risk) -> "Cost":
        """Return the cost with one step more."""
        weakest = max(self.risk.minus_anchors, risk.minus_anchors)
        return Cost(self.length + 1, Risk(weakest, self.risk.bound + risk.bound))


_NOTHING: Final = Cost(0, Risk(-MANY_ANCHORS, 0))


class Reached(NamedTuple):
    """A world and how it was reached."""

    world: World
    done: int
    """Bits of the goals that are reached."""
    round: TrustStore | None = None
    """Which kind of anchor was replaced since the phones were reset."""


@dataclass(slots=True)
class _Frontier:
    """Worlds to be looked at, the most promising first."""

    heap: list[tuple[int, Risk, int, int, Reached]] = field(default_factory=list)
    best: dict[Reached, Cost] = field(default_factory=dict)
    """The cost of the best known way to a world."""
    came_from: dict[Reached, tuple[Reached, Step]] = field(default_factory=dict)
    order: Iterator[int] = field(default_factory=count)

    def push(self, reached: Reached, cost: Cost, left: int) -> None:
        """Remember a world with its cost, and at least how many steps are left."""
        self.best[reached] = cost
        total = cost.length + left
        entry = (total, cost.risk, -cost.length, next(self.order), reached)
        heappush(self.heap, entry)

    def pop(self) -> Reached:
        """Return the most promising world."""
        return heappop(self.heap)[-1]

    def way_to(self, reached: Reached) -> tuple[Step, ...]:
        """Return the steps that lead to a world."""
        steps: list[Step] = []
        while reached in self.came_from:
            reached, step = self.came_from[reached]
            steps.append(step)
        return tuple(reversed(steps))


def search(task: Task, *, max_states: int = MAX_STATES) -> Found:
    """Look for the shortest safe order.

    Args:
        task: What is to be reached.
        max_states: How many worlds are looked at before the search gives up.
    """
    first = Reached(task.first_world(), 0)
    frontier = _Frontier()
    frontier.push(first, _NOTHING, _least_left(task, first))
    explored = 0
    while frontier.heap:
        reached = frontier.pop()
        if _is_reached(task, reached):
            return Found(frontier.way_to(reached), explored)
        if len(frontier.best) > max_states:
            return Found(None, explored, gave_up=True)
        for step, after in _moves(task, reached):
            explored += 1
            _consider(task, frontier, reached, step, after)
    return Found(None, explored)


def _consider(
    task: Task, frontier: _Frontier, reached: Reached, step: Step, after: Reached
) -> None:
    """Keep a step if it is safe and leads somewhere in a better way than known."""
    risk = assess(task, after.world)
    if risk is None or (task.strict and risk.bound):
        return
    cost = frontier.best[reached].plus(risk)
    known = frontier.best.get(after)
    if known is None or cost < known:
        frontier.came_from[after] = (reached, step)
        frontier.push(after, cost, _least_left(task, after))


def _moves(task: Task, reached: Reached) -> Iterator[tuple[Step, Reached]]:
    """Return the steps that change something, and where they lead."""
    for bit, goal in enumerate(task.goal):
        is_done = reached.done >> bit & 1
        if not is_done and _fits(reached, goal) and _has_turn(task, goal, reached.done):
            world = apply(task.site, task.groups, reached.world, goal)
            round_ = goal.unit if goal.unit in _ANCHORS else reached.round
            yield goal, Reached(world, reached.done | 1 << bit, round_)
    for step in _general_steps(task):
        is_reset = isinstance(step, ResetPhones)
        if is_reset and not serves_what_is_in_use(task.site, reached.world.cluster):
            continue
        world = apply(task.site, task.groups, reached.world, step)
        if world != reached.world:
            round_ = None if is_reset else reached.round
            yield step, Reached(world, reached.done, round_)


def _fits(reached: Reached, goal: Regenerate) -> bool:
    """Whether a certificate may be replaced before the phones are reset."""
    return goal.unit not in _ANCHORS or reached.round in (None, goal.unit)


def _has_turn(task: Task, goal: Regenerate, done: int) -> bool:
    """Let subscribers go by number: they are alike, other orders bring nothing new."""
    return goal.node < _SECOND_SUBSCRIBER or all(
        done >> bit & 1
        for bit, other in enumerate(task.goal)
        if other.unit is goal.unit and 0 < other.node < goal.node
    )


def _general_steps(task: Task) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = (RestartTvs(), RestartTftp(), ResetPhones())
    if task.site.is_mixed:
        steps = (*steps, UpdateCtl())
    return steps + task.resets


def _is_reached(task: Task, reached: Reached) -> bool:
    if reached.done != (1 << len(task.goal)) - 1:
        return False
    return is_settled(task, reached.world)


def _least_left(task: Task, reached: Reached) -> int:
    """Return a number of steps that is never more than are needed (for A*)."""
    pending = [
        goal for bit, goal in enumerate(task.goal) if not reached.done >> bit & 1
    ]
    if not pending:
        return 0 if _is_reached(task, reached) else 1
    units = {goal.unit for goal in pending}
    kinds = {unit for unit in units if unit in _ANCHORS} | {reached.round} - {None}
    in_ctl = units & _in_ctl(task.site)
    ctl_rounds = max(len(in_ctl & kinds), bool(in_ctl))
    # Each round ends with new files and a reset of the phones.
    return (
        len(pending) + (TrustStore.TVS in units) + ctl_rounds + 2 * max(1, len(kinds))
    )


def _in_ctl(site: Site) -> frozenset[TrustStore]:
    """Return the units whose regeneration makes the CTL outdated."""
    if not site.is_mixed:
        return frozenset()
    units = {TrustStore.CALLMANAGER, TrustStore.CAPF}
    if site.release.recovery_in_ctl:
        units.add(TrustStore.ITLRECOVERY)
    return frozenset(units)
