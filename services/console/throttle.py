"""Limits on sign-in attempts: per address, and at the same time."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BURST: Final = 10
"""Wrong passwords that one address may give at once."""
PER_S: Final = 1 / 30
"""The further tries that an address gets per second."""
MAX_ADDRESSES: Final = 10_000


class Throttle:
    """A bucket of tries for each address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with full buckets.

        Args:
            clock: Tells a time that never goes back.
        """
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> bool:
        """Take a try; return whether there was one."""
        now = self._clock()
        spent, at = self._spent.get(address, (0.0, now))
        spent = max(0.0, spent - (now - at) * PER_S)
        if spent + 1 > BURST:
            return False
        self._spent[address] = spent + 1, now
        self._spent.move_to_end(address)
        if len(self._spent) > MAX_ADDRESSES:
            self._spent.popitem(last=False)
        return True

    def give_back(self, address: str) -> None:
        """Take back what a right password has cost."""
        spent, at = self._spent.get(address, (0.0, self._clock()))
        self._spent[address] = max(0.0, spent - 1), at
