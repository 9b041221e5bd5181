"""Groups for which an order is not safe: why, and between which of its steps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import NamedTuple

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout, ClusterState
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    boot,
    is_reachable,
)
from tokenless.phone_emulator.planner.model.race import moments, with_new_certificate
from tokenless.phone_emulator.planner.model.steps import (
    Held,
    PlanStep,
    Regenerate,
    World,
    apply,
    resets_phones,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.risk import after_a_power_cut
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import FileKind


@unique
class OtherReason(StrEnum):
    """Reasons why a group is not safe although it refuses no file."""

    NO_ANCHOR = "no-anchor"
    """No anchor and no TVS member is left: nothing done on servers reaches it."""


class GroupProblem(NamedTuple):
    """The problem of a group at a moment."""

    reason: Reason | OtherReason = OtherReason.NO_ANCHOR
    file: FileKind | None = None
    """The file that is refused."""
    rule: int | None = None

    @property
    def is_burnt(self) -> bool:
        """Tell whether nothing is refused, but nothing new could be brought either."""
        return self.file is None


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A group and the steps between which it is not safe."""

    group: PhoneGroup
    problem: GroupProblem
    """The step at which it begins."""
    from_step: int
    """After which step it begins; 0 when it is so at the start."""
    to_step: int | None
    """After which step it is well; None when it is not at the end."""
    running_from: int | None
    """After which step it is so even if no service restarts; None: never."""

    @property
    def only_if_restarted(self) -> bool:
        """Return whether it is so only if services restart in between (a power cut)."""
        return self.running_from is None


def problem_of(
    layout: ClusterLayout, cluster: ClusterState, group: PhoneGroup, phone: PhoneLists
) -> GroupProblem | None:
    """Return the problem if the phones restart now; None when there is none."""
    for kind, outcome in boot(layout, cluster, group, phone).refusals:
        assert outcome.reason is not None, "a refusal has its reason"  # noqa: S101
        return GroupProblem(outcome.reason, kind, outcome.rule)
    reachable = is_reachable(layout, cluster, group, phone)
    return None if reachable else GroupProblem()


def refused(
    task: Task, cluster: ClusterState, world: World
) -> dict[PhoneGroup, GroupProblem]:
    """Return the groups that refuse what a cluster serves, and why."""
    return _one_each(
        (group, problem)
        for group, phone in world.held(task.groups)
        if (problem := problem_of(task.layout, cluster, group, phone)) is not None
        and not problem.is_burnt
    )


def _one_each(
    found: Iterable[tuple[PhoneGroup, GroupProblem]],
) -> dict[PhoneGroup, GroupProblem]:
    """Keep one problem a group: the same one, whichever comes first."""
    kept: dict[PhoneGroup, GroupProblem] = {}
    for group, problem in found:
        if group not in kept or _rank(problem) < _rank(kept[group]):
            kept[group] = problem
    return kept


def _rank(problem: GroupProblem) -> tuple[str, str]:
    return str(problem.file or "~"), str(problem.reason)


def refused_in_race(
    task: Task, world: World, step: PlanStep
) -> dict[PhoneGroup, GroupProblem]:
    """Return the groups that refuse something at a moment of the race of a step.

    Args:
        task: The task.
        world: Before the step.
        step: What is done.
    """
    layout = task.layout
    if not isinstance(step, Regenerate) or not resets_phones(layout, step):
        return {}
    new = with_new_certificate(layout, world.cluster, step.unit, step.node)
    return _one_each(
        (group, problem)
        for group, phone in world.held(task.groups)
        for cluster in moments(layout, new, step.unit, step.node, group.node)
        if (problem := problem_of(layout, cluster, group, phone)) is not None
        and not problem.is_burnt
    )


def unsafe(task: Task, steps: Sequence[PlanStep]) -> Iterator[Unsafe]:
    """Carry an order out; return the groups for which it is not safe, and when."""
    lasting: dict[PhoneGroup, Unsafe] = {}
    world = task.first_world()
    for number, step in enumerate((None, *steps)):
        raced: dict[PhoneGroup, GroupProblem] = {}
        if step is not None:
            raced = refused_in_race(task, world, step)
            world = apply(task.layout, task.groups, world, step)
        problems = _problems(task, world, raced)
        for group in [each for each in lasting if each not in problems]:
            yield replace(lasting.pop(group), to_step=number)
        for group, (problem, is_running) in problems.items():
            each = lasting.get(group) or Unsafe(group, problem, number, None, None)
            if is_running and each.running_from is None:
                each = replace(each, running_from=number)
            lasting[group] = each
    yield from lasting.values()


def _problems(
    task: Task, world: World, raced: Mapping[PhoneGroup, GroupProblem]
) -> dict[PhoneGroup, tuple[GroupProblem, bool]]:
    """Return each group's problem, and whether it is there while services run.

    Args:
        task: The task.
        world: After a step.
        raced: What phones refused that the step has reset.
    """
    layout, cluster = task.layout, world.cluster
    held = world.held(task.groups)
    running = {**_one_each(_each_problem(layout, cluster, held)), **raced}
    restarted = after_a_power_cut(layout, cluster)
    later = _one_each(_each_problem(layout, restarted, held))
    return {
        group: (running.get(group) or later[group], group in running)
        for group in task.groups
        if group in running or group in later
    }


def _each_problem(
    layout: ClusterLayout, cluster: ClusterState, held: Iterable[Held]
) -> Iterator[tuple[PhoneGroup, GroupProblem]]:
    for group, phone in held:
        if (problem := problem_of(layout, cluster, group, phone)) is not None:
            yield group, problem
