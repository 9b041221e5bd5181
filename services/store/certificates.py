"""Rows of certificates: where each one lies, since when, with which roles."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.errors import ServiceError
from tokenless.services.store import schema
from tokenless.services.store.schema import placement, placement_role


@unique
class PlacementState(StrEnum):
    """State of a stored certificate."""

    CURRENT = "current"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate in one place."""

    id: int
    """Of the placement."""
    store: TrustStore
    node_id: int | None
    """The node that owns it; None in a trust store."""
    state: PlacementState
    certificate: Certificate
    roles: tuple[int, ...]
    placed_at: int
    retired_at: int | None
    label: str = ""
    """Its friendly name, as it was typed at the upload."""


STORES_FOR_PHONES: Final = (TrustStore.CALLMANAGER_TRUST, TrustStore.CAPF_TRUST)
"""The stores of the issuers of phones' certificates (REFERENCE-3 3.6, REFERENCE-5
1.4)."""
_JOINED: Final = placement.join(schema.certificate).outerjoin(placement_role)
_IS_OWN: Final = placement.c.node_id.is_not(None)
_IS_TRUSTED: Final = placement.c.node_id.is_(None)
_OF_NODE: Final = placement.c.node_id == bindparam("node_id")
_IN_STORE: Final = placement.c.store == bindparam("store")
_IN_STATE: Final = placement.c.state == bindparam("state")


def place(
    connection: Connection,
    store: TrustStore,
    certificate: Certificate,
    *,
    node_id: int | None,
    at: int,
    label: str = "",
) -> StoredCertificate:
    """Put a certificate into a store, with the roles that this store gives it."""
    placement_id = connection.scalar(
        insert(placement)
        .values(
            certificate_id=_certificate_id(connection, certificate),
            store=store,
            node_id=node_id,
            state=PlacementState.CURRENT,
            placed_at=at,
            label=label,
        )
        .returning(placement.c.id)
    )
    return StoredCertificate(
        id=int(placement_id or 0),
        store=store,
        node_id=node_id,
        state=PlacementState.CURRENT,
        certificate=certificate,
        roles=_add_roles(connection, placement_id, store),
        placed_at=at,
        retired_at=None,
        label=label,
    )


def _add_roles(
    connection: Connection, placement_id: int | None, store: TrustStore
) -> tuple[int, ...]:
    # Ascending: the order in which TVS was seen to answer them (REFERENCE 3.9).
    roles = tuple(map(int, sorted(store.roles)))
    for position, role in enumerate(roles):
        connection.execute(
            insert(placement_role).values(
                placement_id=placement_id, position=position, role=role
            )
        )
    return roles


def trust_for_phones(
    connection: Connection, certificate: Certificate, *, at: int
) -> None:
    """Let CallManager and CAPF trust phones' certificates that another one issued.

    What a store has already stays as it is.
    """
    for store in STORES_FOR_PHONES:
        known = {each.certificate.der for each in all_trusted(connection, store)}
        if certificate.der not in known:
            place(connection, store, certificate, node_id=None, at=at)


def trust_callmanager(
    connection: Connection, certificate: Certificate, *, at: int
) -> None:
    """Copy a node's CallManager certificate into CallManager-trust (REFERENCE-2 1).

    It replaces that of the same name: the store has one of each (REFERENCE-2 2.4).
    """
    store = TrustStore.CALLMANAGER_TRUST
    for each in all_trusted(connection, store):
        if each.certificate.der == certificate.der:
            return
        if each.certificate.subject == certificate.subject:
            remove(connection, each)
    place(connection, store, certificate, node_id=None, at=at)


def own(
    connection: Connection, store: TrustStore, node_id: int
) -> StoredCertificate | None:
    """Return a node's own certificate of a unit."""
    found = all_own(connection, node_id=node_id, store=store)
    return found[0] if found else None


def all_own(
    connection: Connection,
    *,
    node_id: int | None = None,
    store: TrustStore | None = None,
    state: PlacementState = PlacementState.CURRENT,
) -> list[StoredCertificate]:
    """Return own certificates, of one node, of one unit, or of all."""
    conditions = [_IN_STATE, _IS_OWN if node_id is None else _OF_NODE]
    if store is not None:
        conditions.append(_IN_STORE)
    values = {"state": state, "node_id": node_id, "store": store}
    return _select(connection, *conditions, **values)


def all_trusted(
    connection: Connection, store: TrustStore | None = None
) -> list[StoredCertificate]:
    """Return what the trust stores hold, or one of them."""
    conditions = [_IN_STATE, _IS_TRUSTED]
    if store is not None:
        conditions.append(_IN_STORE)
    values = {"state": PlacementState.CURRENT, "store": store}
    return _select(connection, *conditions, **values)


def retire(connection: Connection, placed: StoredCertificate, at: int) -> None:
    """Take an own certificate out of use; it stays in the history."""
    connection.execute(
        update(placement)
        .where(placement.c.id == placed.id)
        .values(state=PlacementState.HISTORY, retired_at=at)
    )


def reinstate(connection: Connection, placed: StoredCertificate, at: int) -> None:
    """Put an own certificate of the history into use again."""
    connection.execute(
        update(placement)
        .where(placement.c.id == placed.id)
        .values(state=PlacementState.CURRENT, placed_at=at, retired_at=None)
    )


def remove(connection: Connection, placed: StoredCertificate) -> None:
    """Take a certificate out of its place, without a trace but the audit log."""
    connection.execute(
        delete(placement_role).where(placement_role.c.placement_id == placed.id)
    )
    connection.execute(delete(placement).where(placement.c.id == placed.id))


def require_own(
    connection: Connection, store: TrustStore, node_id: int
) -> StoredCertificate:
    """Return a node's own certificate.

    Raises:
        ServiceError: When it has none of this unit.
    """
    found = own(connection, store, node_id)
    if found is None:
        raise ServiceError(
            f"the node has no {store} certificate",
            hint=f"regenerate it with `set cert regen {store}`",
        )
    return found


def _certificate_id(connection: Connection, certificate: Certificate) -> int:
    digest = hashlib.sha256(certificate.der).hexdigest()
    known = connection.scalar(
        select(schema.certificate.c.id).where(schema.certificate.c.sha256 == digest)
    )
    if known is None:
        known = connection.scalar(
            insert(schema.certificate)
            .values(sha256=digest, der=certificate.der)
            .returning(schema.certificate.c.id)
        )
    return int(known or 0)


@cache
def _query(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of some placements, with a row for each of their roles.

    It is made once for the conditions: nodes ask so often that making it, and a query
    of its own for the roles, cost more than the database.
    """
    return (
        select(placement, schema.certificate.c.der, placement_role.c.role)
        .select_from(_JOINED)
        .where(*conditions)
        .order_by(placement.c.id, placement_role.c.position)
    )


def _select(
    connection: Connection, *conditions: ColumnElement[bool], **values: object
) -> list[StoredCertificate]:
    """Return placements in the order in which they were made.

    Args:
        connection: The database.
        conditions: Some of the constants of this module, each the same object always.
        values: What their parameters are.
    """
    rows = connection.execute(_query(*conditions), values)
    return [_stored(list(each)) for _, each in groupby(rows, lambda row: row.id)]


def _stored(rows: Sequence[Row[Any]]) -> StoredCertificate:
    """Return a placement of its rows, one for each role."""
    row = rows[0]
    return StoredCertificate(
        id=row.id,
        store=TrustStore(row.store),
        node_id=row.node_id,
        state=PlacementState(row.state),
        certificate=Certificate.decode(row.der),
        roles=tuple(each.role for each in rows if each.role is not None),
        placed_at=row.placed_at,
        retired_at=row.retired_at,
        label=row.label,
    )
