"""Groups for which an order is not safe: why, and between which of its steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import NamedTuple

from tokenless.phone_emulator.planner.model import ClusterLayout, ClusterState
from tokenless.phone_emulator.planner.phones import (
    PhoneGroup,
    PhoneLists,
    anchors,
    boot,
    tvs_members,
)
from tokenless.phone_emulator.planner.risk import after_a_power_cut
from tokenless.phone_emulator.planner.steps import PlanStep, World, apply
from tokenless.phone_emulator.planner.task import Task
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
    """Return what is wrong if the phones restart now; None when nothing is."""
    for kind, outcome in boot(layout, cluster, group, phone).refusals:
        assert outcome.reason is not None, "a refusal has its reason"  # noqa: S101
        return GroupProblem(outcome.reason, kind, outcome.rule)
    reachable = anchors(layout, cluster, group, phone) or tvs_members(
        layout, cluster, group, phone
    )
    return None if reachable else GroupProblem()


def refused(
    task: Task, cluster: ClusterState, world: World
) -> dict[PhoneGroup, GroupProblem]:
    """Return the groups that refuse what a cluster serves, and why."""
    refusals = {}
    for group, phone in zip(task.groups, world.phones, strict=True):
        problem = problem_of(task.layout, cluster, group, phone)
        if problem is not None and not problem.is_burnt:
            refusals[group] = problem
    return refusals


def unsafe(task: Task, steps: Sequence[PlanStep]) -> Iterator[Unsafe]:
    """Carry an order out; return the groups for which it is not safe, and when."""
    lasting: dict[PhoneGroup, Unsafe] = {}
    world = task.first_world()
    for number, step in enumerate((None, *steps)):
        if step is not None:
            world = apply(task.layout, task.groups, world, step)
        problems = dict(_problems(task, world))
        for group in [each for each in lasting if each not in problems]:
            yield replace(lasting.pop(group), to_step=number)
        for group, (problem, is_running) in problems.items():
            each = lasting.get(group) or Unsafe(group, problem, number, None, None)
            if is_running and each.running_from is None:
                each = replace(each, running_from=number)
            lasting[group] = each
    yield from lasting.values()


def _problems(
    task: Task, world: World
) -> Iterator[tuple[PhoneGroup, tuple[GroupProblem, bool]]]:
    """Return what is wrong with each group, and whether it is while services run."""
    layout, cluster = task.layout, world.cluster
    restarted = after_a_power_cut(layout, cluster)
    for group, phone in zip(task.groups, world.phones, strict=True):
        if (problem := problem_of(layout, cluster, group, phone)) is not None:
            yield group, (problem, True)
        elif (problem := problem_of(layout, restarted, group, phone)) is not None:
            yield group, (problem, False)
