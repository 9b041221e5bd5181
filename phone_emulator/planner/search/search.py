"""The shortest order of steps that locks no phone out: A* over the model.

An order is safe when at no moment a phone that restarts at its own node would refuse
anything, and no group is without an anchor and a TVS member; nor if the services
restarted at that moment, as they do after a power cut: a plan must not rest on a TVS
that still runs with a certificate which was replaced.

Steps come in rounds, as in the vendor's procedures (REFERENCE 7.5): a round replaces
one kind of anchor, CallManager, TVS or ITLRecovery, ends with every service serving
what is in use, and then with a reset of the phones (`rounds`). A phone that is off
during a round has lost one kind of anchor only.

From 14 on a regeneration resets phones by itself, at a moment that nobody chooses and
with phones that it does not reach: an order is safe when it is so for all of them.

Among the shortest orders the one is taken in which the fewest groups lose secure
registration, at all nodes or at their first one; then the one whose weakest moment
leaves phones the most ways to be reached, and then the one with the fewest moments at
which a phone that has to go to another node would be refused there; a strict search
allows no such moment. In all this groups that are alike count once (`alike`): of two
orders the one that costs two equal groups something is as good as the one that costs
one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple

from tokenless.phone_emulator.planner.model.cluster import PUBLISHER
from tokenless.phone_emulator.planner.model.registration import (
    NONE_LOST,
    LostRegistrations,
)
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    Regenerate,
    ResetCtl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    World,
    apply,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.alike import are_alike
from tokenless.phone_emulator.planner.search.lost_registrations import (
    least_lost,
    lost_by,
)
from tokenless.phone_emulator.planner.search.risk import (
    MANY_WAYS,
    Risk,
    assess,
    is_settled,
    serves_what_is_in_use,
)
from tokenless.phone_emulator.planner.search.rounds import (
    ANCHORS,
    least_steps,
    may_follow,
)
from tokenless.protocol.codes import TrustStore

MAX_STATES: Final = 200_000
"""After so many the search gives up."""


class OutOfTimeError(Exception):
    """The time for planning is over."""


@dataclass(slots=True)
class Effort:
    """The limits and the use of a search."""

    explored: int = 0
    """The number of orders, or beginnings of orders, that were visited."""
    is_over: Callable[[], bool] = lambda: False
    """True if the time is over."""
    progress: Callable[[int], None] = lambda _: None
    """Is told now and then how many were looked at."""
    every: int = 256

    def count(self) -> None:
        """Count one.

        Raises:
            OutOfTimeError: When the time is over.
        """
        self.explored += 1
        if self.explored % self.every == 0:
            self.progress(self.explored)
            if self.is_over():
                raise OutOfTimeError


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search."""

    steps: tuple[PlanStep, ...] | None
    """None when there is no safe order, or none was found."""
    explored: int
    """The number of orders, or beginnings of orders, that were visited."""
    gave_up: bool = False
    """The search ended before everything was looked at."""
    bound: int = 0
    """No safe order has fewer steps."""


class Cost(NamedTuple):
    """The cost of an order; smaller is better."""

    length: int
    lost: LostRegistrations
    risk: Risk
    """Of its weakest moment, and of all moments together."""

    def plus(self, lost: LostRegistrations, risk: Risk) -> "Cost":
        """Return the cost with one step more."""
        weakest = max(self.risk.minus_ways, risk.minus_ways)
        return Cost(
            self.length + 1,
            self.lost.plus(lost),
            Risk(weakest, self.risk.bound + risk.bound),
        )


class Left(NamedTuple):
    """The least that any order still costs."""

    length: int
    lost: LostRegistrations
    """Of an order that has no more steps than that."""


_NOTHING: Final = Cost(0, NONE_LOST, Risk(-MANY_WAYS, 0))


class Reached(NamedTuple):
    """A world and how it was reached."""

    world: World
    done: int
    """Bits of the goals that are reached."""
    round: TrustStore | None = None
    """The kind of anchor that was replaced since the phones were reset."""


@dataclass(slots=True)
class _Frontier:
    """Worlds to be looked at, the most promising first."""

    haste: int = 1
    """The weight of a remaining step: more than one finds an order sooner, which
    need not be the shortest."""
    heap: list[tuple[int, LostRegistrations, Risk, int, int, Reached]] = field(
        default_factory=list
    )
    best: dict[Reached, Cost] = field(default_factory=dict)
    """The cost of the best known way to a world."""
    came_from: dict[Reached, tuple[Reached, PlanStep]] = field(default_factory=dict)
    order: Iterator[int] = field(default_factory=count)

    def push(self, reached: Reached, cost: Cost, left: Left) -> None:
        """Remember a world with its cost, and the least that is left."""
        self.best[reached] = cost
        total = cost.length + self.haste * left.length
        lost = cost.lost.plus(left.lost)
        # Of equal totals the longest beginning comes first: it is nearest to the goal.
        # The number keeps the heap from comparing worlds, which have no order.
        entry = (total, lost, cost.risk, -cost.length, next(self.order), reached)
        heappush(self.heap, entry)

    def pop(self) -> Reached:
        """Return the most promising world."""
        return heappop(self.heap)[-1]

    @property
    def bound(self) -> int:
        """The length that no order can be below, as far as is known."""
        return self.heap[0][0] if self.heap and self.haste == 1 else 0

    def way_to(self, reached: Reached) -> tuple[PlanStep, ...]:
        """Return the steps that lead to a world."""
        steps: list[PlanStep] = []
        while reached in self.came_from:
            reached, step = self.came_from[reached]
            steps.append(step)
        return tuple(reversed(steps))


def search(
    task: Task,
    *,
    max_states: int = MAX_STATES,
    effort: Effort | None = None,
    haste: int = 1,
) -> Found:
    """Look for the shortest safe order.

    Args:
        task: What is to be reached.
        max_states: How many worlds are looked at before the search gives up.
        effort: Counts, and says when the time is over.
        haste: More than one for a safe order that need not be the shortest; none to
            look at every shorter order.
    """
    effort = Effort() if effort is None else effort
    before, bound = effort.explored, 0
    first = Reached(task.first_world(), 0)
    frontier = _Frontier(haste)
    frontier.push(first, _NOTHING, _left(task, first))
    try:
        while frontier.heap:
            bound = max(bound, frontier.bound)
            reached = frontier.pop()
            if _is_reached(task, reached):
                steps = frontier.way_to(reached)
                spent = effort.explored - before
                return Found(steps, spent, bound=len(steps) if haste == 1 else 0)
            if len(frontier.best) > max_states:
                return Found(None, effort.explored - before, gave_up=True, bound=bound)
            for step, after in _moves(task, reached):
                effort.count()
                _consider(task, frontier, reached, step, after)
    except OutOfTimeError:
        return Found(None, effort.explored - before, gave_up=True, bound=bound)
    return Found(None, effort.explored - before)


def _consider(
    task: Task, frontier: _Frontier, reached: Reached, step: PlanStep, after: Reached
) -> None:
    """Keep a step if it is safe and leads somewhere in a better way than known."""
    cost, known = frontier.best[reached], frontier.best.get(after)
    # The new way is one step longer than `cost`: it cannot be better, so the risk of
    # its last step, which costs most of the time, need not be assessed.
    if known is not None and known.length <= cost.length:
        return
    risk = assess(task, after.world)
    if risk is None or (task.strict and risk.bound):
        return
    cost = cost.plus(lost_by(task, reached.world, reached.round, step), risk)
    if known is None or cost < known:
        frontier.came_from[after] = (reached, step)
        frontier.push(after, cost, _left(task, after))


def _moves(task: Task, reached: Reached) -> Iterator[tuple[PlanStep, Reached]]:
    """Return the steps that change something, and where they lead."""
    for bit, goal in enumerate(task.goal):
        is_done = reached.done >> bit & 1
        if not is_done and _may_follow(task, reached, goal):
            world = apply(task.layout, task.groups, reached.world, goal)
            round_ = goal.unit if goal.unit in ANCHORS else reached.round
            yield goal, Reached(world, reached.done | 1 << bit, round_)
    for step in _general_steps(task):
        is_reset = isinstance(step, ResetPhones)
        if is_reset and not serves_what_is_in_use(task.layout, reached.world.cluster):
            continue
        world = apply(task.layout, task.groups, reached.world, step)
        if world != reached.world:
            round_ = None if is_reset else reached.round
            yield step, Reached(world, reached.done, round_)


def _may_follow(task: Task, reached: Reached, goal: Regenerate) -> bool:
    return _has_turn(task, goal, reached) and may_follow(
        task, reached.world, reached.round, goal
    )


def _has_turn(task: Task, goal: Regenerate, reached: Reached) -> bool:
    """Let nodes that nothing tells apart go by number: other orders are the same."""
    return not any(
        other.unit is goal.unit
        and PUBLISHER < other.node < goal.node
        and not reached.done >> bit & 1
        and are_alike(task, reached.world, other.node, goal.node)
        for bit, other in enumerate(task.goal)
    )


def _general_steps(task: Task) -> tuple[PlanStep, ...]:
    steps: tuple[PlanStep, ...] = (RestartTvs(), RestartTftp(), ResetPhones())
    if task.layout.is_mixed:
        steps = (*steps, UpdateCtl())
    # `utils ctl` commands are refused in a cluster that is not mixed.
    return steps + tuple(
        each
        for each in task.resets
        if task.layout.is_mixed or not isinstance(each, ResetCtl)
    )


def _is_reached(task: Task, reached: Reached) -> bool:
    if reached.done != (1 << len(task.goal)) - 1:
        return False
    return is_settled(task, reached.world)


def _left(task: Task, reached: Reached) -> Left:
    return Left(
        least_steps(task, reached.world, reached.round, reached.done),
        least_lost(task, reached.world, reached.round, reached.done),
    )
