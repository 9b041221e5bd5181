"""The calls of the certificate management REST interface (REFERENCE-5 3).

That a certificate which is trusted already is taken again, and the names of
`distribution` other than `this-server`, are inferred. `options` is not modelled:
nothing tells its content.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import (
    UNITS_WITH_EC_KEYS,
    TrustStore,
    trust_store_of,
    units_of,
)
from tokenless.services.changes import certificates, identities, trust_stores
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.announce import announce
from tokenless.services.pki.uploads import read_certificates

_THIS_SERVER: Final = "this-server"
_MULTI_SERVER: Final = frozenset({"multi-server", "multi-server(san)"})
_MOST: Final = 32
_UPLOADED: Final = "Certificate upload operation successful"
_NOT_ALL_STORED: Final = "Not every certificate was stored: see warnings"


class _Csr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `POST csr`: `commonName` and so on."""

    service: str
    distribution: str = _THIS_SERVER
    common_name: str = ""
    key_type: str = "rsa"
    key_length: int | None = None
    hash_algorithm: str = "sha256"
    alt_names: list[str] = []


class _Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST identity/certificates`."""

    service: str
    certificates: list[str]


class _Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST trust/certificates`."""

    service: list[str]
    certificates: list[str]
    description: str = ""


def _make_csr(cluster: Cluster, _service: str, body: bytes, by: str) -> dict[str, Any]:
    order = _decoded(body, _Csr)
    unit = _unit(cluster, order.service)
    distribution = order.distribution.lower().replace(" ", "")
    names = {_THIS_SERVER, cluster.publisher.name.lower()}
    if distribution not in _MULTI_SERVER | names:
        raise ServiceError(
            f"there is no distribution {order.distribution!r} here",
            hint=f"{_THIS_SERVER}, which is {cluster.publisher.name}, or multi-server",
        )
    is_ec = unit in UNITS_WITH_EC_KEYS
    if order.key_type.lower() != ("ec" if is_ec else "rsa"):
        kind = "EC" if is_ec else "RSA"
        raise ServiceError(f"{unit} has {kind} keys", hint=f'"keyType": "{kind}"')
    if len(order.alt_names) > _MOST:
        raise ServiceError(f"over {_MOST} names", hint="send fewer in altNames")
    if order.hash_algorithm.lower().replace("-", "") != "sha256":
        raise ServiceError("requests are signed with SHA-256", hint="leave it out")
    wanted = RequestOrder(
        multi_server=distribution in _MULTI_SERVER,
        common_name=order.common_name or None,
        key_size=order.key_length,
        names=tuple(order.alt_names),
    )
    made = identities.request(cluster, cluster.publisher, unit, wanted, by=by)
    return {"csr": made.pem.decode()}


def _take_identity(
    cluster: Cluster, _service: str, body: bytes, by: str
) -> dict[str, Any]:
    given = _decoded(body, _Identity)
    unit = _unit(cluster, given.service)
    data = _joined(given.certificates)
    taken = identities.import_own(cluster, cluster.publisher, unit, data, by=by)
    announce(cluster)
    return {
        "message": _UPLOADED,
        "service": unit.value,
        "certificate": _pem(taken.certificate),
        "nodes": list(taken.nodes),
        "reusedFor": [each.value for each in taken.also],
        "warning": taken.warning,
    }


def _show_identity(
    cluster: Cluster, service: str, _body: bytes, _by: str
) -> dict[str, Any]:
    unit = _unit(cluster, service)
    own = certificates.own_certificate(cluster, cluster.publisher, unit)
    return {"service": unit.value, "certificate": _pem(own)}


def _take_trust(
    cluster: Cluster, _service: str, body: bytes, by: str
) -> dict[str, Any]:
    given = _decoded(body, _Trust)
    found = read_certificates(_joined(given.certificates))
    if not given.service:
        raise ServiceError("no service is named", hint='"service": ["tomcat"]')
    stores = list(dict.fromkeys(_store(cluster, name) for name in given.service))
    stored: dict[str, int] = {}
    warnings: list[str] = []
    is_whole = True
    for store in stores:
        known = {each.certificate.der for each in certificates.trust(cluster, store)}
        fresh = b"".join(write_certificate(c.der) for c in found if c.der not in known)
        if fresh:
            label = given.description
            done = trust_stores.upload(cluster, store, fresh, by=by, label=label)
            stored[store.value] = len(done.certificates)
            warnings += [f"{store}: {line}" for line in done.explain()]
            is_whole = is_whole and not done.kept_out
    announce(cluster)
    message = _UPLOADED if is_whole else _NOT_ALL_STORED
    return {"message": message, "stored": stored, "warnings": warnings}


def _show_trust(
    cluster: Cluster, service: str, _body: bytes, _by: str
) -> dict[str, Any]:
    kept = certificates.trust(cluster, _store(cluster, service))
    return {"certificates": [{"certificate": _pem(each.certificate)} for each in kept]}


def _show_snapshot(
    cluster: Cluster, _service: str, _body: bytes, _by: str
) -> dict[str, Any]:
    node = cluster.publisher
    own = {
        each.store: each.certificate
        for each in certificates.own(cluster)
        if each.node_id == node.id
    }
    return {
        "trackingId": secrets.token_hex(16),
        "server": node.name,
        "identities": [
            {
                "service": unit.value,
                "certificate": _pem(own[unit]),
                "csr": _waiting(node, unit),
            }
            for unit in units_of(is_publisher=True, release=cluster.release)
            if unit in own
        ],
        "trusts": [
            {
                "service": store.value,
                "certificate_data": [
                    {
                        "filename": _file_name(each.certificate),
                        "certificate": _pem(each.certificate),
                    }
                    for each in certificates.trust(cluster, store)
                ],
            }
            for store in TrustStore
            if store.is_trust_store
        ],
        "revokedCertificates": [],
    }


def _waiting(node: Node, unit: TrustStore) -> str | None:
    if not identities.has_pending(node, unit):
        return None
    return identities.pending(node, unit).pem.decode()


def _file_name(certificate: Certificate) -> str:
    """Return the name as the vendor's files have it (REFERENCE-5 1.4)."""
    common = (certificate.subject.get("CN") or "certificate").strip()
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in common)
    return f"{plain}_{certificate.serial_hex.lower()}.pem"


def _pem(certificate: Certificate) -> str:
    return write_certificate(certificate.der).decode()


def _decoded(body: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - of that kind
    try:
        return decode_json(body, kind)
    except msgspec.DecodeError as error:
        raise ServiceError(
            f"the body cannot be used: {error}", hint="see docs/certmgr.md"
        ) from None


def _joined(pems: Sequence[str]) -> bytes:
    if not 1 <= len(pems) <= _MOST:
        raise ServiceError(
            f"{len(pems)} certificates", hint=f"send 1 to {_MOST}, as PEM"
        )
    return "\n".join(pems).encode()


def _unit(cluster: Cluster, name: str) -> TrustStore:
    units = units_of(is_publisher=True, release=cluster.release)
    for unit in units:
        if unit.lower() == name.lower():
            return unit
    raise ServiceError(
        f"there is no service {name[:64]!r}", hint=f"services: {', '.join(units)}"
    )


def _store(cluster: Cluster, name: str) -> TrustStore:
    """Return a trust store: named itself, or by the unit whose CAs it has."""
    for store in TrustStore:
        if store.is_trust_store and store.lower() == name.lower():
            return store
    unit = _unit(cluster, name)
    if unit is TrustStore.ITLRECOVERY:
        raise ServiceError(f"{unit} has no trust store", hint="no CA signs it")
    return trust_store_of(unit)


Call = Callable[[Cluster, str, bytes, str], Mapping[str, Any]]
"""Takes the cluster, `service` of the query, the body and the user; may block."""

CALLS: Final[tuple[tuple[str, str, Call], ...]] = (
    ("POST", "csr", _make_csr),
    ("POST", "identity/certificates", _take_identity),
    ("GET", "identity/certificate", _show_identity),
    ("POST", "trust/certificates", _take_trust),
    ("GET", "trust/certificate", _show_trust),
    ("GET", "snapshot/server", _show_snapshot),
)
"""Method, path, and what is done."""
