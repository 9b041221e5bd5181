"""The node at which each phone of the cluster is registered, from the database.

Every node writes what it knows; this makes one answer of it. A registration of a node
that is not seen any more is not believed: the phone is `unknown`. Of several nodes that
say something, one with the registration counts, else the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.phones.registration import reason_word
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.store.phone_alarms import PhoneAlarmNote
from tokenless.services.store.registrations import (
    ItlReport,
    NodeRegistrations,
    RecordedState,
    RegistrationRow,
    TftpItl,
    database_time,
    read_itls,
    read_registrations,
)


@unique
class PresenceState(StrEnum):
    """The vendor's words for a phone's registration."""

    REGISTERED = "Registered"
    UNREGISTERED = "Unregistered"
    REJECTED = "Rejected"
    UNKNOWN = "Unknown"


@unique
class ItlStatus(StrEnum):
    """`ITL File Status` (REFERENCE-2 4)."""

    MATCH = "Match"
    MISMATCH = "Mismatch"
    NOT_INSTALLED = "Not Installed"
    UNKNOWN = "Unknown"


_STATES: Final = {
    RecordedState.REGISTERED: PresenceState.REGISTERED,
    RecordedState.UNREGISTERED: PresenceState.UNREGISTERED,
    RecordedState.REJECTED: PresenceState.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Presence:
    """A phone, as the cluster knows it."""

    device: str
    node: str
    """The node at which the phone is registered, or was last."""
    state: PresenceState
    at: int
    """Since when, Unix seconds."""
    code: int = 0
    reason: str = ""
    """The reason why it is not registered, in the vendor's word; empty when it is."""
    signalling: str = ""
    is_secure: bool = False
    address: str = ""
    load: str = ""
    itl: ItlStatus = ItlStatus.UNKNOWN
    alarms: tuple[PhoneAlarmNote, ...] = ()
    """Its last ones, the newest last."""

    @property
    def is_registered(self) -> bool:
        """Return whether it is registered at a node that is alive."""
        return self.state is PresenceState.REGISTERED

    @property
    def words(self) -> str:
        """Return the state with its reason: `Rejected (28 securityMismatch)`."""
        if self.is_registered:
            return f"Registered with {self.node}"
        why = f"{self.code} {self.reason}" if self.code else self.reason
        return f"{self.state} ({why})" if why else str(self.state)


def read_presences(cluster: Cluster, device: str | None = None) -> dict[str, Presence]:
    """Return all phones that any node has heard of, or one, by name."""
    with cluster.store.read() as connection:
        found = read_registrations(connection, device)
        itls = read_itls(connection)
        now = database_time(connection)
    nodes = {node.id: node for node in cluster.nodes}
    shows_itl = cluster.release.notes_itl
    presences: dict[str, Presence] = {}
    for said in found:
        node = nodes.get(said.node_id)
        for row in said.rows if node is not None else ():
            assert node is not None  # noqa: S101
            status = _itl_status(row, nodes, itls) if shows_itl else ItlStatus.UNKNOWN
            new = _presence(row, node, said, status, now)
            old = presences.get(row.device)
            if old is None or _rank(new) > _rank(old):
                presences[row.device] = new
    return presences


def read_node_presences(cluster: Cluster, node: Node) -> list[Presence]:
    """Return the phones that one node knows, by name."""
    with cluster.store.read() as connection:
        found = read_registrations(connection)
        itls = read_itls(connection)
        now = database_time(connection)
    nodes = {each.id: each for each in cluster.nodes}
    shows_itl = cluster.release.notes_itl
    return [
        _presence(
            row,
            node,
            said,
            _itl_status(row, nodes, itls) if shows_itl else ItlStatus.UNKNOWN,
            now,
        )
        for said in found
        if said.node_id == node.id
        for row in said.rows
    ]


def _rank(presence: Presence) -> tuple[bool, int]:
    return presence.is_registered, presence.at


def _presence(
    row: RegistrationRow,
    node: Node,
    said: NodeRegistrations,
    status: ItlStatus,
    now: float,
) -> Presence:
    state, reason = _STATES[row.state], ""
    if row.state is RecordedState.REGISTERED:
        if said.is_silent(now):
            state, reason = PresenceState.UNKNOWN, f"{node.name} is not seen"
            status = ItlStatus.UNKNOWN
    else:
        is_failure = row.state is RecordedState.REJECTED
        reason = reason_word(row.code, is_failure=is_failure)
    return Presence(
        row.device,
        node.name,
        state,
        row.at,
        row.code,
        reason,
        row.signalling,
        row.is_secure,
        row.address,
        row.load,
        status,
        row.alarms,
    )


def _itl_status(
    row: RegistrationRow, nodes: Mapping[int, Node], itls: Mapping[int, TftpItl]
) -> ItlStatus:
    """Compare the ITL that a phone reports with the one that its TFTP server serves."""
    report = row.itl
    if not report.at or row.state is not RecordedState.REGISTERED:
        return ItlStatus.UNKNOWN
    if not report.digest:
        return ItlStatus.NOT_INSTALLED
    server = _server_of(report, nodes)
    served = [itl for node_id, itl in itls.items() if server in {None, node_id}]
    if not served:
        return ItlStatus.UNKNOWN
    is_served = any(report.digest in {itl.sha1, itl.sha512} for itl in served)
    return ItlStatus.MATCH if is_served else ItlStatus.MISMATCH


def _server_of(report: ItlReport, nodes: Mapping[int, Node]) -> int | None:
    """Return the node that a phone names as its TFTP server; None for none of ours."""
    host = report.host.lower()
    for node_id, node in nodes.items():
        name = node.name.lower()
        if host in {name, node.address} or host.startswith(f"{name}."):
            return node_id
    return None
