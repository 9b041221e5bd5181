"""The task of a plan: the cluster, the phones, and the goal as it is typed.

A goal reads "regenerate CallManager, TVS, CAPF" or names one node, "CallManager@NODE".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tokenless.phone_emulator.errors import PhoneError, naming_by_hand
from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    ClusterLayout,
    first_cluster,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    ResetCtl,
    ResetItl,
    World,
    first_world,
)
from tokenless.protocol.codes import UNITS, TrustStore

_FORM: Final = 'write it as "regenerate CallManager, TVS, CAPF" or "CallManager@NODE"'
_SHOWN: Final = 64
"""The most characters of a wrong name that a message repeats."""
_VERB: Final = re.compile(r"\s*(?:regenerate\b)?(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Task:
    """The change to plan."""

    layout: ClusterLayout
    groups: tuple[PhoneGroup, ...]
    """The phones that must not be locked out."""
    goal: tuple[Regenerate, ...]
    strict: bool = False
    """True if phones must be able to change nodes at any moment."""
    resets: tuple[ResetCtl | ResetItl, ...] = ()
    """The recovery commands that may be used as steps."""
    start: World | None = None
    """Cluster and phones as they are; healthy ones when None."""
    running_only: frozenset[PhoneGroup] = frozenset()
    """Groups that are judged by the running services only: no order is safe for them
    if services restart at the wrong moment."""

    def first_world(self) -> World:
        """Return where the plan starts."""
        if self.start is not None:
            return self.start
        return first_world(self.layout, self.groups, first_cluster(self.layout))

    def only(self, groups: Sequence[PhoneGroup]) -> "Task":
        """Return the same task for some of the groups."""
        start = self.start
        kept = tuple(group for group in self.groups if group in groups)
        if start is not None:
            pairs = zip(self.groups, start.phones, strict=True)
            phones = tuple(phone for group, phone in pairs if group in groups)
            others = frozenset(each for each in start.others if each[0] in groups)
            start = World(start.cluster, phones, others)
        return replace(self, groups=kept, start=start)


@naming_by_hand()
def parse_goal(text: str, layout: ClusterLayout) -> tuple[Regenerate, ...]:
    """Read a goal: units, each on all its nodes, or on one (`UNIT@NODE`).

    Raises:
        WrongNameError: When it names no unit, or a node that there is not.
    """
    match = _VERB.fullmatch(text)
    rest = match[1] if match else ""
    words = [part.strip() for part in re.split(r"[,;]| and ", rest) if part.strip()]
    goal = tuple(dict.fromkeys(step for word in words for step in _steps(word, layout)))
    if not goal:
        raise PhoneError(f"{text[:_SHOWN]!r} names no certificate", hint=_FORM)
    return goal


def _steps(word: str, layout: ClusterLayout) -> Iterable[Regenerate]:
    name, at, node_name = (part.strip() for part in word.partition("@"))
    if at:
        return [regeneration(name, node_name, layout)]
    unit = _unit(name)
    return [Regenerate(unit, node) for node in layout.holders(unit)]


def regeneration(unit_name: str, node_name: str, layout: ClusterLayout) -> Regenerate:
    """Return the step that replaces one certificate.

    Raises:
        PhoneError: When there is no such unit or node, or the node has none of it.
    """
    unit, node = _unit(unit_name), node_number(node_name, layout)
    if unit in layout.shared and node_name != layout.nodes[PUBLISHER]:
        raise PhoneError(
            f"one {unit} certificate serves all nodes", hint=f"write {unit}"
        )
    if node not in layout.holders(unit):
        raise PhoneError(
            f"{unit} is the publisher's, for the whole cluster", hint=f"write {unit}"
        )
    return Regenerate(unit, node)


def _unit(name: str) -> TrustStore:
    for unit in UNITS:
        if unit.lower() == name.lower():
            return unit
    raise PhoneError(
        f"there is no certificate {name[:_SHOWN]!r}",
        hint=f"units are {', '.join(UNITS)}",
    )


def node_number(name: str, layout: ClusterLayout) -> int:
    """Return a node's number.

    Raises:
        PhoneError: When there is none of that name.
    """
    for number, known in enumerate(layout.nodes):
        if known.lower() == name.lower():
            return number
    raise PhoneError(
        f"there is no node {name[:_SHOWN]!r}",
        hint=f"nodes are {', '.join(layout.nodes)}",
    )
