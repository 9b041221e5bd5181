"""The faults of a run: a sample of pairs, or those that a run's name says."""

import random
from collections.abc import Sequence
from itertools import combinations

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.explore.catalogue import can_be_played
from tokenless.phone_emulator.rehearsal.explore.faults import Fault
from tokenless.phone_emulator.rehearsal.scripts.script import Script


def sampled_pairs(
    script: Script, faults: Sequence[Fault], count: int, seed: int
) -> list[tuple[Fault, Fault]]:
    """Return pairs of faults that can go together, in a random but repeatable order.

    Args:
        script: The change.
        faults: Its single faults.
        count: How many pairs at most.
        seed: The same seed gives the same pairs.
    """
    pairs = [pair for pair in combinations(faults, 2) if not _collide(*pair)]
    random.Random(seed).shuffle(pairs)  # noqa: S311 - a sample, not a secret
    chosen: list[tuple[Fault, Fault]] = []
    for pair in pairs:
        if len(chosen) == count:
            break
        if can_be_played(script, pair):
            chosen.append(pair)
    return chosen


def _collide(one: Fault, other: Fault) -> bool:
    """Return whether two faults are about the same line, or the same node or phones."""
    if set(one.replaced) & set(other.replaced):
        return True
    if not (set(one.before) & set(other.before)):
        return False
    return bool(_subject(one)) and _subject(one) == _subject(other)


def _subject(fault: Fault) -> list[str]:
    """Return the node or the group that a fault is about, if there is one."""
    return fault.name.split(":", 2)[2:]


def named_faults(faults: Sequence[Fault], name: str) -> tuple[Fault, ...]:
    """Return the faults of a run by its name: `twice:2.1`, or two joined by `+`.

    Raises:
        PhoneError: When the script has no such fault, or they cannot go together.
    """
    known = {fault.name: fault for fault in faults}
    parts, chosen = name.split("+"), list[Fault]()
    while parts:
        # The name of a group may have a + in it.
        names = ("+".join(parts[:count]) for count in range(len(parts), 0, -1))
        found = next((each for each in names if each in known), None)
        if found is None:
            raise PhoneError(
                f"there is no fault {'+'.join(parts)!r}",
                hint="`--list` prints all of this change",
            )
        chosen.append(known[found])
        del parts[: found.count("+") + 1]
    for one, other in combinations(chosen, 2):
        if _collide(one, other):
            raise PhoneError(
                f"{one.name} and {other.name} cannot be played together",
                hint="choose faults of different lines, nodes and groups",
            )
    return tuple(chosen)
