"""The search at full size: impossible goals first, equal groups and nodes merged.

For each kind of group it is found out first whether any order is safe for it: by a
search for one unit of the goal at a time, on the few nodes that matter to that group. A
plan for the whole goal would be a plan for each unit, so one unit without an order
proves that there is none. Then one search for one group of each kind; its plan is
carried over to all nodes and tried there. See `alike` for why that is the shortest.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    ResetCtl,
    ResetItl,
    ResetPhones,
    apply,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.alike import Kinds, part_of
from tokenless.phone_emulator.planner.search.risk import (
    is_settled,
    serves_what_is_in_use,
    unsafe_groups,
    unsettled_groups,
)
from tokenless.phone_emulator.planner.search.search import Effort, Found, search

_RESETS: Final[tuple[tuple[ResetCtl | ResetItl, ...], ...]] = (
    (),
    (ResetCtl(),),
    (ResetCtl(), ResetItl()),
)
"""Recovery commands are steps of a plan only when there is none without them."""
_FOR_THE_SHORTEST: Final = 0.7
"""The part of the time after which any safe order is good enough."""
_HASTE: Final = 4


@dataclass(frozen=True, slots=True)
class Solution:
    """The result for a task."""

    task: Task
    """With the recovery commands and the leniency that it took."""
    steps: tuple[PlanStep, ...] | None
    """None when no order is safe for any group, or none was found."""
    explored: int
    proven: bool
    """True if no safe order is shorter, and none is safe for what was left out."""
    bound: int
    """No safe order has fewer steps."""
    gave_up: bool


class _Chance(NamedTuple):
    """The conditions under which an order is safe for a kind of group."""

    resets: int
    """The first of `_RESETS` that may do."""
    running_only: bool
    """It is safe only while no service restarts at the wrong moment."""
    proven: bool = True


def solve(
    task: Task,
    *,
    timeout_s: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Solution:
    """Find the shortest safe order for as many groups as there is one for.

    Args:
        task: What is to be planned.
        timeout_s: After so long the best order so far is good enough.
        progress: Is told now and then how many orders were looked at.
    """
    return _Solver(task, timeout_s, progress).solve()


class _Solver:
    """One search, with the time that it has."""

    def __init__(
        self, task: Task, timeout_s: float | None, progress: Callable[[int], None]
    ) -> None:
        began, limit = time.monotonic(), timeout_s
        self._limit = 1.0 if limit is None else _FOR_THE_SHORTEST

        def is_over() -> bool:
            spent = time.monotonic() - began
            return limit is not None and spent > limit * self._limit

        self._effort = Effort(is_over=is_over, progress=progress)
        self._task = task
        self._kinds = Kinds(task)
        self._gave_up = False
        self._bound = 0

    def solve(self) -> Solution:
        """Return the shortest safe order, as far as time allows."""
        chances = {
            kind: self._chance(group)
            for kind, group in self._kinds.representatives().items()
        }
        able = {kind: each for kind, each in chances.items() if each is not None}
        proven = all(each.proven for each in able.values())
        if not able and chances:
            return self._solution(self._task, None, proven=proven)
        solved = self._jointly(able)
        if solved is not None:
            return replace(solved, proven=solved.proven and proven)
        return self._for_most(able)

    def _solution(
        self, task: Task, steps: tuple[PlanStep, ...] | None, *, proven: bool
    ) -> Solution:
        return Solution(
            task=task,
            steps=steps,
            explored=self._effort.explored,
            proven=proven and not self._gave_up,
            bound=self._bound,
            gave_up=self._gave_up,
        )

    def _chance(self, group: PhoneGroup) -> _Chance | None:
        """Return the least order for one group alone; None when there is none."""
        for running_only in (False, True):
            lenient = frozenset((group,)) if running_only else frozenset()
            for number, resets in enumerate(_RESETS):
                task = replace(self._task, resets=resets, running_only=lenient)
                possible = self._each_unit(task, group)
                if possible is not False:
                    return _Chance(number, running_only, proven=possible is True)
        return None

    def _each_unit(self, task: Task, group: PhoneGroup) -> bool | None:
        """Return whether there is an order for every unit of the goal by itself."""
        part = part_of(task, (group,), None).task
        for unit in dict.fromkeys(goal.unit for goal in part.goal):
            goal = tuple(each for each in part.goal if each.unit is unit)
            found = search(replace(part, goal=goal), effort=self._effort)
            if found.gave_up:
                return None
            if found.steps is None:
                return False
        return True

    def _jointly(self, chances: dict[Hashable, _Chance]) -> Solution | None:
        """Return an order that is safe for several kinds together."""
        groups = [
            group
            for group, kind in zip(self._task.groups, self._kinds.groups, strict=True)
            if kind in chances
        ]
        lenient = frozenset(
            group
            for group in groups
            if chances[self._kinds.kind_of(group)].running_only
        )
        first = max((each.resets for each in chances.values()), default=0)
        for resets in _RESETS[first:]:
            task = replace(self._task.only(groups), resets=resets, running_only=lenient)
            steps = self._shortest(task)
            if steps is not None:
                return self._solution(task, steps, proven=True)
        return None

    def _shortest(self, task: Task) -> tuple[PlanStep, ...] | None:
        """Search with one group of each kind, and more where that was not enough."""
        kinds = Kinds(task)
        kept = list(kinds.representatives().values())
        while True:
            part = part_of(task, kept, kinds)
            found = self._search(part.task)
            if found.steps is None:
                return None
            steps = part.carried_over(found.steps, task)
            bad = failing_groups(task, steps)
            if not bad:
                return steps
            more = [group for group in bad if group not in kept]
            if not more:
                return self._search(task).steps
            kept.append(more[0])

    def _search(self, task: Task) -> Found:
        found = search(task, effort=self._effort)
        # Certificates of nodes that were left out are steps of the whole, too.
        left_out = len(self._task.goal) - len(task.goal)
        self._bound = max(self._bound, found.bound + left_out)
        if not found.gave_up:
            return found
        self._gave_up = True
        self._limit = 1.0
        return search(task, effort=self._effort, haste=_HASTE)

    def _for_most(self, chances: dict[Hashable, _Chance]) -> Solution:
        """Leave out kinds that have no order together with the others."""
        chosen: dict[Hashable, _Chance] = {}
        best: Solution | None = None
        by_size = sorted(chances.items(), key=lambda each: each[1])
        for kind, chance in by_size:
            tried = self._jointly({**chosen, kind: chance})
            if tried is not None:
                chosen[kind], best = chance, tried
        if best is None:
            return self._solution(self._task, None, proven=False)
        return replace(best, proven=False)


def failing_groups(task: Task, steps: Sequence[PlanStep]) -> list[PhoneGroup]:
    """Carry steps out; return groups for which they are not safe, at the first moment.

    Every group when the steps do not reach the goal.
    """
    world = task.first_world()
    for step in steps:
        is_reset = isinstance(step, ResetPhones)
        if is_reset and not serves_what_is_in_use(task.layout, world.cluster):
            return list(task.groups)
        world = apply(task.layout, task.groups, world, step)
        if bad := list(unsafe_groups(task, world)):
            return bad
    if not is_settled(task, world):
        return list(unsettled_groups(task, world)) or list(task.groups)
    return []
