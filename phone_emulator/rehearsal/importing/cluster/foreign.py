"""SASTs of nobody in the cluster: from 12.5 on a CTL has those of Phone-SAST-trust."""

from collections.abc import Sequence
from dataclasses import replace

from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.codes import Role

_RECOVERY = "itlrecovery_"


def marked(lists: Sequence[ImportedList]) -> list[ImportedList]:
    """Return the lists with the SASTs of other clusters marked as such.

    One is the cluster's own when a server has its certificate or common name, or when
    it is the only ITLRecovery, or that of a node.
    """
    entries = [entry for held in lists for entry in held.entries]
    servers = [e for e in entries if e.role != Role.SAST and e.serial]
    own = {entry.common_name.casefold() for entry in servers}
    hosts = {node_name(entry).casefold() for entry in servers}
    recoveries = {e.common_name.casefold() for e in entries if e.is_recovery}
    ours = {name for name in recoveries if host_of(name) in hosts} or recoveries

    def is_foreign(entry: ImportedRecord) -> bool:
        if entry.role != Role.SAST or entry.is_token or not entry.subject:
            return False
        name = entry.common_name.casefold()
        if entry.is_recovery:
            return name not in ours
        return bool(own) and name not in own and host_of(name) not in hosts

    return [
        replace(
            held,
            entries=tuple(
                replace(entry, is_foreign=is_foreign(entry)) for entry in held.entries
            ),
        )
        for held in lists
    ]


def host_of(name: str) -> str:
    """Return the host of a common name, as of an ITLRecovery, in lower case."""
    return name.casefold().removeprefix(_RECOVERY).split(".")[0]
