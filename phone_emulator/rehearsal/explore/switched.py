"""What a change itself switches off and on: faults leave that alone.

A node that the change stops cannot be stopped before by a fault, and phones that it
disconnects for three steps must not come back after one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tokenless.phone_emulator.rehearsal.scripts.actions import (
    DatabasePower,
    LineAction,
    NodePower,
    Phones,
    PhoneVerb,
)


@dataclass(frozen=True, slots=True)
class Switched:
    """What a step finds off, or switches itself."""

    nodes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    databases: frozenset[str | None] = frozenset()
    """The nodes without a database; None stands for everybody."""


def switched(
    steps: Sequence[Sequence[LineAction]], groups: Sequence[str]
) -> Iterator[Switched]:
    """Yield what each step of a script finds off, or switches.

    Args:
        steps: The actions of each step.
        groups: All groups of the script.
    """
    off = _Off(groups)
    for actions in steps:
        off.touched = {*off.nodes}, {*off.groups}, {*off.databases}
        for action in actions:
            off.follow(action)
        nodes, named, databases = off.touched
        yield Switched(frozenset(nodes), frozenset(named), frozenset(databases))


@dataclass(slots=True)
class _Off:
    """What is off while a script is walked."""

    everybody: Sequence[str]
    nodes: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    databases: set[str | None] = field(default_factory=set)
    touched: tuple[set[str], set[str], set[str | None]] = field(
        default_factory=lambda: (set(), set(), set())
    )
    """What was off when the step began, or was switched since."""

    def follow(self, action: LineAction) -> None:
        nodes, groups, databases = self.touched
        match action:
            case NodePower(node=node, up=up):
                (self.nodes.discard if up else self.nodes.add)(node)
                nodes.add(node)
            case DatabasePower(node=node, up=up):
                (self.databases.discard if up else self.databases.add)(node)
                databases.add(node)
            case Phones(verb=PhoneVerb.OFF | PhoneVerb.ON as verb, groups=named):
                chosen = named or tuple(self.everybody)
                is_on = verb is PhoneVerb.ON
                (self.groups.difference_update if is_on else self.groups.update)(chosen)
                groups.update(chosen)
            case _:
                pass
