"""Groups for which an order is not safe: why, and between which of its steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import NamedTuple

from tokenless.phone_emulator.planner.model import Cluster, Site
from tokenless.phone_emulator.planner.phones import (
    Group,
    Phone,
    anchors,
    boot,
    tvs_members,
)
from tokenless.phone_emulator.planner.risk import after_a_power_cut
from tokenless.phone_emulator.planner.steps import Step, World, apply
from tokenless.phone_emulator.planner.task import Task
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import FileKind


@unique
class OtherReason(StrEnum):
    """Why a group is not safe although nothing is refused."""

    NO_ANCHOR = "no-anchor"
    """No anchor and no TVS member is left: nothing done on servers reaches it."""


class Trouble(NamedTuple):
    """What is wrong with a group at a moment."""

    reason: Reason | OtherReason = OtherReason.NO_ANCHOR
    file: FileKind | None = None
    """What is refused."""
    rule: int | None = None

    @property
    def is_burnt(self) -> bool:
        """Whether nothing is refused, but nothing new could be brought either."""
        return self.file is None


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A group and the steps between which it is not safe."""

    group: Group
    trouble: Trouble
    """When it begins."""
    from_step: int
    """After which step it begins; 0 when it is so at the start."""
    to_step: int | None
    """After which step it is well; None when it is not at the end."""
    running_from: int | None
    """After which step it is so even if no service restarts; None: never."""

    @property
    def only_if_restarted(self) -> bool:
        """Whether it is so only if services restart in between (a power cut)."""
        return self.running_from is None


def trouble_of(
    site: Site, cluster: Cluster, group: Group, phone: Phone
) -> Trouble | None:
    """Return what is wrong if the phones restart now; None when nothing is."""
    for kind, fate in boot(site, cluster, group, phone).refusals:
        assert fate.reason is not None, "a refusal has its reason"  # noqa: S101
        return Trouble(fate.reason, kind, fate.rule)
    reachable = anchors(site, cluster, group, phone) or tvs_members(
        site, cluster, group, phone
    )
    return None if reachable else Trouble()


def refused(task: Task, cluster: Cluster, world: World) -> dict[Group, Trouble]:
    """Return the groups that refuse what a cluster serves, and why."""
    found = {}
    for group, phone in zip(task.groups, world.phones, strict=True):
        trouble = trouble_of(task.site, cluster, group, phone)
        if trouble is not None and not trouble.is_burnt:
            found[group] = trouble
    return found


def unsafe(task: Task, steps: Sequence[Step]) -> Iterator[Unsafe]:
    """Carry an order out; return the groups for which it is not safe, and when."""
    lasting: dict[Group, Unsafe] = {}
    world = task.first_world()
    for number, step in enumerate((None, *steps)):
        if step is not None:
            world = apply(task.site, task.groups, world, step)
        found = dict(_troubles(task, world))
        for group in [each for each in lasting if each not in found]:
            yield replace(lasting.pop(group), to_step=number)
        for group, (trouble, is_running) in found.items():
            each = lasting.get(group) or Unsafe(group, trouble, number, None, None)
            if is_running and each.running_from is None:
                each = replace(each, running_from=number)
            lasting[group] = each
    yield from lasting.values()


def _troubles(task: Task, world: World) -> Iterator[tuple[Group, tuple[Trouble, bool]]]:
    """Return what is wrong with each group, and whether it is while services run."""
    site, cluster = task.site, world.cluster
    restarted = after_a_power_cut(site, cluster)
    for group, phone in zip(task.groups, world.phones, strict=True):
        if (trouble := trouble_of(site, cluster, group, phone)) is not None:
            yield group, (trouble, True)
        elif (trouble := trouble_of(site, restarted, group, phone)) is not None:
            yield group, (trouble, False)
