"""Deadlines of transfers: the one ordered structure for all time-outs.

Progress moves a transfer's deadline with every packet, so moving it must cost nothing:
an entry is looked at when its slot of time comes, and goes to a later slot if its
deadline moved meanwhile. Ended transfers are dropped then; no slot is farther away than
a second, so they are not held for long.
"""

import heapq
from collections.abc import Iterator
from typing import Final, Generic, Protocol, TypeVar

_SLOT_S: Final = 0.02
_FARTHEST_S: Final = 1.0
_NEVER: Final = float("inf")


class Timed(Protocol):
    """Something with a deadline that may move."""

    @property
    def deadline(self) -> float:
        """Time at which it is due."""
        ...

    @property
    def is_over(self) -> bool:
        """Return whether it is not worth looking at any more."""
        ...


Item = TypeVar("Item", bound=Timed)


class Deadlines(Generic[Item]):
    """Items by the slot of time in which they have to be looked at."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Item]] = {}
        self._order: list[int] = []

    def add(self, item: Item, now: float) -> None:
        """Have an item looked at when its deadline comes."""
        slot = int(min(item.deadline, now + _FARTHEST_S) / _SLOT_S) + 1
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = [item]
            heapq.heappush(self._order, slot)
        else:
            items.append(item)

    @property
    def next_at(self) -> float:
        """Time of the next call of `due`; infinity when nothing waits."""
        return self._order[0] * _SLOT_S if self._order else _NEVER

    def due(self, now: float) -> Iterator[Item]:
        """Take out the items whose deadline has passed; `add` them again if needed."""
        while self._order and self._order[0] * _SLOT_S <= now:
            for item in self._slots.pop(heapq.heappop(self._order)):
                if item.is_over:
                    continue
                if item.deadline <= now:
                    yield item
                else:
                    self.add(item, now)
