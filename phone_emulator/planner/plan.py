"""A plan: the safe order, what stands after each step, and what must not be done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tokenless.phone_emulator.planner.phones import Boot, Group, anchors
from tokenless.phone_emulator.planner.risk import after_a_power_cut
from tokenless.phone_emulator.planner.search import Found, search
from tokenless.phone_emulator.planner.steps import (
    Regenerate,
    ResetCtl,
    ResetItl,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    Step,
    UpdateCtl,
    World,
    apply,
    boots,
    commands,
    describe,
    title,
)
from tokenless.phone_emulator.planner.task import Task
from tokenless.protocol.codes import UNITS, TrustStore


@dataclass(frozen=True, slots=True)
class Danger:
    """A regeneration that must not be done at a moment."""

    unit: TrustStore
    groups: tuple[str, ...]
    """Whose phones it would lock out."""
    burns_last: bool
    """No anchor would be left: nothing done on servers could bring them back."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan and what stands after it."""

    number: int
    step: Step
    title: str
    commands: tuple[str, ...]
    """As lines of a rehearsal."""
    anchors: dict[str, tuple[str, ...]]
    """By group: what its phones still can learn others by."""
    dangers: tuple[Danger, ...]
    boots: dict[str, Boot]
    """By group: what came of the phones' reset; empty for other steps."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """Where an order goes wrong."""

    number: int
    title: str
    groups: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Naive:
    """The goal done in one go, as it was written."""

    titles: tuple[str, ...]
    lockout: Mishap | None
    """The first step after which a restarting phone is refused something."""
    burnt: Mishap | None
    """The first step that burns a group's last anchor."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found."""

    task: Task
    steps: tuple[Planned, ...] | None
    """None when no order is safe for any group."""
    by_hand: tuple[Group, ...]
    """Groups for which no order is safe: their CTL must be deleted by hand."""
    naive: Naive
    explored: int
    gave_up: bool


_RESETS: Final[tuple[tuple[ResetCtl | ResetItl, ...], ...]] = (
    (),
    (ResetCtl(),),
    (ResetCtl(), ResetItl()),
)
"""Recovery commands are steps of a plan only when there is none without them."""


def make_plan(task: Task) -> Plan:
    """Find the shortest safe order for as many groups as there is one for."""
    found = _search(task)
    by_hand: tuple[Group, ...] = ()
    explored = found.explored
    if found.steps is None:
        alone = {g: _search(task.only((g,))) for g in task.groups}
        explored += sum(each.explored for each in alone.values())
        by_hand = tuple(g for g, each in alone.items() if each.steps is None)
        rest = tuple(g for g in task.groups if g not in by_hand)
        if rest and by_hand:
            found = _search(task.only(rest))
            explored += found.explored
    steps = None if found.steps is None else tuple(_annotate(task, found.steps))
    naive = _naive(task)
    return Plan(task, steps, by_hand, naive, explored, found.gave_up)


def _search(task: Task) -> Found:
    explored, gave_up = 0, False
    for resets in _RESETS:
        found = search(replace(task, resets=resets))
        explored += found.explored
        gave_up = gave_up or found.gave_up
        if found.steps is not None:
            return replace(found, explored=explored)
    return Found(None, explored, gave_up)


def _annotate(task: Task, steps: Sequence[Step]) -> Iterator[Planned]:
    world = task.first_world()
    for number, step in enumerate(steps, 1):
        is_reset = isinstance(step, ResetPhones)
        booted = boots(task.site, task.groups, world) if is_reset else ()
        world = apply(task.site, task.groups, world, step)
        yield Planned(
            number=number,
            step=step,
            title=title(task.site, step),
            commands=commands(task.site, step),
            anchors=anchors_in_words(task, world),
            dangers=tuple(_dangers(task, world)),
            boots={
                group.name: each
                for group, each in zip(task.groups, booted, strict=is_reset)
            },
        )


def anchors_in_words(task: Task, world: World) -> dict[str, tuple[str, ...]]:
    """Return what each group can still learn others by."""
    return {
        group.name: tuple(
            sorted(
                describe(task.site, anchor.who)
                for anchor in anchors(task.site, world.cluster, phone)
            )
        )
        for group, phone in zip(task.groups, world.phones, strict=True)
    }


def _dangers(task: Task, world: World) -> Iterator[Danger]:
    """Return what would lock phones out if it were regenerated now, on all nodes."""
    already_locked = _refused(task, _restarted(task, world))
    already_burnt = _burnt(task, world)
    for unit in UNITS:
        after = world
        for node in task.site.holders(unit):
            after = apply(task.site, task.groups, after, Regenerate(unit, node))
        after = _restarted(task, after)
        locked = _refused(task, after) - already_locked
        burnt = _burnt(task, after) - already_burnt
        if locked | burnt:
            names = tuple(g.name for g in task.groups if g.name in locked | burnt)
            yield Danger(unit, names, burns_last=bool(burnt))


def _restarted(task: Task, world: World) -> World:
    return world._replace(cluster=after_a_power_cut(task.site, world.cluster))


def _refused(task: Task, world: World) -> set[str]:
    """Return the groups that are refused something when they restart now."""
    results = boots(task.site, task.groups, world)
    pairs = zip(task.groups, results, strict=True)
    return {group.name for group, result in pairs if result.refusals}


def _burnt(task: Task, world: World) -> set[str]:
    """Return the groups that have no anchor left."""
    return {name for name, left in anchors_in_words(task, world).items() if not left}


def naive_steps(task: Task) -> tuple[Step, ...]:
    """Return the goal done in one go: all certificates, all restarts, all phones."""
    update: tuple[Step, ...] = (UpdateCtl(),) if task.site.is_mixed else ()
    return (*task.goal, *update, RestartTvs(), RestartTftp(), ResetPhones())


def _naive(task: Task) -> Naive:
    steps = naive_steps(task)
    world = task.first_world()
    lockout = burnt = None
    for number, step in enumerate(steps, 1):
        before, world = world, apply(task.site, task.groups, world, step)
        words = title(task.site, step)
        if lockout is None and (locked := _refused(task, world)):
            names = tuple(g.name for g in task.groups if g.name in locked)
            lockout = Mishap(number, words, names, _why(task, world))
        if burnt is None and (gone := _burnt(task, world) - _burnt(task, before)):
            names = tuple(g.name for g in task.groups if g.name in gone)
            why = "no certificate that the phones know is in use any more"
            burnt = Mishap(number, words, names, why)
    return Naive(tuple(title(task.site, s) for s in steps), lockout, burnt)


def _why(task: Task, world: World) -> str:
    for result in boots(task.site, task.groups, world):
        for kind, fate in result.refusals:
            return f"{kind} is refused: {fate.why} (rule {fate.rule})"
    return ""
