"""Faults as edits of a rehearsal's lines, and the script that a set of them makes.

A fault names lines by their places in the script as it was written, so that several
faults can be laid over one script in any order. What a change itself switches off and
on, faults leave alone: a node that the change stops cannot be stopped before by a
fault, and phones that it disconnects for three steps must not come back after one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from msgspec.structs import replace

from tokenless.phone_emulator.rehearsal.scripts.actions import (
    CallPhone,
    DatabasePower,
    LineAction,
    NodePower,
    Phones,
    PhoneVerb,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step

AFTERWARDS: Final = "Afterwards"
_WHY: Final = (
    "All failed parts are started again, and every phone restarts. Phones that "
    "are still stuck do not recover without help."
)


@unique
class FaultKind(StrEnum):
    """Kinds of faults; the first word of a fault's name."""

    NODE_DOWN = "node-down"
    TVS_DOWN = "tvs-down"
    LINK_CUT = "link-cut"
    DATABASE_AWAY = "database-away"
    GROUP_OFF = "group-off"
    RESTART_FORGOTTEN = "restart-forgotten"
    CTL_UPDATE_FORGOTTEN = "ctl-update-forgotten"
    RESET_FORGOTTEN = "reset-forgotten"
    TWICE = "twice"
    WRONG_NODE = "wrong-node"
    EARLY_RESET = "early-reset"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a script as it was written: both count from 0."""

    step: int
    line: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: FaultKind
    name: str
    """By which it is played again: `restart-forgotten:3.6:sub1`."""
    words: str
    """A description of the fault for people."""
    replaced: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)
    """Other lines that stand for a line; none: it is left out."""
    before: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Lines at the begin of steps; the one after the last is `AFTERWARDS`."""

    @property
    def step(self) -> int:
        """The number of the step in which it begins."""
        return 1 + min((*(place.step for place in self.replaced), *self.before))


def with_faults(script: Script, faults: Sequence[Fault]) -> Script:
    """Return a script in which things go wrong, and which expects nothing.

    Its last step brings back what failed, restarts every phone, and makes the change's
    calls again: one that failed while something was down is not lost for that.

    Args:
        script: What is played; its lines have been checked.
        faults: What goes wrong; none: the change alone.
    """
    steps = [_step(number, step, faults) for number, step in enumerate(script.steps)]
    last = Step(
        title=AFTERWARDS,
        run=(*_before(len(script.steps), faults), "phones boot", *_calls(script)),
        why=_WHY,
    )
    return replace(script, steps=(*steps, last))


def _calls(script: Script) -> Iterator[str]:
    """Yield the calls of a script between groups that it leaves on, each once."""
    calls: dict[CallPhone, str] = {}
    off: set[str] = set()
    for line in (line for step in script.steps for line in step.run):
        match parse_action(line):
            case CallPhone() as call:
                calls.setdefault(call, line)
            case Phones(verb=PhoneVerb.OFF, groups=groups):
                off.update(groups or (group.name for group in script.groups))
            case Phones(verb=PhoneVerb.ON, groups=groups):
                off.difference_update(groups or tuple(off))
            case _:
                pass
    for call, line in calls.items():
        if not off & {call.caller, call.called}:
            yield line


def _step(number: int, step: Step, faults: Sequence[Fault]) -> Step:
    lines = list(_before(number, faults))
    for index, line in enumerate(step.run):
        lines += _line(Place(number, index), line, faults)
    # A refusal that the change foresees is not a mistake, with or without faults.
    return Step(title=step.title, run=tuple(lines), why=step.why, refused=step.refused)


def _before(number: int, faults: Iterable[Fault]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(line for fault in faults for line in fault.before.get(number, ()))
    )


def _line(place: Place, line: str, faults: Sequence[Fault]) -> tuple[str, ...]:
    """Return what stands for a line; a line that one fault leaves out stays out."""
    found = [fault.replaced[place] for fault in faults if place in fault.replaced]
    if not all(found):
        return ()
    return found[0] if found else (line,)


@dataclass(frozen=True, slots=True)
class Switched:
    """Nodes, groups and databases that a step finds off, or switches itself."""

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
    """The things that are off while a script is walked."""

    everybody: Sequence[str]
    nodes: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    databases: set[str | None] = field(default_factory=set)
    touched: tuple[set[str], set[str], set[str | None]] = field(
        default_factory=lambda: (set(), set(), set())
    )
    """The things that were off when the step began, or were switched since."""

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
