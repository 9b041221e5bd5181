"""A plan: the safe order, what stands after each step, and what must not be done."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from itertools import groupby
from typing import NamedTuple, TypeVar

from tokenless.phone_emulator.planner.anchors_left import anchors_of, tvs_of_groups
from tokenless.phone_emulator.planner.in_one_go import InOneGo, in_one_go, naive_steps
from tokenless.phone_emulator.planner.model.cluster import (
    CertificateIdentity,
    ClusterState,
)
from tokenless.phone_emulator.planner.model.equal_groups import EqualGroups
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PredictedBoot,
    boot,
    is_reachable,
)
from tokenless.phone_emulator.planner.model.race import with_new_certificate
from tokenless.phone_emulator.planner.model.registration import (
    RegistrationLoss,
    losses,
    restarts_before,
)
from tokenless.phone_emulator.planner.model.steps import (
    Held,
    PlanStep,
    Regenerate,
    ResetPhones,
    World,
    apply,
    boots,
    commands,
    resets_phones,
    title,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.risk import after_a_power_cut
from tokenless.phone_emulator.planner.search.solve import solve
from tokenless.phone_emulator.planner.search.unsafe import (
    Unsafe,
    problem_of,
    refused_in_race,
    unsafe,
)
from tokenless.protocol.codes import UNITS, TrustStore

_Finding = TypeVar("_Finding", Unsafe, RegistrationLoss)


@unique
class Harm(StrEnum):
    """The effect of a regeneration at a wrong moment."""

    LOCKS_OUT = "locks-out"
    """Phones refuse what their node serves."""
    BURNS_LAST_ANCHOR = "burns-last-anchor"
    """No anchor and no TVS member is left: nothing done on servers reaches them."""


@dataclass(frozen=True, slots=True)
class Danger:
    """A regeneration that must not be done at a moment."""

    unit: TrustStore
    groups: tuple[str, ...]
    """The groups whose phones it would lock out."""
    harm: Harm


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan and what stands after it."""

    number: int
    step: PlanStep
    title: str
    commands: tuple[str, ...]
    """The lines of a rehearsal for the step."""
    anchors: dict[str, tuple[CertificateIdentity, ...]]
    """By group: the signers that its phones accept by themselves, of the fewest."""
    tvs: dict[str, tuple[int, ...]]
    """By group: the nodes whose TVS its phones can ask, of the fewest."""
    without_lists: frozenset[str]
    """Groups that hold no list and need no anchor: they take any."""
    dangers: tuple[Danger, ...]
    boots: dict[str, PredictedBoot]
    """By group: the result of the phones' reset; empty for other steps."""
    other_boots: dict[str, tuple[PredictedBoot, ...]]
    """By group: the results for phones that held something else."""
    resets_phones: bool
    """True if the step resets phones automatically, at unknown moments."""
    refused: tuple[str, ...]
    """Groups that refuse something at one of these moments."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The result of planning."""

    task: Task
    steps: tuple[Planned, ...] | None
    """None when no order is safe for any group."""
    unsafe: tuple[Unsafe, ...]
    """Groups for which the order is not safe: why, and between which steps; of the
    order in one go when there is no safe one."""
    by_hand: tuple[PhoneGroup, ...]
    """Groups that are not well at the end: their CTL must be deleted by hand."""
    in_one_go: InOneGo
    explored: int
    gave_up: bool
    proven: bool
    """True if no safe order is shorter."""
    bound: int
    """No safe order has fewer steps."""
    restarts: tuple[int, ...] = ()
    """The resets right before which Cisco CallManager is to be restarted."""
    losses: tuple[RegistrationLoss, ...] = ()
    """Groups that then do not register over TLS at their first node."""
    not_strict: tuple[PhoneGroup, ...] = ()
    """Groups that a strict plan was asked for, and that the order is safe for only as
    long as they boot at their own node."""

    @property
    def is_safe(self) -> bool:
        """Return whether the order is safe for every group, as it was asked for."""
        return self.steps is not None and not self.unsafe and not self.not_strict


def make_plan(
    task: Task,
    *,
    timeout_s: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Find the shortest safe order for as many groups as there is one for.

    Args:
        task: What is to be planned.
        timeout_s: After so long the best order so far is good enough.
        progress: Is told now and then how many orders were looked at.
    """
    equal = EqualGroups(task)
    one = equal.task
    solved = solve(one, timeout_s=timeout_s, progress=progress)
    order = naive_steps(task) if solved.steps is None else solved.steps
    found = tuple(unsafe(one, order))
    lost = {each.group for each in found if each.to_step is None}
    at_risk = {each.group for each in found}
    kept = {*at_risk, *solved.task.groups}
    safe = one.only([group for group in one.groups if group not in at_risk])
    lost_secure = losses(one, solved.steps or ())
    planned = None if solved.steps is None else _annotate(one, safe, solved.steps)
    return Plan(
        task=task,
        steps=None
        if planned is None
        else tuple(_of_all(equal, each) for each in planned),
        unsafe=tuple(_of_every(equal, found, lambda e: (e.to_step, e.from_step))),
        by_hand=equal.all(lost),
        in_one_go=in_one_go(equal),
        explored=solved.explored,
        gave_up=solved.gave_up,
        proven=solved.proven,
        bound=solved.bound,
        restarts=tuple(restarts_before(task.layout, solved.steps or ())),
        losses=tuple(_of_every(equal, lost_secure, lambda e: e.from_step)),
        not_strict=equal.all(each for each in one.groups if each not in kept)
        if task.strict and solved.steps is not None
        else (),
    )


def _of_every(
    equal: EqualGroups, found: Iterable[_Finding], moment: Callable[[_Finding], object]
) -> Iterator[_Finding]:
    """Return what was found of some groups for all; by moment, then by group."""
    for _, same in groupby(found, key=moment):
        by_group = {each.group: each for each in same}
        for group, each in equal.of_all(by_group):
            yield replace(each, group=group)


def _of_all(equal: EqualGroups, step: Planned) -> Planned:
    """Return a step with what it says of some groups said of all."""
    return replace(
        step,
        anchors=equal.by_name(step.anchors),
        tvs=equal.by_name(step.tvs),
        without_lists=frozenset(equal.names(step.without_lists)),
        dangers=tuple(
            replace(each, groups=equal.names(each.groups)) for each in step.dangers
        ),
        boots=equal.by_name(step.boots),
        other_boots=equal.by_name(step.other_boots),
        refused=equal.names(step.refused),
    )


def _annotate(task: Task, safe: Task, steps: Sequence[PlanStep]) -> Iterator[Planned]:
    """Tell what stands after each step.

    Args:
        task: With one group of each that are equal.
        safe: With those for which the order is safe: what would harm them is said.
        steps: The order.
    """
    world, guarded = task.first_world(), safe.first_world()
    for number, step in enumerate(steps, 1):
        is_reset = isinstance(step, ResetPhones)
        booted = boots(task.layout, task.groups, world) if is_reset else ()
        late = _late_boots(task, world) if is_reset else {}
        raced = refused_in_race(task, world, step)
        world = apply(task.layout, task.groups, world, step)
        guarded = apply(task.layout, safe.groups, guarded, step)
        yield Planned(
            number=number,
            step=step,
            title=title(task.layout, step),
            commands=commands(task.layout, step),
            anchors=anchors_of(task, world),
            tvs=tvs_of_groups(task, world),
            without_lists=frozenset(
                group.name
                for group, phone in zip(task.groups, world.phones, strict=True)
                if phone.is_empty
            ),
            dangers=tuple(_dangers(safe, guarded, _still_to_come(steps[number:]))),
            boots={
                group.name: each
                for group, each in zip(task.groups, booted, strict=is_reset)
            },
            other_boots=late,
            resets_phones=resets_phones(task.layout, step),
            refused=tuple(group.name for group in task.groups if group in raced),
        )


def _late_boots(task: Task, world: World) -> dict[str, tuple[PredictedBoot, ...]]:
    """Return the results of a reset for phones that hold other lists than most."""
    found: dict[str, tuple[PredictedBoot, ...]] = {}
    for group, phone in world.others:
        each = boot(task.layout, world.cluster, group, phone)
        found[group.name] = (*found.get(group.name, ()), each)
    return found


def _still_to_come(steps: Sequence[PlanStep]) -> frozenset[TrustStore]:
    """Return the units that the plan itself replaces before the next reset."""
    units = set()
    for step in steps:
        if isinstance(step, ResetPhones):
            break
        if isinstance(step, Regenerate):
            units.add(step.unit)
    return frozenset(units)


def _dangers(
    task: Task, world: World, planned: frozenset[TrustStore]
) -> Iterator[Danger]:
    """Return what would lock phones out if it were regenerated now, on all nodes.

    Nothing is said of units that the plan goes on with: in its order they are safe.
    """
    held = world.held(task.groups)
    before = _harmed(task, world.cluster, held)
    for unit in UNITS:
        if unit in planned:
            continue
        after = world.cluster
        for node in task.layout.holders(unit):
            after = with_new_certificate(task.layout, after, unit, node)
        harmed = _harmed(task, after, held)
        locked, burnt = harmed.locked - before.locked, harmed.burnt - before.burnt
        if locked | burnt:
            names = tuple(g.name for g in task.groups if g in locked | burnt)
            yield Danger(
                unit, names, Harm.BURNS_LAST_ANCHOR if burnt else Harm.LOCKS_OUT
            )


class _Harmed(NamedTuple):
    """Groups that are not well once services have restarted."""

    locked: set[PhoneGroup]
    """They refuse something, or cannot be reached."""
    burnt: set[PhoneGroup]
    """They have no anchor and no TVS member."""


def _harmed(task: Task, cluster: ClusterState, held: Sequence[Held]) -> _Harmed:
    """Return which groups are harmed; what services had followed does not matter."""
    layout = task.layout
    restarted = after_a_power_cut(layout, cluster)
    return _Harmed(
        {g for g, p in held if problem_of(layout, restarted, g, p) is not None},
        {g for g, p in held if not is_reachable(layout, restarted, g, p)},
    )
