"""Rows of registered phones: written by each node, read by all.

A row is what one node knows of one phone. A node that is not seen any more cannot say
that its phones have gone: readers judge its rows by `seen_at` (`Presence`).
`seen_at` is of the database's clock: hosts need not agree about the time.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any, Final, Self

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, text, update

from tokenless.protocol.checksums import sha1_of
from tokenless.services.store.access.engine import POSTGRESQL
from tokenless.services.store.phone_alarms import (
    PhoneAlarmNote,
    decode_alarms,
    encode_alarms,
)
from tokenless.services.store.schema import node_state, registration, tftp_itl

SEEN_EVERY_S: Final = 10.0
"""The seconds between a node's reports that it serves."""
SILENT_AFTER_S: Final = 30.0
"""After so long without a word its registrations count as unknown."""
_NOW: Final = text("SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())")
_AT_ONCE: Final = 200
"""Rows of one statement: SQLite takes so many variables in any build."""


@unique
class RecordedState(StrEnum):
    """A node's knowledge of a phone."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    """It was registered, and is not any more."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ItlReport:
    """A phone's report of the ITL that it holds (REFERENCE-2 4)."""

    host: str = ""
    """The TFTP server that the phone has it from."""
    digest: str = ""
    """Of the file, in lower-case hex; empty when the phone holds none."""
    at: int = 0
    """The time of the report; 0: never."""


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """One phone at one node."""

    device: str
    state: RecordedState
    at: int
    """Unix seconds: since when."""
    code: int = 0
    """The vendor's number of the reason, 0 for a registered one."""
    signalling: str = ""
    is_secure: bool = False
    address: str = ""
    load: str = ""
    itl: ItlReport = field(default_factory=ItlReport)
    alarms: tuple[PhoneAlarmNote, ...] = ()
    """Its last ones, the newest last."""


@dataclass(frozen=True, slots=True)
class NodeRegistrations:
    """The rows of a node, and when it was last seen."""

    node_id: int
    seen_at: float
    rows: tuple[RegistrationRow, ...]

    def is_silent(self, now: float) -> bool:
        """Tell whether the node has not reported for too long.

        A report of the future was written by another clock, and says nothing of now.

        Args:
            now: Of the database's clock.
        """
        return abs(now - self.seen_at) > SILENT_AFTER_S


@dataclass(frozen=True, slots=True)
class TftpItl:
    """Digests of the ITL that a node serves, in lower-case hex."""

    sha1: str
    sha512: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the digests of an ITL file."""
        return cls(sha1_of(data), hashlib.sha512(data).hexdigest())


def database_time(connection: Connection) -> float:
    """Return the time of the database's clock, Unix seconds."""
    if connection.dialect.name != POSTGRESQL:
        return time.time()
    return float(connection.scalar(_NOW) or 0)


def write_registrations(
    connection: Connection, node_id: int, rows: Sequence[RegistrationRow]
) -> None:
    """Write a node's knowledge of phones, in place of its former rows."""
    for at in range(0, len(rows), _AT_ONCE):
        part = rows[at : at + _AT_ONCE]
        _delete(connection, node_id, [row.device for row in part])
        connection.execute(
            insert(registration), [_values(node_id, row) for row in part]
        )


def forget_registrations(
    connection: Connection, node_id: int, devices: Sequence[str]
) -> None:
    """Delete what a node said of phones."""
    for at in range(0, len(devices), _AT_ONCE):
        _delete(connection, node_id, devices[at : at + _AT_ONCE])


def _delete(connection: Connection, node_id: int, devices: Iterable[str]) -> None:
    connection.execute(
        delete(registration)
        .where(registration.c.node_id == node_id)
        .where(registration.c.device.in_(devices))
    )


def end_registrations(connection: Connection, node_id: int, code: int, at: int) -> int:
    """Note that all registrations of a node have ended; return how many."""
    done = connection.execute(
        update(registration)
        .where(registration.c.node_id == node_id)
        .where(registration.c.state == RecordedState.REGISTERED)
        .values(
            state=RecordedState.UNREGISTERED,
            code=code,
            at=at,
            itl_host="",
            itl_digest="",
            itl_at=0,
        )
    )
    return done.rowcount


def absent_devices(connection: Connection, node_id: int) -> list[str]:
    """Return the phones that are not registered at a node, the oldest first."""
    return list(
        connection.scalars(
            select(registration.c.device)
            .where(registration.c.node_id == node_id)
            .where(registration.c.state != RecordedState.REGISTERED)
            .order_by(registration.c.at, registration.c.device)
        )
    )


def read_registrations(
    connection: Connection, device: str | None = None
) -> list[NodeRegistrations]:
    """Return the rows of all nodes, or those of one phone."""
    wanted = select(registration).order_by(registration.c.device)
    if device is not None:
        wanted = wanted.where(registration.c.device == device)
    rows: dict[int, list[RegistrationRow]] = {}
    for row in connection.execute(wanted):
        rows.setdefault(row.node_id, []).append(_row(row))
    seen = connection.execute(
        select(node_state.c.node_id, node_state.c.seen_at).order_by(
            node_state.c.node_id
        )
    )
    return [
        NodeRegistrations(node_id, seen_at, tuple(rows.get(node_id, ())))
        for node_id, seen_at in seen
    ]


def read_alarms(
    connection: Connection, node_id: int
) -> dict[str, tuple[PhoneAlarmNote, ...]]:
    """Return what a node has kept of its phones' alarms."""
    wanted = select(registration.c.device, registration.c.alarms).where(
        registration.c.node_id == node_id, registration.c.alarms != ""
    )
    return {row.device: decode_alarms(row.alarms) for row in connection.execute(wanted)}


def write_itl(connection: Connection, node_id: int, itl: TftpItl, at: int) -> bool:
    """Note which ITL a node serves; return whether it is another one than before."""
    if read_itls(connection).get(node_id) == itl:
        return False
    connection.execute(delete(tftp_itl).where(tftp_itl.c.node_id == node_id))
    connection.execute(
        insert(tftp_itl).values(
            node_id=node_id, sha1=itl.sha1, sha512=itl.sha512, made_at=at
        )
    )
    return True


def read_itls(connection: Connection) -> Mapping[int, TftpItl]:
    """Return the ITLs that nodes serve."""
    return {
        row.node_id: TftpItl(row.sha1, row.sha512)
        for row in connection.execute(select(tftp_itl))
    }


def _values(node_id: int, row: RegistrationRow) -> dict[str, object]:
    return {
        "device": row.device,
        "node_id": node_id,
        "state": row.state.value,
        "code": row.code,
        "at": row.at,
        "signalling": row.signalling,
        "is_secure": int(row.is_secure),
        "address": row.address,
        "load": row.load,
        "itl_host": row.itl.host,
        "itl_digest": row.itl.digest,
        "itl_at": row.itl.at,
        "alarms": encode_alarms(row.alarms),
    }


def _row(row: Row[*tuple[Any, ...]]) -> RegistrationRow:
    return RegistrationRow(
        row.device,
        _state(row.state),
        row.at,
        row.code,
        row.signalling,
        bool(row.is_secure),
        row.address,
        row.load,
        ItlReport(row.itl_host, row.itl_digest, row.itl_at),
        decode_alarms(row.alarms),
    )


def _state(written: str) -> RecordedState:
    """Return the state in a column that another host may have filled with anything."""
    try:
        return RecordedState(written)
    except ValueError:
        return RecordedState.UNREGISTERED


def registrations_mark(
    connection: Connection, now: float | None = None
) -> tuple[object, ...]:
    """Return a value that differs when registrations have changed, for polling.

    So it does when a node falls silent, whose registrations count no longer, and when
    one serves another ITL. A phone that leaves and comes back within one second is not
    noticed, nor an alarm in place of an older one of the same length.

    Args:
        connection: Of the cluster's database.
        now: Of the database's clock; None: it is asked.
    """
    if now is None:
        now = database_time(connection)
    seen_at = node_state.c.seen_at
    silent = select(node_state.c.node_id).where(
        or_(seen_at < now - SILENT_AFTER_S, seen_at > now + SILENT_AFTER_S)
    )
    itls = select(tftp_itl.c.node_id, tftp_itl.c.sha1)
    return (
        tuple(connection.scalars(silent.order_by(node_state.c.node_id))),
        tuple(map(tuple, connection.execute(itls.order_by(tftp_itl.c.node_id)))),
        *connection.execute(
            select(
                func.count(),
                func.count().filter(registration.c.state == RecordedState.REGISTERED),
                func.max(registration.c.at),
                func.sum(registration.c.at),
                func.max(registration.c.itl_at),
                func.sum(func.length(registration.c.alarms)),
                func.max(registration.c.alarms),
            )
        ).one(),
    )
