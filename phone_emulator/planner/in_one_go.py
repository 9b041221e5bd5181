"""The goal done in one go, as most would do it: where phones would be locked out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout, ClusterState
from tokenless.phone_emulator.planner.model.equal_groups import EqualGroups
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    is_reachable,
)
from tokenless.phone_emulator.planner.model.steps import (
    PlanStep,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    UpdateCtl,
    World,
    apply,
    title,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.risk import after_a_power_cut
from tokenless.phone_emulator.planner.search.unsafe import (
    GroupProblem,
    refused,
    refused_in_race,
)


@dataclass(frozen=True, slots=True)
class PlanFailure:
    """The step at which an order fails."""

    number: int
    title: str
    groups: tuple[str, ...]
    problem: GroupProblem
    """Of the first of the groups."""


@dataclass(frozen=True, slots=True)
class InOneGo:
    """The goal done in one go, as it was written."""

    titles: tuple[str, ...]
    lockout: PlanFailure | None
    """The first step after which a restarting phone is refused something."""
    lockout_if_restarted: PlanFailure | None
    """The same, if services had restarted at that moment."""
    burnt: PlanFailure | None
    """The first step that leaves a group no anchor and no TVS member."""


def naive_steps(task: Task) -> tuple[PlanStep, ...]:
    """Return the goal done in one go: all certificates, all restarts, all phones."""
    layout = task.layout
    update: tuple[PlanStep, ...] = (UpdateCtl(),) if layout.is_mixed else ()
    by_hand: tuple[PlanStep, ...] = (
        () if layout.release.restarts_tvs else (RestartTvs(),)
    )
    return (*task.goal, *update, *by_hand, RestartTftp(), ResetPhones())


def in_one_go(equal: EqualGroups) -> InOneGo:
    """Say what comes of the goal when it is done in one go."""
    task = equal.task
    steps = naive_steps(task)

    def of_all(failure: PlanFailure | None) -> PlanFailure | None:
        if failure is None:
            return None
        return replace(failure, groups=equal.names(failure.groups))

    return InOneGo(
        titles=tuple(title(task.layout, step) for step in steps),
        lockout=of_all(_first_lockout(task, steps, lambda _, cluster: cluster)),
        lockout_if_restarted=of_all(_first_lockout(task, steps, after_a_power_cut)),
        burnt=of_all(_first_burnt(task, steps)),
    )


def _first_lockout(
    task: Task,
    steps: Sequence[PlanStep],
    seen: Callable[[ClusterLayout, ClusterState], ClusterState],
) -> PlanFailure | None:
    """Return the first step after which phones refuse something.

    Args:
        task: The task.
        steps: The order.
        seen: Returns the cluster as a phone finds it that restarts after a step.
    """
    world = task.first_world()
    for number, step in enumerate(steps, 1):
        problems = refused_in_race(task, world, step)
        world = apply(task.layout, task.groups, world, step)
        problems = problems or refused(task, seen(task.layout, world.cluster), world)
        if problems:
            names = tuple(group.name for group in task.groups if group in problems)
            problem = next(
                problems[group] for group in task.groups if group in problems
            )
            return PlanFailure(number, title(task.layout, step), names, problem)
    return None


def _first_burnt(task: Task, steps: Sequence[PlanStep]) -> PlanFailure | None:
    """Return the first step that leaves a group no anchor and no TVS member."""
    world = task.first_world()
    for number, step in enumerate(steps, 1):
        before, world = world, apply(task.layout, task.groups, world, step)
        pairs = zip(task.groups, before.phones, world.phones, strict=True)
        names = tuple(
            group.name
            for group, held, holds in pairs
            if _can_reach(task, before, group, held)
            and not _can_reach(task, world, group, holds)
        )
        if names:
            return PlanFailure(number, title(task.layout, step), names, GroupProblem())
    return None


def _can_reach(task: Task, world: World, group: PhoneGroup, phone: PhoneLists) -> bool:
    return is_reachable(task.layout, world.cluster, group, phone)
