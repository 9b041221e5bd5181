"""Rows of certificates: where each one lies, since when, with which roles."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

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
_JOINED: Final = placement.join(schema.certificate)


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
    # Ascending: the order in which TVS was seen to answer them (REFERENCE 3.9).
    roles = tuple(map(int, sorted(store.roles)))
    for position, role in enumerate(roles):
        connection.execute(
            insert(placement_role).values(
                placement_id=placement_id, position=position, role=role
            )
        )
    return StoredCertificate(
        id=int(placement_id or 0),
        store=store,
        node_id=node_id,
        state=PlacementState.CURRENT,
        certificate=certificate,
        roles=roles,
        placed_at=at,
        retired_at=None,
        label=label,
    )


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
    found = _select(
        connection,
        placement.c.store == store,
        placement.c.node_id == node_id,
        placement.c.state == PlacementState.CURRENT,
    )
    return found[0] if found else None


def all_own(
    connection: Connection,
    *,
    node_id: int | None = None,
    store: TrustStore | None = None,
    state: PlacementState = PlacementState.CURRENT,
) -> list[StoredCertificate]:
    """Return own certificates, of one node, of one unit, or of all."""
    conditions = [placement.c.node_id.is_not(None), placement.c.state == state]
    if node_id is not None:
        conditions.append(placement.c.node_id == node_id)
    if store is not None:
        conditions.append(placement.c.store == store)
    return _select(connection, *conditions)


def all_trusted(
    connection: Connection, store: TrustStore | None = None
) -> list[StoredCertificate]:
    """Return what the trust stores hold, or one of them."""
    conditions = [
        placement.c.node_id.is_(None),
        placement.c.state == PlacementState.CURRENT,
    ]
    if store is not None:
        conditions.append(placement.c.store == store)
    return _select(connection, *conditions)


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


def _select(
    connection: Connection, *conditions: ColumnElement[bool]
) -> list[StoredCertificate]:
    """Return placements in the order in which they were made."""
    rows = connection.execute(
        select(placement, schema.certificate.c.der)
        .select_from(_JOINED)
        .where(*conditions)
        .order_by(placement.c.id)
    ).all()
    roles = _roles(connection, [row.id for row in rows])
    return [
        StoredCertificate(
            id=row.id,
            store=TrustStore(row.store),
            node_id=row.node_id,
            state=PlacementState(row.state),
            certificate=Certificate.decode(row.der),
            roles=tuple(roles.get(row.id, ())),
            placed_at=row.placed_at,
            retired_at=row.retired_at,
            label=row.label,
        )
        for row in rows
    ]


def _roles(connection: Connection, placements: Sequence[int]) -> dict[int, list[int]]:
    rows = connection.execute(
        select(placement_role.c.placement_id, placement_role.c.role)
        .where(placement_role.c.placement_id.in_(placements))
        .order_by(placement_role.c.placement_id, placement_role.c.position)
    )
    roles: dict[int, list[int]] = {}
    for placement_id, role in rows:
        roles.setdefault(placement_id, []).append(role)
    return roles
