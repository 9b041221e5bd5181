"""Issue a self-signed certificate to a node: key first, then the row that names it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Validity, mint
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import MULTI_SERVER_UNITS, TrustStore
from tokenless.protocol.release import Release
from tokenless.services.cluster.installation import Installation, Node
from tokenless.services.cluster.issue_request import IssueRequest, make_key
from tokenless.services.config.cluster_sections import CertificatesSection
from tokenless.services.pki.keys import new_serial
from tokenless.services.pki.profiles import (
    common_name,
    digest_of,
    profile_of,
    shared_name,
    subject_name,
)
from tokenless.services.store import certificates
from tokenless.services.store.nodes import read_nodes
from tokenless.services.store.parameters import Parameter, read_parameter

_CAPF_DIGITS: Final = 8
_CAPF_NAME: Final = re.compile(rf"CAPF-[0-9a-f]{{{_CAPF_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate whose key is kept and which no row names yet."""

    order: IssueRequest
    certificate: Certificate
    holders: tuple[Node, ...]
    """The nodes whose own certificate it becomes."""


def issue(
    installation: Installation, connection: Connection, order: IssueRequest, at: int
) -> Certificate:
    """Make a node's certificate and put it into use; the old one becomes history.

    Raises:
        ServiceError: When the unit cannot have such a key.
        OSError: When the key cannot be kept.
    """
    issued = prepare(installation, connection, order)
    install(connection, issued, at)
    return issued.certificate


def prepare(
    installation: Installation, connection: Connection, order: IssueRequest
) -> IssuedCertificate:
    """Make key and certificate, and keep the key; slow with large keys.

    Raises:
        ServiceError: When the unit cannot have such a key.
        OSError: When the key cannot be kept.
    """
    key = make_key(order)
    settings = installation.config.certificates
    release = Release.parse(read_parameter(connection, Parameter.VERSION))
    begins = datetime.fromtimestamp(int(installation.clock()), UTC)
    days = order.validity_days or _usual_days(order.store, release, settings)
    subject = _subject(installation, connection, order)
    certificate = mint(
        subject,
        key.public_key(),
        Issuer(subject, key),
        profile_of(order.store, release),
        Validity.days(begins, days),
        serial=new_serial(),
        digest=digest_of(order.store, settings.digest, is_fips=order.node.is_fips),
        alternative_names=_alternative_names(installation, connection, order),
    )
    holders = holders_of(installation, connection, order.node, shared=order.shared)
    keepers = holders
    if order.store is TrustStore.ITLRECOVERY:  # all nodes sign with it
        keepers = holders_of(installation, connection, order.node, shared=True)
    for node in keepers:
        node.keys.save(order.store, certificate, key)
    return IssuedCertificate(order, certificate, holders)


def _usual_days(
    store: TrustStore, release: Release, settings: CertificatesSection
) -> int:
    """Return the validity of a certificate when none was ordered."""
    if store is TrustStore.ITLRECOVERY and settings.recovery_validity == "by-release":
        return release.recovery_days or settings.validity_days
    return settings.validity_days


def holders_of(
    installation: Installation, connection: Connection, node: Node, *, shared: bool
) -> tuple[Node, ...]:
    """Return the nodes whose own a certificate becomes: one, or all."""
    if not shared:
        return (node,)
    return tuple(installation.node_of(row) for row in read_nodes(connection))


def install(connection: Connection, issued: IssuedCertificate, at: int) -> None:
    """Put a prepared certificate into use.

    CallManager and CAPF trust every CAPF certificate that there was until somebody
    deletes it: else phones' LSCs would end with it (REFERENCE-3 3.6; inferred).
    """
    put_into_use(connection, issued.order.store, issued.certificate, issued.holders, at)


def put_into_use(
    connection: Connection,
    store: TrustStore,
    certificate: Certificate,
    holders: Sequence[Node],
    at: int,
) -> None:
    """Make a certificate the own one of nodes whose keys are kept already.

    A node that uses it already keeps it, or its history would have what is in use.
    """
    for node in holders:
        old = certificates.own(connection, store, node.id)
        if old is not None and old.certificate.der == certificate.der:
            continue
        if old is not None:
            certificates.retire(connection, old, at)
        certificates.place(connection, store, certificate, node_id=node.id, at=at)
    if store is TrustStore.CAPF:
        certificates.trust_for_phones(connection, certificate, at=at)
    if store in REUSED_FROM:
        certificates.trust_callmanager(connection, certificate, at=at)


def is_shared(connection: Connection, store: TrustStore) -> bool:
    """Tell whether one certificate of a unit serves several nodes (REFERENCE-2 2.1)."""
    if store not in MULTI_SERVER_UNITS:
        return False
    own = certificates.all_own(connection, store=store)
    return len(own) > len({each.certificate.der for each in own})


def is_reused(connection: Connection, store: TrustStore) -> bool:
    """Return whether a CallManager unit reuses that of its tomcat (REFERENCE-2 2.3)."""
    tomcat = REUSED_FROM.get(store)
    if tomcat is None:
        return False
    theirs = {
        each.certificate.der for each in certificates.all_own(connection, store=tomcat)
    }
    own = certificates.all_own(connection, store=store)
    return bool(own) and all(each.certificate.der in theirs for each in own)


REUSED_FROM: Final = {
    TrustStore.CALLMANAGER: TrustStore.TOMCAT,
    TrustStore.CALLMANAGER_ECDSA: TrustStore.TOMCAT_ECDSA,
}
"""The unit whose certificate each CallManager unit may reuse."""


def reusing(connection: Connection, store: TrustStore) -> tuple[TrustStore, ...]:
    """Return the CallManager units that follow when a tomcat unit changes."""
    return tuple(
        unit
        for unit, tomcat in REUSED_FROM.items()
        if tomcat is store and is_reused(connection, unit)
    )


def reuse(
    installation: Installation,
    connection: Connection,
    store: TrustStore,
    certificate: Certificate,
    at: int,
) -> None:
    """Make a tomcat certificate, whose keys are kept, that of CallManager, too.

    Raises:
        ServiceError: When a node has not the key.
        OSError: When it cannot be kept a second time.
    """
    holders = tuple(installation.node_of(row) for row in read_nodes(connection))
    for node in holders:
        key = node.keys.load(REUSED_FROM[store], certificate)
        node.keys.save(store, certificate, key)
    put_into_use(connection, store, certificate, holders, at)


def full_name(installation: Installation, node_name: str) -> str:
    """Return a node's name with the cluster's domain."""
    domain = installation.config.cluster.domain
    return node_name if domain is None else f"{node_name}.{domain}"


def all_names(
    installation: Installation, connection: Connection, order: IssueRequest
) -> tuple[str, ...]:
    """Return what a multi-server certificate is for: every node, and the domain."""
    renamed = {order.node.id: order.full_name}
    names = [
        full_name(installation, renamed.get(row.id) or row.name)
        for row in read_nodes(connection)
    ]
    domain = installation.config.cluster.domain
    return (*names, *(() if domain is None else (domain,)))


def names_of(
    installation: Installation, connection: Connection, order: IssueRequest
) -> tuple[str, ...]:
    """Return the names of a request: all nodes', or its own, and the added ones."""
    if order.shared:
        return _alternative_names(installation, connection, order)
    names = (full_name(installation, order.node.name), *order.alternative_names)
    return tuple(dict.fromkeys(names))


def _alternative_names(
    installation: Installation, connection: Connection, order: IssueRequest
) -> tuple[str, ...]:
    """Return the requested names; browsers compare these, not the common one."""
    names = order.alternative_names
    if order.shared:
        names = (*all_names(installation, connection, order), *names)
    elif not names and order.store is TrustStore.TOMCAT:
        name = order.full_name or order.node.name
        names = (full_name(installation, name), name, str(order.node.address))
    return tuple(dict.fromkeys(names))


def subject_of(
    installation: Installation,
    connection: Connection,
    order: IssueRequest,
    common: str | None,
) -> DistinguishedName:
    """Return the name that a request asks for, under another CN if one is given."""
    if common is None:
        return _subject(installation, connection, order)
    return subject_name(installation.config.certificates.subject, common)


def _subject(
    installation: Installation, connection: Connection, order: IssueRequest
) -> DistinguishedName:
    host = order.full_name or order.node.name
    if order.shared:
        common = shared_name(order.store, host, installation.config.cluster.domain)
        return subject_name(installation.config.certificates.subject, common)
    name = full_name(installation, host)
    common = common_name(order.store, name, _capf_name(installation, connection, order))
    return subject_name(installation.config.certificates.subject, common)


def _capf_name(
    installation: Installation, connection: Connection, order: IssueRequest
) -> str:
    """Return CAPF's name: the publisher's configured one at first, then others.

    Trust stores keep the old certificate beside the new one, and a verifier of an
    LSC finds its issuer by name, so the two must differ (inferred; REFERENCE 1.11 has
    the form). A name of another form is kept.
    """
    new = f"CAPF-{new_serial(_CAPF_DIGITS // 2).hex()}"
    old = certificates.own(connection, TrustStore.CAPF, order.node.id)
    if old is None:
        named = installation.config.cluster.capf if order.node.is_publisher else None
        return named or new
    known = old.certificate.subject.get("CN") or new
    return new if _CAPF_NAME.fullmatch(known) else known
