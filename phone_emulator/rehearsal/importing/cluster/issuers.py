"""Multi-server and CA-signed certificates of an imported cluster (REFERENCE-2 2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind

_UNITS: Final = (TrustStore.CALLMANAGER, TrustStore.TVS)


@dataclass(frozen=True, slots=True)
class Issuers:
    """The units that are multi-server, and those that a CA signed."""

    shared: frozenset[TrustStore]
    signed: frozenset[TrustStore]
    guessed: frozenset[TrustStore] = frozenset()
    """Those of `shared` that only the certificate's name tells, and no second node."""

    @property
    def first_shared(self) -> tuple[str, ...]:
        """The units that are multi-server from the beginning, self-signed."""
        return tuple(unit.value for unit in _UNITS if unit in self.shared - self.signed)

    def lines(self, nodes: Sequence[str]) -> Iterator[str]:
        """Return the lines in which a CA of the lab signs the CA-signed units."""
        for unit in _UNITS:
            if unit in self.signed & self.shared:
                yield f"cert sign {unit}"
            elif unit in self.signed:
                yield from (f"cert sign {unit} --node {node}" for node in nodes)


def issuers_of(lists: Sequence[ImportedList], nodes: int, version: str) -> Issuers:
    """Tell by the lists what can be rebuilt as it is there.

    The newest certificates count: those of the ITLs, where some were given.
    """
    release = Release.parse(version)
    newest = [each for each in lists if each.kind is FileKind.ITL] or list(lists)
    entries = [entry for each in newest for entry in each.entries]
    by_unit = {unit: [e for e in entries if unit_of(e) is unit] for unit in _UNITS}
    shared = {
        unit
        for unit, those in by_unit.items()
        if len({each.identity for each in those}) == 1
        and (
            _serves_several(unit, those[0], lists, nodes)
            or _is_named_for_several(unit, those[0], lists, nodes)
        )
        and (unit is not TrustStore.TVS or release.shares_tvs)
    }
    signed = {
        unit
        for unit, those in by_unit.items()
        if those and all(each.is_ca_signed for each in those)
    }
    possible = signed if not release.shares_self_signed else shared
    kept = frozenset(shared & possible)
    guessed = {
        unit
        for unit in kept
        if not _serves_several(unit, by_unit[unit][0], lists, nodes)
    }
    return Issuers(kept, frozenset(signed), frozenset(guessed))


def unit_of(entry: ImportedRecord) -> TrustStore | None:
    """Return the unit that a server's record stands for."""
    if entry.is_ec or not entry.serial:
        return None
    if entry.role in TFTP_ROLES:
        return TrustStore.CALLMANAGER
    return TrustStore.TVS if entry.role == Role.TVS else None


def _serves_several(
    unit: TrustStore, one: ImportedRecord, lists: Sequence[ImportedList], nodes: int
) -> bool:
    """Return whether one certificate is that of several nodes.

    ITLs name each node's CallManager, and a CTL the publisher's, but a shared TVS
    certificate stands there only once.
    """
    if unit is TrustStore.TVS:
        return nodes > 1
    names = {
        node_name(each).casefold()
        for held in lists
        for each in held.entries
        if each.identity == one.identity and unit_of(each) is unit
    }
    return len(names) > 1


def _is_named_for_several(
    unit: TrustStore, one: ImportedRecord, lists: Sequence[ImportedList], nodes: int
) -> bool:
    """Return whether a name that is no node's stands where no other node has any.

    A mixed CTL lists the CallManager of each node; a multi-server certificate stands
    there once, by a name such as `pub-ms` (REFERENCE-2 1).
    """
    records = [e for held in lists for e in held.entries if unit_of(e) is unit]
    host = one.common_name.split(".")[0].casefold()
    return (
        nodes > 1
        and any(held.kind is FileKind.CTL for held in lists)
        and all(each.identity == one.identity for each in records)
        and host not in {node_name(each).casefold() for each in records}
    )
