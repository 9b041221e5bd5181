"""Own certificates from a CA: requests, imports, and reuse (REFERENCE-2 2).

One request of a unit waits on a node for its answer; a multi-server one on all nodes.

    nodes/NODE/keys/UNIT.csr       the request, PEM
    nodes/NODE/keys/UNIT.csr.key   its key, 0600; the certificate's once that is there
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection

from tokenless.protocol.certificates.certificate import UNREADABLE, Certificate
from tokenless.protocol.certificates.minting import PrivateKey
from tokenless.protocol.codes import (
    MULTI_SERVER_UNITS,
    UNITS_WITH_EC_KEYS,
    TrustStore,
    trust_store_of,
)
from tokenless.services.changes.certificates import check_unit
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import IssueRequest, make_key
from tokenless.services.cluster.issuing import (
    REUSED_FROM,
    holders_of,
    is_shared,
    names_of,
    put_into_use,
    reuse,
    reusing,
    subject_of,
)
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, replace_file
from tokenless.services.pki.identity_checks import (
    IdentityFault,
    IdentityRefusedError,
    check_answer,
)
from tokenless.services.pki.keys import FOLDER_MODE, read_private_key, write_key
from tokenless.services.pki.signing_requests import SigningRequest, build_request
from tokenless.services.pki.uploads import quiet, read_certificates
from tokenless.services.pki.usages import USAGES
from tokenless.services.store import certificates as rows

_MOST_ISSUERS: Final = 8
_WHERE: Final = "/usr/local/platform/.security/{unit}/keys/{unit}.csr"
_USUAL_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class RequestOrder:
    """The content that a signing request must have."""

    multi_server: bool = False
    common_name: str | None = None
    """The unit's usual name when None."""
    key_size: int | None = None
    includes_ou: bool | None = None
    """None: as the release does (REFERENCE-2 2.1: left out from 14SU1 on)."""
    names: tuple[str, ...] = ()
    """Further DNS names and addresses."""


def request(
    cluster: Cluster,
    node: Node,
    store: TrustStore,
    wanted: RequestOrder | None = None,
    *,
    by: str,
) -> SigningRequest:
    """Make key and request of a unit; one that is waiting is overwritten.

    Raises:
        ServiceError: When the unit cannot be signed by a CA, cannot be multi-server, or
            a name cannot be written.
        OSError: When the key cannot be kept.
    """
    wanted = wanted or RequestOrder()
    check_can_request(cluster, node, store, multi_server=wanted.multi_server)
    order = _order(cluster, node, store, wanted)
    key = make_key(order)
    with cluster.store.read() as connection:
        subject = subject_of(
            cluster.installation, connection, order, wanted.common_name
        )
        names = names_of(cluster.installation, connection, order)
        holders = holders_of(
            cluster.installation, connection, node, shared=order.shared
        )
    omits_ou = cluster.release.asks_for_ou  # so it is left out unless asked for
    if wanted.includes_ou is False or (wanted.includes_ou is None and omits_ou):
        subject = subject.without("OU")
    made = build_request(store, subject, key, names, cluster.release)
    for holder in holders:
        _keep(holder, store, made, key)
    where = "all nodes" if order.shared else node.name
    with cluster.store.change("request", f"{store} of {where}", by=by):
        pass  # nothing of it is in the database but that it was made
    return made


def _order(
    cluster: Cluster, node: Node, store: TrustStore, wanted: RequestOrder
) -> IssueRequest:
    is_ec = store in UNITS_WITH_EC_KEYS
    return IssueRequest(
        cluster.publisher if wanted.multi_server else node,
        store,
        wanted.key_size or (256 if is_ec else _USUAL_BITS),
        "EC" if is_ec else "RSA",
        alternative_names=wanted.names,
        shared=wanted.multi_server,
    )


def check_can_request(
    cluster: Cluster, node: Node, store: TrustStore, *, multi_server: bool = False
) -> None:
    """Check that a node may make a request of a unit.

    Raises:
        ServiceError: When no CA signs it, or the node has no such unit.
    """
    if store not in USAGES:
        raise ServiceError(
            f"{store} cannot be signed by a CA", hint=f"units: {', '.join(USAGES)}"
        )
    check_unit(node, store, cluster.release)
    if not multi_server:
        return
    if store not in MULTI_SERVER_UNITS:
        raise ServiceError(
            f"{store} cannot be multi-server",
            hint=f"units: {', '.join(MULTI_SERVER_UNITS)}",
        )
    if store is TrustStore.TVS and not cluster.release.shares_tvs:
        raise ServiceError(
            "TVS is multi-server from release 14 on", hint="make a request on each node"
        )
    if not node.is_publisher:
        raise ServiceError(
            "multi-server requests are made on the publisher", hint="run it there"
        )


def pending(node: Node, store: TrustStore) -> SigningRequest:
    """Return the request that waits for its answer.

    Raises:
        IdentityRefusedError: When none waits.
        ServiceError: When its file is damaged.
    """
    try:
        return SigningRequest.read(node.keys.request_path(store).read_bytes())
    except FileNotFoundError:
        raise IdentityRefusedError(
            IdentityFault.NO_REQUEST, _WHERE.format(unit=store)
        ) from None


def has_pending(node: Node, store: TrustStore) -> bool:
    """Return whether a request of a unit waits for its answer."""
    return node.keys.request_path(store).is_file()


@dataclass(frozen=True, slots=True)
class Imported:
    """An identity certificate that was taken."""

    certificate: Certificate
    nodes: tuple[str, ...]
    """The unit and node that own it now."""
    also: tuple[TrustStore, ...]
    """CallManager units that reuse it."""
    warning: str | None


def import_own(
    cluster: Cluster, node: Node, store: TrustStore, data: bytes, *, by: str
) -> Imported:
    """Take the answer of a CA to the request that waits.

    Args:
        cluster: The cluster.
        node: Whose; any of a multi-server one.
        store: The unit.
        data: The certificate, alone or with its chain: PEM, DER or PKCS#7.
        by: The administrator, for the audit log.

    Raises:
        IdentityRefusedError: When it is not the answer, or its CA is not trusted.
        ServiceError: When it is no certificate, or the waiting key is damaged.
        OSError: When the key cannot be kept; nothing is changed then.
    """
    waiting = pending(node, store)
    leaf, warning = _read_answer(cluster, store, waiting, data)
    holders = [each for each in cluster.nodes if _waits_for(each, store, waiting)]
    with cluster.store.read() as connection:
        _check_chain(connection, leaf, trust_store_of(store))
    for holder in holders:
        holder.keys.save(store, leaf, _pending_key(holder, store))
    names = tuple(each.name for each in holders)
    detail = f"{store} of {', '.join(names)}: {leaf.serial_hex}"
    with cluster.store.change("import", detail, by=by) as change:
        connection = change.connection
        also = reusing(connection, store)
        put_into_use(connection, store, leaf, holders, change.at)
        for unit in also:
            reuse(cluster.installation, connection, unit, leaf, change.at)
    for holder in holders:
        holder.keys.forget_request(store)
    return Imported(leaf, names, also, warning)


def _read_answer(
    cluster: Cluster, store: TrustStore, waiting: SigningRequest, data: bytes
) -> tuple[Certificate, str | None]:
    """Return the certificate that answers a request, and a warning, if any."""
    given = read_certificates(data)
    keys = waiting.parsed.public_key()
    leaf = next((each for each in given if each.public_key == keys), given[0])
    warning = check_answer(
        waiting,
        leaf,
        store,
        datetime.fromtimestamp(cluster.clock(), UTC),
        release=cluster.release,
        wants_client_auth=cluster.config.certificates.require_client_auth,
    )
    return leaf, warning


def _waits_for(node: Node, store: TrustStore, waiting: SigningRequest) -> bool:
    return has_pending(node, store) and pending(node, store).der == waiting.der


def _check_chain(connection: Connection, leaf: Certificate, store: TrustStore) -> None:
    """Check that every CA above a certificate is in the unit's trust store.

    Raises:
        IdentityRefusedError: When one is not.
    """
    trusted = [each.certificate for each in rows.all_trusted(connection, store)]
    below = leaf
    for _ in range(_MOST_ISSUERS):
        if below.is_self_signed:
            return
        issuer = next((ca for ca in trusted if has_issued(ca, below)), None)
        if issuer is None:
            raise IdentityRefusedError(
                IdentityFault.NOT_TRUSTED, f"{below.issuer_text} in {store}"
            )
        below = issuer
    raise IdentityRefusedError(IdentityFault.NOT_TRUSTED, "the chain is too long")


def has_issued(ca: Certificate, certificate: Certificate) -> bool:
    """Return whether a CA's key signed a certificate that names it."""
    if ca.subject != certificate.issuer:
        return False
    with quiet():
        try:
            parsed = x509.load_der_x509_certificate(certificate.der)
            parsed.verify_directly_issued_by(x509.load_der_x509_certificate(ca.der))
        except (InvalidSignature, TypeError, *UNREADABLE):
            return False
    return True


def reuse_tomcat(cluster: Cluster, store: TrustStore, *, by: str) -> Certificate:
    """Let CallManager have tomcat's certificate and key (REFERENCE-2 2.3).

    Args:
        cluster: The cluster.
        store: CallManager or CallManager-ECDSA.
        by: The administrator, for the audit log.

    Raises:
        ServiceError: Before 14; when tomcat's is not multi-server, or its CAs are not
            in CallManager-trust.
        OSError: When a key cannot be kept.
    """
    tomcat = REUSED_FROM.get(store)
    if tomcat is None:
        raise ServiceError(
            f"{store} cannot use another unit's certificate",
            hint=f"units: {', '.join(REUSED_FROM)}",
        )
    if not cluster.release.reuses_tomcat:
        raise ServiceError(
            f"release {cluster.version} cannot use a tomcat certificate for "
            "other units",
            hint="releases from 14 on can",
        )
    with cluster.store.change("reuse", f"{tomcat} for {store}", by=by) as change:
        connection = change.connection
        certificate = rows.require_own(
            connection, tomcat, cluster.publisher.id
        ).certificate
        if len(cluster.nodes) > 1 and not is_shared(connection, tomcat):
            raise ServiceError(
                f"the {tomcat} certificate is not multi-server",
                hint="request and import a multi-server one first",
            )
        _check_chain(connection, certificate, TrustStore.CALLMANAGER_TRUST)
        reuse(cluster.installation, connection, store, certificate, change.at)
    return certificate


def _keep(node: Node, store: TrustStore, made: SigningRequest, key: PrivateKey) -> None:
    folder = node.keys_folder
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    write_key(node.keys.request_key_path(store), key)
    replace_file(node.keys.request_path(store), made.pem, mode=PRIVATE)


def _pending_key(node: Node, store: TrustStore) -> PrivateKey:
    path = node.keys.request_key_path(store)
    hint = "make the request again with `set csr gen`"
    try:
        key = read_private_key(path.read_bytes())
    except (FileNotFoundError, TypeError, *UNREADABLE) as error:
        raise ServiceError(f"{path}: no usable key ({error})", hint=hint) from None
    if not isinstance(key, PrivateKey):
        raise ServiceError(f"{path}: neither an RSA nor an EC key", hint=hint)
    return key
