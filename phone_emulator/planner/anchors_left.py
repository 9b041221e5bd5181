"""Anchors and TVS members that the phones of each group are left with."""

from collections.abc import Iterable, Iterator

from tokenless.phone_emulator.planner.model.cluster import CertificateIdentity
from tokenless.phone_emulator.planner.model.phones import (
    PhoneGroup,
    PhoneLists,
    anchors,
    tvs_members,
    tvs_of,
)
from tokenless.phone_emulator.planner.model.steps import World
from tokenless.phone_emulator.planner.model.task import Task


def anchors_of(task: Task, world: World) -> dict[str, tuple[CertificateIdentity, ...]]:
    """Return the anchors of the phone of each group that has the fewest."""
    slots = {slot: number for number, slot in enumerate(task.layout.slots)}

    def left(group: PhoneGroup, phone: PhoneLists) -> list[CertificateIdentity]:
        found = anchors(task.layout, world.cluster, group, phone)
        return sorted(found, key=lambda who: slots[who.unit, who.node])

    return {
        group.name: tuple(min((left(group, each) for each in phones), key=_few))
        for group, phones in _phones(task, world)
    }


def tvs_of_groups(task: Task, world: World) -> dict[str, tuple[int, ...]]:
    """Return the nodes whose TVS the phone of each group can ask that has fewest."""
    return {
        group.name: tuple(
            min((sorted(_asked(task, world, group, e)) for e in phones), key=_few)
        )
        for group, phones in _phones(task, world)
    }


def _few(left: Iterable[object]) -> tuple[int, str]:
    """Order by number; what is equally few always in the same order."""
    each = list(left)
    return len(each), str(each)


def _phones(
    task: Task, world: World
) -> Iterator[tuple[PhoneGroup, tuple[PhoneLists, ...]]]:
    """Yield each group with what its phones hold, also those that no reset reached.

    A phone without lists needs no anchor; it counts only where most are such.
    """
    for group, phone in zip(task.groups, world.phones, strict=True):
        late = (p for g, p in world.others if g == group and not p.is_empty)
        yield group, (phone, *late)


def _asked(
    task: Task, world: World, group: PhoneGroup, phone: PhoneLists
) -> Iterator[int]:
    """Yield the nodes whose TVS phones can ask: several may show one certificate."""
    layout, cluster = task.layout, world.cluster
    known = tvs_members(layout, cluster, group, phone)
    members = group.members_of(layout)
    shown = tvs_of(layout, cluster, members).shown
    yield from (node for node, who in zip(members, shown, strict=True) if who in known)
