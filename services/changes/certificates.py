"""Certificates of nodes and trust stores: list, regenerate, restore."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import (
    MULTI_SERVER_UNITS,
    UNITS_WITH_EC_KEYS,
    TrustStore,
    units_of,
)
from tokenless.protocol.release import Release
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import IssueRequest
from tokenless.services.cluster.issuing import (
    REUSED_FROM,
    IssuedCertificate,
    install,
    is_shared,
    prepare,
    reuse,
    reusing,
)
from tokenless.services.errors import ServiceError
from tokenless.services.pki.profiles import FIPS_RSA_BITS
from tokenless.services.store import certificates as rows
from tokenless.services.store.certificates import PlacementState, StoredCertificate

_CLOCK_SKEW: Final = timedelta(minutes=5)
"""By this much the clocks of two hosts may differ."""


def own(cluster: Cluster, node: Node | None = None) -> list[StoredCertificate]:
    """Return the own certificates of a node, or of all nodes."""
    node_id = None if node is None else node.id
    with cluster.store.read() as connection:
        return rows.all_own(connection, node_id=node_id)


def own_certificate(cluster: Cluster, node: Node, store: TrustStore) -> Certificate:
    """Return a node's own certificate of a unit.

    Raises:
        ServiceError: When it has none.
    """
    with cluster.store.read() as connection:
        return rows.require_own(connection, store, node.id).certificate


def own_of_all(cluster: Cluster, store: TrustStore) -> dict[int, Certificate]:
    """Return the certificates of a unit by the ids of their nodes, all in one query."""
    with cluster.store.read() as connection:
        found = rows.all_own(connection, store=store)
    return {each.node_id: each.certificate for each in found if each.node_id}


def trust(cluster: Cluster, store: TrustStore | None = None) -> list[StoredCertificate]:
    """Return what the trust stores hold, or one of them; every node has the same."""
    with cluster.store.read() as connection:
        return rows.all_trusted(connection, store)


def history(
    cluster: Cluster, node: Node | None = None, store: TrustStore | None = None
) -> list[StoredCertificate]:
    """Return own certificates that were replaced, the oldest first."""
    node_id = None if node is None else node.id
    with cluster.store.read() as connection:
        return rows.all_own(
            connection, node_id=node_id, store=store, state=PlacementState.HISTORY
        )


def regenerate(
    cluster: Cluster,
    node: Node,
    store: TrustStore,
    *,
    key_size: int | None = None,
    key_type: str = "RSA",
    validity_days: int | None = None,
    alternative_names: tuple[str, ...] = (),
    shared: bool | None = None,
    by: str,
) -> Certificate:
    """Give a node a new self-signed certificate; the old one becomes history.

    Args:
        cluster: The cluster.
        node: Whose.
        store: Its unit: CallManager, TVS, CAPF, ITLRecovery.
        key_size: In bits; the cluster's for regenerated ones when None.
        key_type: RSA, or EC where the unit signs nothing for phones.
        validity_days: The cluster's when None.
        alternative_names: DNS names and addresses in the certificate.
        shared: Whether it is one for all nodes, which is possible from 14 on; None
            leaves that as it is there, and gives the node its own before.
        by: The administrator, for the audit log.

    Raises:
        ServiceError: When the node has no such unit, or it cannot have such a key.
        OSError: When the key cannot be kept; nothing is changed then.
    """
    check_unit(node, store, cluster.release)
    kind = "EC" if store in UNITS_WITH_EC_KEYS else key_type
    size = key_size or _usual_size(cluster, node, kind)
    extras = (validity_days, alternative_names)
    with cluster.store.read() as connection:
        is_for_all = _is_for_all(cluster, connection, store, shared=shared)
        owner = cluster.publisher if is_for_all else node
        order = IssueRequest(owner, store, size, kind, *extras, shared=is_for_all)
        issued = prepare(cluster.installation, connection, order)
    return _install(cluster, issued, by)


def _is_for_all(
    cluster: Cluster, connection: Connection, store: TrustStore, *, shared: bool | None
) -> bool:
    """Tell whether a new self-signed certificate is a multi-server one.

    Raises:
        ServiceError: When it shall be and cannot.
    """
    can = cluster.release.shares_self_signed and store in MULTI_SERVER_UNITS
    if shared and not can:
        raise ServiceError(
            f"{store} of {cluster.version} has no self-signed multi-server certificate",
            hint="from 14 on these have: " + ", ".join(MULTI_SERVER_UNITS),
        )
    if shared is None:
        return can and is_shared(connection, store)
    return shared


def ensure_tomcat(cluster: Cluster, node: Node, *, by: str) -> Certificate:
    """Return a node's tomcat certificate; make it when it has none.

    Data folders of earlier versions have none.

    Raises:
        ServiceError: When the database cannot be written.
        OSError: When the key cannot be kept; nothing is changed then.
    """
    with cluster.store.read() as connection:
        placed = rows.own(connection, TrustStore.TOMCAT, node.id)
    if placed is not None:
        return placed.certificate
    return regenerate(cluster, node, TrustStore.TOMCAT, by=by)


def _install(cluster: Cluster, issued: IssuedCertificate, by: str) -> Certificate:
    certificate = issued.certificate
    order = issued.order
    detail = f"{order.store} of {order.node.name}: {certificate.serial_hex}"
    with cluster.store.change("regenerate", detail, by=by) as change:
        also = reusing(change.connection, order.store)
        install(change.connection, issued, change.at)
        for unit in also:
            reuse(cluster.installation, change.connection, unit, certificate, change.at)
    return certificate


def check_unit(node: Node, store: TrustStore, release: Release) -> None:
    """Check that a node has own certificates of a unit.

    Raises:
        ServiceError: When it has not.
    """
    units = units_of(is_publisher=True, release=release)
    if store not in units:
        known = ", ".join(units)
        raise ServiceError(
            f"the node has no certificate of {store}", hint=f"units: {known}"
        )
    if store not in units_of(is_publisher=node.is_publisher, release=release):
        raise ServiceError(
            f"{store} is the publisher's, for the whole cluster",
            hint="run it on the publisher",
        )


def delete_history(
    cluster: Cluster, node: Node, store: TrustStore, serial_hex: str, *, by: str
) -> Certificate:
    """Forget a replaced certificate of a node and its key; return the certificate.

    Raises:
        ServiceError: When the history has none of this serial number.
    """
    detail = f"history of {store} of {node.name}: {serial_hex}"
    with cluster.store.change("delete", detail, by=by) as change:
        found = find_by_serial(_history(change.connection, node, store), serial_hex)
        rows.remove(change.connection, found)
        current = rows.own(change.connection, store, node.id)
    if current is None or current.certificate.der != found.certificate.der:
        node.keys.forget(store, found.certificate)
    return found.certificate


def restore(
    cluster: Cluster, node: Node, store: TrustStore, serial_hex: str, *, by: str
) -> Certificate:
    """Put a replaced certificate of a node into use again (REFERENCE 7.8, 7.10).

    Raises:
        ServiceError: When the history has none of this serial number, or its key is
            gone.
    """
    detail = f"{store} of {node.name}: {serial_hex}"
    with cluster.store.change("restore", detail, by=by) as change:
        connection = change.connection
        found = find_by_serial(_history(connection, node, store), serial_hex)
        node.keys.load(store, found.certificate)
        current = rows.own(connection, store, node.id)
        if current is not None:
            rows.retire(connection, current, change.at)
        rows.reinstate(connection, found, change.at)
        if store in REUSED_FROM:
            rows.trust_callmanager(connection, found.certificate, at=change.at)
    return found.certificate


@dataclass(frozen=True, slots=True)
class Expiry:
    """Expiry of a certificate."""

    placed: StoredCertificate
    days_left: int
    """Negative when it has ended."""
    begins_later: bool
    """True when it is not valid yet, as after a clock that was ahead."""


def expiry(cluster: Cluster, *, within_days: int | None = None) -> list[Expiry]:
    """Return when certificates in use end, the next one first.

    Args:
        cluster: The cluster.
        within_days: Leave out what is valid now and lasts longer.
    """
    now = datetime.fromtimestamp(cluster.clock(), UTC)
    with cluster.store.read() as connection:
        placed = [*rows.all_own(connection), *rows.all_trusted(connection)]
    report = [
        Expiry(
            each,
            (each.certificate.not_after - now) // timedelta(days=1),
            begins_later=each.certificate.not_before > now + _CLOCK_SKEW,
        )
        for each in sorted(placed, key=lambda each: each.certificate.not_after)
    ]
    if within_days is None:
        return report
    return [
        each for each in report if each.begins_later or each.days_left <= within_days
    ]


def units(cluster: Cluster) -> tuple[TrustStore, ...]:
    """Return the units of the publisher, which has all that the release has."""
    return units_of(is_publisher=True, release=cluster.release)


def trust_stores() -> list[TrustStore]:
    """Return the trust stores."""
    return [store for store in TrustStore if store.is_trust_store]


def find_store(name: str) -> TrustStore:
    """Return the unit or trust store of this name, whatever its case.

    Raises:
        ServiceError: When there is none.
    """
    for store in TrustStore:
        if store.lower() == name.lower():
            return store
    raise ServiceError(
        f"there is no store {name[:64]}", hint=f"stores: {', '.join(TrustStore)}"
    )


def find_by_serial(
    placed: list[StoredCertificate], serial_hex: str
) -> StoredCertificate:
    """Return the one certificate of a serial number, or of a part that it begins with.

    Raises:
        ServiceError: When there is none, or more than one.
    """
    wanted = serial_hex.replace(":", "").upper()
    found = [each for each in placed if each.certificate.serial_hex.startswith(wanted)]
    if len(found) == 1 and wanted:
        return found[0]
    known = ", ".join(each.certificate.serial_hex for each in found or placed)
    raise ServiceError(
        f"{len(found)} certificates have serial number {serial_hex}",
        hint=f"available: {known}" if known else "there is none",
    )


def _history(
    connection: Connection, node: Node, store: TrustStore
) -> list[StoredCertificate]:
    return rows.all_own(
        connection, node_id=node.id, store=store, state=PlacementState.HISTORY
    )


def _usual_size(cluster: Cluster, node: Node, key_type: str) -> int:
    if key_type.upper() == "EC":
        return 256
    size = cluster.config.certificates.regenerated_key_size
    return max(size, FIPS_RSA_BITS) if node.is_fips else size
