"""Groups that nothing tells apart but their names: one of each is judged for all.

Eight models are three kinds of behaviour. What holds for one group of phones holds for
every other one with the same behaviour, the same first TFTP server, the same TVS
members and the same lists, at every moment of every order.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from tokenless.phone_emulator.planner.model.phones import PhoneGroup, PhoneLists
from tokenless.phone_emulator.planner.model.task import Task

_T = TypeVar("_T")


class EqualGroups:
    """A task with one group of each that are equal, and the way back to all."""

    def __init__(self, task: Task) -> None:
        chosen: dict[Hashable, PhoneGroup] = {}
        self._judged = {
            group: chosen.setdefault(key, group)
            for group, key in zip(task.groups, _keys(task), strict=True)
        }
        self.task = task.only(tuple(chosen.values()))
        """With the first of each groups that are equal."""

    def of_all(
        self, values: Mapping[PhoneGroup, _T]
    ) -> Iterator[tuple[PhoneGroup, _T]]:
        """Yield every group that has a value, or is equal to one that has it.

        They come in the order of the whole task.
        """
        for group, judged in self._judged.items():
            if judged in values:
                yield group, values[judged]

    def all(self, found: Iterable[PhoneGroup]) -> tuple[PhoneGroup, ...]:
        """Return every group that is equal to one of these, in the task's order."""
        return tuple(group for group, _ in self.of_all(dict.fromkeys(found)))

    def names(self, found: Iterable[str]) -> tuple[str, ...]:
        """Return the names of all groups that are equal to those of these names."""
        judged = set(found)
        return tuple(
            each.name for each, by in self._judged.items() if by.name in judged
        )

    def by_name(self, values: Mapping[str, _T]) -> dict[str, _T]:
        """Return for each group's name the value of the group that it is equal to."""
        return {
            each.name: values[by.name]
            for each, by in self._judged.items()
            if by.name in values
        }


def _keys(task: Task) -> Iterator[Hashable]:
    """Yield all that matters of each group."""
    held: dict[PhoneGroup, set[PhoneLists]] = defaultdict(set)
    for group, phone in () if task.start is None else task.start.others:
        held[group].add(phone)
    usual = [None] * len(task.groups) if task.start is None else task.start.phones
    for group, phones in zip(task.groups, usual, strict=True):
        yield (
            group.behaviour,
            group.node,
            tuple(group.members_of(task.layout)),
            group in task.running_only,
            phones,
            frozenset(held[group]),
        )
