"""ITLRecovery certificates of nodes: every node has its own before 12.5.

REFERENCE-2 2.1, said by the vendor. From 12.5 on one is made for the whole cluster, as
the emulated cluster has it in every release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.foreign import host_of
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import Role
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import FileKind


def with_node_recoveries(
    lists: Sequence[ImportedList], version: str | None
) -> Sequence[ImportedList]:
    """Return the lists with the ITLRecovery certificates of subscribers marked.

    Args:
        lists: The lists; SASTs of other clusters are marked.
        version: The release as a person says it; None when nobody does.
    """
    if version is not None and Release.parse(version).shares_recovery:
        return lists
    found = [e for held in lists for e in held.entries if e.is_recovery]
    if len({host_of(entry.common_name) for entry in found}) <= 1:
        return lists
    publisher = host_of(_publishers(lists, found).common_name)

    def mark(entry: ImportedRecord) -> ImportedRecord:
        its_own = entry.is_recovery and host_of(entry.common_name) != publisher
        return replace(entry, is_node_recovery=its_own)

    return [replace(held, entries=tuple(map(mark, held.entries))) for held in lists]


def _publishers(
    lists: Sequence[ImportedList], found: Sequence[ImportedRecord]
) -> ImportedRecord:
    """Return the publisher's: that of the CTL, that of CAPF's node, or the first."""
    capf = [e for held in lists for e in held.entries if e.role == Role.CAPF]
    at = {node_name(entry).casefold() for entry in capf}
    of_ctl = [
        entry
        for held in lists
        if held.kind is FileKind.CTL
        for entry in held.entries
        if entry.is_recovery
    ]
    of_capf = [entry for entry in found if node_name(entry).casefold() in at]
    return next(iter([*of_ctl, *of_capf, *found]))


def of_node_recoveries(entries: Sequence[ImportedRecord]) -> Iterator[Approximation]:
    """Say that nodes have their own, where the copy has one."""
    own = [node_name(entry) for entry in entries if entry.is_node_recovery]
    if own:
        yield Approximation(
            Topic.RECOVERY,
            f"ITLRecovery certificates of their own: {listed(dict.fromkeys(own))}; "
            "here the cluster has one, the publisher's",
            "every node has its own before 12.5; there, ITLRecovery of one node is no "
            "anchor for the lists of another",
        )
