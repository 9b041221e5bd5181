"""Trust stores of a cluster: upload a certificate, delete one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import find_by_serial, trust_stores
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import is_authority, read_upload
from tokenless.services.store import certificates as rows
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.store.database import Change

_LABEL_CHARACTERS: Final = 50
_NO_ROLE: Final = (
    "{store} gives a certificate no role: TVS will not answer for it. A CA needs none; "
    "signers of phones' files need Phone-SAST-trust (docs/reference 1: 1.12)"
)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Result of an upload."""

    certificates: tuple[Certificate, ...]
    """Those that were stored."""
    replaced: tuple[Certificate, ...]
    """Those that went, as a store has one certificate of a name (REFERENCE-2 2.4)."""
    kept_out: tuple[Certificate, ...]
    """Those that were not stored: the store has a later one of the name."""
    warning: str | None
    """A fault of the store; None when there is none."""

    def explain(self) -> list[str]:
        """Return a line for each certificate that went or was not stored."""
        gone = [
            f"{each.subject_text} ({each.serial_hex}) was replaced: a store has one "
            "certificate of a name"
            for each in self.replaced
        ]
        return gone + [
            f"{each.subject_text} ({each.serial_hex}) was not stored: the store has a "
            "later one of this name"
            for each in self.kept_out
        ]


def upload(
    cluster: Cluster, store: TrustStore, data: bytes, *, by: str, label: str = ""
) -> Uploaded:
    """Put a certificate or a chain into a trust store of all nodes.

    Args:
        cluster: The cluster.
        store: Which store.
        data: PEM (one or several), DER, or PKCS#7.
        by: The administrator, for the audit log.
        label: Description (friendly name), 50 characters at most.

    Raises:
        ServiceError: When it is not a certificate, one that does not belong there, or
            one that is there already; nothing is stored then.
    """
    if not store.is_trust_store:
        raise ServiceError(
            f"{store} holds a node's own certificate",
            hint=f"upload to a trust store: {', '.join(trust_stores())}",
        )
    certificates = read_upload(data, store)
    if cluster.release.refuses_expired:
        _check_in_date(certificates, datetime.fromtimestamp(cluster.clock(), UTC))
    serials = ", ".join(each.serial_hex for each in certificates)
    with cluster.store.change("upload", f"{store}: {serials}", by=by) as change:
        _check_issuers(change.connection, store, certificates)
        held = OpenStore(change, store)
        _check_new(held, store, certificates)
        placed = [
            held.place(each, label=label[:_LABEL_CHARACTERS]) for each in certificates
        ]
    stored = tuple(c for c, done in zip(certificates, placed, strict=True) if done)
    warning = None if store.roles else _NO_ROLE.format(store=store)
    return Uploaded(
        stored,
        replaced=tuple(old for each in placed if each for old in each.replaced),
        kept_out=tuple(c for c in certificates if c not in stored),
        warning=warning,
    )


def _check_in_date(certificates: Sequence[Certificate], now: datetime) -> None:
    for certificate in certificates:
        if certificate.not_after < now:
            raise ServiceError(
                f"{certificate.subject_text} expired on "
                f"{certificate.not_after:%Y-%m-%d}",
                hint="upload the certificate that is in use now",
            )


def _check_new(
    held: "OpenStore", store: TrustStore, certificates: Sequence[Certificate]
) -> None:
    """Check that no certificate of an upload is there already.

    Raises:
        ServiceError: When one is.
    """
    for each in certificates:
        if held.holds(each):
            raise ServiceError(
                f"{each.subject_text} ({each.serial_hex}) is in {store} already",
                hint="nothing needs to be done",
            )


@dataclass(frozen=True, slots=True)
class Placed:
    """A certificate that was stored, and what went for it."""

    replaced: tuple[Certificate, ...]


class OpenStore:
    """A trust store inside a change: one certificate of a name (REFERENCE-2 2.4)."""

    def __init__(self, change: Change, store: TrustStore) -> None:
        self._change = change
        self._store = store
        self._held = defaultdict[DistinguishedName, list[StoredCertificate]](list)
        for each in rows.all_trusted(change.connection, store):
            self._held[each.certificate.subject].append(each)

    def holds(self, certificate: Certificate) -> bool:
        """Return whether the very certificate is there."""
        held = self._held[certificate.subject]
        return any(each.certificate.der == certificate.der for each in held)

    def place(self, certificate: Certificate, *, label: str = "") -> Placed | None:
        """Store a certificate; the later one of a name stays.

        Returns:
            What it replaced; None when the store keeps what it has.
        """
        change, namesakes = self._change, self._held[certificate.subject]
        if is_kept_out(certificate, [each.certificate for each in namesakes]):
            return None
        for each in namesakes:
            rows.remove(change.connection, each)
        placed = rows.place(
            *(change.connection, self._store, certificate),
            node_id=None,
            at=change.at,
            label=label,
        )
        self._held[certificate.subject] = [placed]
        return Placed(tuple(each.certificate for each in namesakes))


def is_kept_out(certificate: Certificate, held: Sequence[Certificate]) -> bool:
    """Tell whether a store has a certificate, or a later one of its name."""
    return any(
        each.der == certificate.der
        or (
            each.subject == certificate.subject
            and each.not_before > certificate.not_before
        )
        for each in held
    )


def _check_issuers(
    connection: Connection, store: TrustStore, certificates: Sequence[Certificate]
) -> None:
    """Check that the CA above an intermediate one is there, or comes with it.

    Raises:
        ServiceError: When it is not: roots are uploaded first (REFERENCE-2 2.1).
    """
    known = {each.certificate.subject for each in rows.all_trusted(connection, store)}
    known |= {each.subject for each in certificates}
    for certificate in certificates:
        if not is_authority(certificate) or certificate.is_self_signed:
            continue
        if certificate.issuer not in known:
            raise ServiceError(
                f"CA certificate is not available in the trust-store: "
                f"{certificate.issuer_text} in {store}",
                hint="upload the root first, then each intermediate",
            )


def delete(
    cluster: Cluster, store: TrustStore, serial_hex: str, *, by: str
) -> Certificate:
    """Take a certificate out of a trust store and return it.

    Raises:
        ServiceError: When it is not there.
    """
    with cluster.store.change("delete", f"{store}: {serial_hex}", by=by) as change:
        found = find_by_serial(rows.all_trusted(change.connection, store), serial_hex)
        rows.remove(change.connection, found)
    return found.certificate
