"""What is to be planned, and from where."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenless.phone_emulator.planner.model import Site, first_cluster
from tokenless.phone_emulator.planner.phones import Group
from tokenless.phone_emulator.planner.steps import (
    Regenerate,
    ResetCtl,
    ResetItl,
    World,
    first_world,
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be planned."""

    site: Site
    groups: tuple[Group, ...]
    """The phones that must not be locked out."""
    goal: tuple[Regenerate, ...]
    strict: bool = False
    """Whether phones must be able to change nodes at any moment."""
    resets: tuple[ResetCtl | ResetItl, ...] = ()
    """Which recovery commands may be used as steps."""
    start: World | None = None
    """Cluster and phones as they are; healthy ones when None."""
    running_only: frozenset[Group] = frozenset()
    """Groups that are judged by the running services only: no order is safe for them
    if services restart at the wrong moment."""

    def first_world(self) -> World:
        """Return where the plan starts."""
        if self.start is not None:
            return self.start
        return first_world(self.site, self.groups, first_cluster(self.site))

    def only(self, groups: Sequence[Group]) -> "Task":
        """Return the same task for some of the groups."""
        start = self.start
        kept = tuple(group for group in self.groups if group in groups)
        if start is not None:
            pairs = zip(self.groups, start.phones, strict=True)
            phones = tuple(phone for group, phone in pairs if group in groups)
            start = start._replace(phones=phones)
        return replace(self, groups=kept, start=start)
