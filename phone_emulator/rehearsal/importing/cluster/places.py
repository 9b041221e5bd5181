"""The unit and the node whose certificate a record of a list holds."""

from collections.abc import Collection
from typing import TypeAlias

from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedRecord,
)
from tokenless.protocol.codes import UNITS_OF_PUBLISHER, Role, TrustStore
from tokenless.protocol.trust.verdicts import TFTP_ROLES

Place: TypeAlias = tuple[TrustStore, str]
"""A unit and its node; the node of a cluster-wide certificate is empty."""


def place_of(
    entry: ImportedRecord, shared: Collection[TrustStore] = ()
) -> Place | None:
    """Return the place of a server's record; None for a SAST and for an emptied one.

    Args:
        entry: The record.
        shared: Units that have one certificate for all nodes.
    """
    unit = _unit(entry)
    if unit is None or not entry.serial:
        return None
    is_cluster_wide = unit in UNITS_OF_PUBLISHER or unit in shared
    return unit, "" if is_cluster_wide else node_name(entry)


def _unit(entry: ImportedRecord) -> TrustStore | None:
    if entry.is_ec:  # CallManager-ECDSA, which is another certificate (said elsewhere)
        return None
    if entry.role in TFTP_ROLES:
        return TrustStore.CALLMANAGER
    if entry.role == Role.TVS:
        return TrustStore.TVS
    if entry.role == Role.CAPF:
        return TrustStore.CAPF
    is_clusters = entry.is_recovery and not entry.is_node_recovery
    return TrustStore.ITLRECOVERY if is_clusters else None
