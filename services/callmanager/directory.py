"""Phones that are registered at the other nodes, as these announce them.

Each node speaks of its own phones only. What a node has said is forgotten with the
connection to it: a node that is not heard has no phones that could be called.

One phone can be announced by two nodes for a moment, or while they do not hear each
other. Both see the same order then: a secure registration outranks one in clear, else
the later one counts (REFERENCE-3 4.6, duplicateRegistration).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.cluster_link import PhoneEntry

MAX_PHONES: Final = 100_000
"""Of one node; more are not taken."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A phone at another node."""

    node: str
    phone: PhoneEntry

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Place in the order of registrations of one phone; the greatest counts."""
        return self.phone.is_secure, self.phone.at_ms, self.node


class Directory:
    """The phones that the other nodes have announced."""

    def __init__(self) -> None:
        self._by_device: dict[str, dict[str, PhoneEntry]] = {}
        self._by_number: dict[str, set[str]] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many phones are registered elsewhere."""
        return len(self._by_device)

    def put(self, node: str, phones: Iterable[PhoneEntry]) -> None:
        """Note phones that have registered at a node."""
        for phone in phones:
            self.remove(node, [phone.device])
            if self._counts[node] >= MAX_PHONES:
                continue
            self._counts[node] += 1
            self._by_device.setdefault(phone.device, {})[node] = phone
            self._by_number.setdefault(phone.number, set()).add(phone.device)

    def remove(self, node: str, devices: Iterable[str]) -> None:
        """Note phones that are not registered at a node any more."""
        for device in devices:
            nodes = self._by_device.get(device, {})
            phone = nodes.pop(node, None)
            if phone is None:
                continue
            self._counts[node] -= 1
            if not nodes:
                del self._by_device[device]
            if all(each.number != phone.number for each in nodes.values()):
                named = self._by_number[phone.number]
                named.discard(device)
                if not named:
                    del self._by_number[phone.number]

    def forget(self, node: str) -> None:
        """Forget all phones of a node: it is not heard any more."""
        self.remove(
            node, [name for name, nodes in self._by_device.items() if node in nodes]
        )

    def find(self, device: str) -> Elsewhere | None:
        """Return where a phone is registered, None when it is nowhere else."""
        nodes = self._by_device.get(device)
        if not nodes:
            return None
        return max(
            (Elsewhere(node, phone) for node, phone in nodes.items()),
            key=lambda each: each.rank,
        )

    def find_number(self, number: str) -> Elsewhere | None:
        """Return where the phone of a directory number is registered."""
        found = [self.find(device) for device in self._by_number.get(number, ())]
        known = [each for each in found if each is not None]
        return max(known, key=lambda each: each.rank, default=None)
