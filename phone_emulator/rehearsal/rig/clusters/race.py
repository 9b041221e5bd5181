"""The race between phones that are reset by themselves and nodes that follow a change.

Nodes restart services and make files again one after the other
(services.node.follow_up) while phones boot: before the first node has done anything, in
the middle, or after the last. Nobody chooses the moment of a phone; here it is drawn,
and so is the order of the nodes, from a seed that can be given again.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final

import trio

from tokenless.ground.counting import counted
from tokenless.protocol.phone_interaction import FollowUp
from tokenless.services.node.follow_up import Stage

_STAGES: Final = tuple(Stage)


@unique
class Moment(StrEnum):
    """The moment at which a reset phone asks for its files."""

    BEFORE = "before"
    """No node has followed the change: every file is the old one."""
    DURING = "during"
    """Some nodes have restarted services or made files again, others not yet."""
    AFTER = "after"
    """All nodes have followed it."""


@dataclass(frozen=True, slots=True)
class Race:
    """One change that reset phones by itself, as it was played."""

    nodes: tuple[str, ...]
    """The order in which they followed."""
    moments: Mapping[Moment, int]
    """Phones by the moment at which they booted."""
    unreached: int
    """Phones that are on and were registered nowhere: no reset reached them."""
    at_risk: Mapping[str, int] = field(default_factory=dict)
    """By group: phones that would have refused something at some moment."""

    @property
    def resets(self) -> int:
        """Return the number of phones that were reset."""
        return sum(self.moments.values())

    def to_json(self) -> dict[str, Any]:
        """Return what `rehearse run --json` prints of it."""
        return {
            "nodes": list(self.nodes),
            **{moment.value: self.moments.get(moment, 0) for moment in Moment},
            "unreached": self.unreached,
            "at_risk": {name: count for name, count in self.at_risk.items() if count},
        }

    def __str__(self) -> str:
        """Write it as a line of a transcript."""
        return (
            f"phones reset automatically: {moments_words(self.moments)}; nodes "
            f"followed in the order {', '.join(self.nodes)}{self._unreached()}"
        )

    def _unreached(self) -> str:
        if not self.unreached:
            return ""
        phones = counted(self.unreached, "phone")
        return f"; no reset reached {phones} without a registration"


def moments_words(moments: Mapping[Moment, int]) -> str:
    """Return how many phones booted when."""
    return (
        f"{moments.get(Moment.BEFORE, 0)} before nodes had followed the change, "
        f"{moments.get(Moment.DURING, 0)} while they did, "
        f"{moments.get(Moment.AFTER, 0)} after"
    )


@dataclass(frozen=True, slots=True)
class Draw:
    """The random moments of nodes and phones."""

    nodes: tuple[str, ...]
    slots: Mapping[str, int]
    """By device: how many stages are done when it boots."""

    @classmethod
    def of(
        cls, chance: random.Random, nodes: Iterable[str], devices: Iterable[str]
    ) -> "Draw":
        """Draw the order of nodes, and a moment for each phone."""
        order = sorted(nodes)
        chance.shuffle(order)
        last = len(order) * len(_STAGES)
        # After the last node's TFTP every file is the new one.
        in_between = range(1, last - 1)
        slots = {}
        for device in sorted(devices):
            match chance.choice(tuple(Moment)):
                case Moment.BEFORE:
                    slots[device] = 0
                case Moment.DURING:
                    slots[device] = chance.choice(in_between)
                case Moment.AFTER:
                    slots[device] = last
        return cls(tuple(order), slots)

    @property
    def stages(self) -> Sequence[tuple[str, Stage]]:
        """Return the actions of nodes, in order."""
        return [(node, stage) for node in self.nodes for stage in _STAGES]

    @property
    def moments(self) -> Mapping[Moment, int]:
        """Phones by moment."""
        return Counter(map(self.moment, self.slots.values()))

    def moment(self, slot: int) -> Moment:
        """Return what kind of moment it is when so many stages are done."""
        if slot == 0:
            return Moment.BEFORE
        is_over = slot >= len(self.nodes) * len(_STAGES) - 1
        return Moment.AFTER if is_over else Moment.DURING

    def devices_at(self, slot: int) -> frozenset[str]:
        """Return the phones that boot when so many stages are done."""
        return frozenset(name for name, when in self.slots.items() if when == slot)


class HeldPace:
    """Holds nodes up before each stage until the rehearsal lets them go on."""

    def __init__(self) -> None:
        self._due: dict[str, list[FollowUp]] = {}
        self._waiting: dict[str, Stage] = {}
        self._let_go: set[tuple[str, Stage]] = set()
        self._free: set[str] = set()
        self._changed = trio.Event()

    @property
    def due(self) -> Mapping[str, FollowUp]:
        """Return the next action of each node that has to follow a change."""
        return {node: queue[0] for node, queue in self._due.items() if queue}

    def expect(self, node: str, follow_up: FollowUp) -> None:
        """Note that a node is going to follow a change."""
        self._due.setdefault(node, []).append(follow_up)

    async def before(self, node: str, stage: Stage) -> None:
        """Wait until the node is let go on."""
        self._waiting[node] = stage
        self._wake()
        await self._until(lambda: self._may_go(node, stage))
        self._let_go.discard((node, stage))
        del self._waiting[node]

    def done(self, node: str) -> None:
        """Note that a node has followed one change."""
        self._due[node].pop(0)
        self._waiting.pop(node, None)
        self._wake()

    async def step(self, node: str, stage: Stage) -> None:
        """Let a node go through one stage; return when it has."""
        left = len(self._due[node])
        await self._until(lambda: self._waiting.get(node) is stage)
        self._let_go.add((node, stage))
        self._wake()
        await self._until(
            lambda: (
                (node, stage) not in self._let_go
                and (node in self._waiting or len(self._due[node]) < left)
            )
        )

    async def finish(self) -> None:
        """Let all nodes follow whatever they still have to."""
        self._free.update(self._due)
        self._wake()
        await self._until(lambda: not self.due)
        self._free.clear()

    def _may_go(self, node: str, stage: Stage) -> bool:
        return node in self._free or (node, stage) in self._let_go

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()
