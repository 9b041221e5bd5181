"""Issue a self-signed certificate to a node: key first, then the row that names it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, PrivateKey, Validity, mint
from tokenless.protocol.certificates.names import DistinguishedName
from tokenless.protocol.codes import TrustStore
from tokenless.services.cluster.installation import Installation, Node
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import generate_ec, generate_rsa, new_serial
from tokenless.services.pki.profiles import (
    EC_ALLOWED,
    PROFILES,
    common_name,
    subject_name,
)
from tokenless.services.store import certificates
from tokenless.services.store.nodes import read_nodes

RSA_SIZES: Final = (1024, 2048, 4096)


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """A certificate to be made."""

    node: Node
    store: TrustStore
    key_size: int
    key_type: str = "RSA"
    validity_days: int | None = None
    """The cluster's when None."""
    alternative_names: tuple[str, ...] = ()
    full_name: str | None = None
    """For a node that is being renamed; its present name when None."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate whose key is kept and which no row names yet."""

    order: IssueRequest
    certificate: Certificate


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
    key = _make_key(order)
    settings = installation.config.certificates
    begins = datetime.fromtimestamp(int(installation.clock()), UTC)
    days = order.validity_days or settings.validity_days
    subject = _subject(installation, connection, order)
    certificate = mint(
        subject,
        key.public_key(),
        Issuer(subject, key),
        PROFILES[order.store],
        Validity.days(begins, days),
        serial=new_serial(),
        # Browsers refuse SHA-1, whatever the cluster's phones need.
        digest="sha256" if order.store is TrustStore.TOMCAT else settings.digest,
        alternative_names=_alternative_names(installation, order),
    )
    for node in _key_holders(installation, connection, order):
        node.keys.save(order.store, certificate, key)
    return IssuedCertificate(order, certificate)


def install(connection: Connection, issued: IssuedCertificate, at: int) -> None:
    """Put a prepared certificate into use.

    CallManager and CAPF trust every CAPF certificate that there was until somebody
    deletes it: else phones' LSCs would end with it (REFERENCE-3 3.6; inferred).
    """
    order = issued.order
    old = certificates.own(connection, order.store, order.node.id)
    if old is not None:
        certificates.retire(connection, old, at)
    certificates.place(
        connection, order.store, issued.certificate, node_id=order.node.id, at=at
    )
    if order.store is TrustStore.CAPF:
        certificates.trust_for_phones(connection, issued.certificate, at=at)


def full_name(installation: Installation, node_name: str) -> str:
    """Return a node's name with the cluster's domain."""
    domain = installation.config.cluster.domain
    return node_name if domain is None else f"{node_name}.{domain}"


def _alternative_names(
    installation: Installation, order: IssueRequest
) -> tuple[str, ...]:
    """Return what was asked for; browsers compare these names, not the common one."""
    if order.alternative_names or order.store is not TrustStore.TOMCAT:
        return order.alternative_names
    name = order.full_name or order.node.name
    return tuple(
        dict.fromkeys((full_name(installation, name), name, str(order.node.address)))
    )


def _key_holders(
    installation: Installation, connection: Connection, order: IssueRequest
) -> list[Node]:
    """Return the nodes that need the key: all of them to sign with ITLRecovery."""
    if order.store is not TrustStore.ITLRECOVERY:
        return [order.node]
    return [installation.node_of(row) for row in read_nodes(connection)]


def _make_key(order: IssueRequest) -> PrivateKey:
    match order.key_type.upper():
        case "RSA" if order.key_size in RSA_SIZES:
            return generate_rsa(order.key_size)
        case "RSA":
            sizes = ", ".join(map(str, RSA_SIZES))
            raise ServiceError(f"no RSA key of {order.key_size} bits", hint=sizes)
        case "EC" if order.store in EC_ALLOWED:
            return generate_ec(order.key_size)
        case "EC":
            raise ServiceError(
                f"{order.store} signs files for phones, which know RSA only",
                hint=f"EC is for {', '.join(sorted(EC_ALLOWED))}",
            )
        case other:
            raise ServiceError(f"no key type {other}", hint="use RSA or EC")


def _subject(
    installation: Installation, connection: Connection, order: IssueRequest
) -> DistinguishedName:
    name = full_name(installation, order.full_name or order.node.name)
    common = common_name(order.store, name, _capf_name(installation, connection, order))
    return subject_name(installation.config.certificates.subject, common)


def _capf_name(
    installation: Installation, connection: Connection, order: IssueRequest
) -> str:
    """Return CAPF's name: what it was, what is configured, or a new random one."""
    old = certificates.own(connection, TrustStore.CAPF, order.node.id)
    known = None if old is None else old.certificate.subject.get("CN")
    configured = installation.config.cluster.capf
    return known or configured or f"CAPF-{secrets.token_hex(4)}"
