"""The order in which lists of a cluster were made, by the certificates that they hold.

A list holds the certificates that were in use when it was made: the CTL at the last
`utils ctl update CTLFile`, an ITL at the last restart of Cisco Tftp on its node. Where
lists hold different certificates of one unit and node, the list with the earlier one
is the older. So the lists stand in an order, with regenerations between them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from tokenless.phone_emulator.rehearsal.importing.cluster.places import (
    Place,
    place_of,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.verdicts import FileKind

_Versions: TypeAlias = Mapping[Place, int]
"""How many earlier certificates are known of each that a list holds."""
_UNDATED: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stage:
    """The making of some lists, and what was regenerated before it."""

    renewed: tuple[Place, ...]
    """Regenerated since the stage before; empty in the first stage."""
    updates_ctl: bool
    """Whether the CTL was made again with what was regenerated."""
    has_older_ctl: bool
    """Whether the CTL holds an earlier certificate."""
    older_itls: frozenset[str]
    """Nodes in lower case whose ITL holds an earlier certificate."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stages in which lists were made, the oldest first."""

    stages: tuple[Stage, ...]
    """One where all lists hold the same; none where nothing tells the order."""
    is_guess: bool = False
    """True if only custom tells that the CTL is older than ITLs."""

    @property
    def is_divided(self) -> bool:
        """Return whether nodes serve ITLs of different stages."""
        return any(stage.older_itls for stage in self.stages)


def timeline_of(
    lists: Sequence[ImportedList],
    *,
    shared: Collection[TrustStore],
    in_use: Collection[str],
) -> Timeline:
    """Put lists in order.

    Args:
        lists: The CTL and the ITLs.
        shared: Units that have one certificate for all nodes.
        in_use: Serial numbers of certificates in use: the newest.
    """
    records: dict[Place, list[ImportedRecord]] = {}
    for held in lists:
        for entry in held.entries:
            if (place := place_of(entry, shared)) is not None:
                records.setdefault(place, []).append(entry)
    if _is_at_several(records) or any(_has_two(held, shared) for held in lists):
        return Timeline(())
    of_ctl = [e for held in lists if held.kind is FileKind.CTL for e in held.entries]
    in_ctl = {entry.serial for entry in of_ctl}
    orders, is_guess = dict[Place, list[str]](), False
    for place, entries in records.items():
        order = _Order(entries, in_ctl, in_use)
        if not order.is_told and not order.is_usual:
            return Timeline(())
        orders[place] = order.serials()
        is_guess |= not order.is_told
    versions = [(held, _versions(held, orders, shared)) for held in lists]
    return Timeline(tuple(_stages(versions)), is_guess)


def _is_at_several(records: Mapping[Place, Sequence[ImportedRecord]]) -> bool:
    """Return whether several nodes have a certificate that cannot be a shared one."""
    nodes: dict[tuple[TrustStore, str], str] = {}
    return any(
        nodes.setdefault((unit, entry.serial), node) != node
        for (unit, node), entries in records.items()
        for entry in entries
    )


def _has_two(held: ImportedList, shared: Collection[TrustStore]) -> bool:
    """Return whether one list has two certificates of one place."""
    places = {(place_of(entry, shared), entry.serial) for entry in held.entries}
    known = [place for place, _ in places if place is not None]
    return len(known) > len(set(known))


@dataclass(frozen=True, slots=True)
class _Order:
    """The age of the certificates of one unit and node."""

    entries: Sequence[ImportedRecord]
    in_ctl: Collection[str]
    in_use: Collection[str]

    @property
    def _begins(self) -> dict[str, datetime | None]:
        return {entry.serial: entry.begins for entry in self.entries}

    @property
    def is_told(self) -> bool:
        """Return whether dates, or the one in use, tell it."""
        others = [at for s, at in self._begins.items() if s not in self.in_use]
        is_dated = None not in others and len(set(others)) == len(others)
        return len(others) <= 1 or is_dated

    @property
    def is_usual(self) -> bool:
        """Return whether only the CTL holds another one: it was not updated.

        Text has no dates.
        """
        return sum(serial not in self.in_ctl for serial in self._begins) <= 1

    def serials(self) -> list[str]:
        """Return the serial numbers, the oldest first."""

        def age(serial: str) -> tuple[bool, datetime, bool]:
            at = self._begins[serial] if self.is_told else None
            return serial in self.in_use, at or _UNDATED, serial not in self.in_ctl

        return sorted(self._begins, key=age)


def _versions(
    held: ImportedList,
    orders: Mapping[Place, list[str]],
    shared: Collection[TrustStore],
) -> _Versions:
    """Return which of the certificates of each place a list holds."""
    found: dict[Place, int] = {}
    for entry in held.entries:
        place = place_of(entry, shared)
        if place is not None:
            found[place] = orders[place].index(entry.serial)
    return found


def _stages(lists: Sequence[tuple[ImportedList, _Versions]]) -> Iterator[Stage]:
    """Yield the stages; none when the lists contradict each other."""
    now = {place: 0 for _, held in lists for place in held}
    waiting, renewed = list(lists), dict[Place, None]()
    found: list[Stage] = []
    while waiting:
        later = [each for each in waiting if not each[1].items() <= now.items()]
        if len(later) < len(waiting):
            found.append(_stage(tuple(renewed), lists, now))
            waiting, renewed = later, {}
            continue
        # What no waiting list holds any more was regenerated before the next one.
        replaced = [
            place
            for place, number in now.items()
            if (wanted := [held[place] for _, held in waiting if place in held])
            and min(wanted) > number
        ]
        if not replaced:
            return
        for place in replaced:
            now[place] += 1
            renewed[place] = None
    yield from found


def _stage(
    renewed: tuple[Place, ...],
    lists: Sequence[tuple[ImportedList, _Versions]],
    now: _Versions,
) -> Stage:
    older = [
        held
        for held, versions in lists
        if any(number < now[place] for place, number in versions.items())
    ]
    ctls = [(held, each) for held, each in lists if held.kind is FileKind.CTL]
    has_older_ctl = any(held.kind is FileKind.CTL for held in older)
    return Stage(
        renewed,
        # One that is not given is taken to be up to date.
        not has_older_ctl
        and (not ctls or any(place in ctls[0][1] for place in renewed)),
        has_older_ctl,
        frozenset(
            held.owner.split(".")[0].casefold()
            for held in older
            if held.kind is FileKind.ITL
        ),
    )
