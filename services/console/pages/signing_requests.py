"""OS Administration > Security > Generate CSR, Download CSR, Generate Self-signed.

Fields as in REFERENCE-5 5.1; a request is always signed with SHA-256.
"""

from typing import Final

from starlette.responses import Response

from tokenless.protocol.codes import MULTI_SERVER_UNITS, UNITS_WITH_EC_KEYS, TrustStore
from tokenless.services.changes import certificates, identities
from tokenless.services.changes.identities import RequestOrder
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import RSA_SIZES
from tokenless.services.cluster.issuing import REUSED_FROM
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import EC_SIZES
from tokenless.services.pki.usages import USAGES

_LIST: Final = "/cmplatform/certificates"
_CSR: Final = f"{_LIST}/csr"
_SELF_SIGNED: Final = f"{_LIST}/self-signed"
_REUSE: Final = f"{_LIST}/reuse"
MULTI_SERVER: Final = "*"
"""Multi-server(SAN), where a node's name would stand."""
_MAX_NAMES: Final = 100
_MAX_DAYS: Final = 7300


def show_request(visit: Visit) -> Response:
    """Show the form, and the requests that wait for their answer."""
    cluster = visit.cluster
    return visit.render(
        "certificates/csr.html",
        units=[each for each in certificates.units(cluster) if each in USAGES],
        nodes=cluster.nodes,
        multi_server=MULTI_SERVER,
        chosen=visit.asked("purpose"),
        node=visit.asked("node"),
        rsa_sizes=[size for size in RSA_SIZES if size >= _LEAST_BITS],
        ec_sizes=EC_SIZES,
        waiting=waiting(cluster),
    )


_LEAST_BITS: Final = 2048
"""1024 is for self-signed certificates only."""


def request(visit: Visit) -> Response:
    """Make a request; one that waits is overwritten."""
    store, node, is_shared = _target(visit)
    order = RequestOrder(
        multi_server=is_shared,
        common_name=visit.form.one("common-name").strip() or None,
        key_size=_key_size(visit, store),
        names=_names(visit),
    )
    visit.plan(delivers=False)
    visit.step("certificates.working", store=store.value, node=node.name)
    identities.request(visit.cluster, node, store, order, by=visit.by)
    visit.say("csr.made")
    return visit.go(_CSR, {"purpose": store.value, "node": node.name})


def download_request(visit: Visit) -> Response:
    """Give a request that waits, in PEM."""
    store = certificates.find_store(visit.asked("purpose"))
    node = visit.cluster.node(visit.asked("node"))
    content = identities.pending(node, store).pem
    headers = {"content-disposition": f'attachment; filename="{store.value}.csr"'}
    return Response(content, headers=headers, media_type="application/octet-stream")


def show_self_signed(visit: Visit) -> Response:
    """Show the form of Generate New Self-Signed Certificate."""
    cluster = visit.cluster
    return visit.render(
        "certificates/self_signed.html",
        units=certificates.units(cluster),
        nodes=cluster.nodes,
        multi_server=MULTI_SERVER if cluster.release.shares_self_signed else None,
        rsa_sizes=RSA_SIZES,
        usual=cluster.config.certificates.regenerated_key_size,
        ec_sizes=EC_SIZES,
        days=_MAX_DAYS,
    )


def self_sign(visit: Visit) -> Response:
    """Give a node, or all, a new self-signed certificate."""
    store, node, is_shared = _target(visit)
    days = visit.form.one("days").strip()
    if days and not (_is_number(days) and 1 <= int(days) <= _MAX_DAYS):
        raise ServiceError(
            f"a certificate is valid for 1 to {_MAX_DAYS} days", hint="or leave it out"
        )
    visit.plan()
    visit.step("certificates.working", store=store.value, node=node.name)
    new = certificates.regenerate(
        visit.cluster,
        node,
        store,
        key_size=_key_size(visit, store),
        validity_days=int(days) if days else None,
        shared=True if is_shared else _own_again(store),
        by=visit.by,
    )
    visit.announce()
    visit.say("certificates.regenerated", serial=new.serial_hex)
    visit.say("certificates.restart", NoticeKind.WARNING, store=store.value)
    return visit.go(_LIST, {"find": "1"})


def _own_again(store: TrustStore) -> bool | None:
    """Return False where a certificate could be shared and shall not be."""
    return False if store in MULTI_SERVER_UNITS else None


def show_reuse(visit: Visit) -> Response:
    """Show the form of Reuse Certificate, of release 14 and later."""
    return visit.render(
        "certificates/reuse.html",
        stores=list(REUSED_FROM.items()),
        can=visit.cluster.release.reuses_tomcat,
    )


def reuse(visit: Visit) -> Response:
    """Let CallManager have tomcat's certificate."""
    store = certificates.find_store(visit.form.one("purpose"))
    visit.plan()
    visit.step("certificates.storing", store=store.value)
    new = identities.reuse_tomcat(visit.cluster, store, by=visit.by)
    visit.announce()
    visit.say("csr.reused", store=store.value, serial=new.serial_hex)
    visit.say("certificates.restart", NoticeKind.WARNING, store=store.value)
    return visit.go(_LIST, {"find": "1"})


def download_ctl(visit: Visit) -> Response:
    """Give the publisher's CTL file."""
    try:
        content = visit.cluster.publisher.ctl_file.read_bytes()
    except FileNotFoundError:
        raise ServiceError(
            "the publisher has no CTL file", hint="set the cluster to mixed mode"
        ) from None
    headers = {"content-disposition": 'attachment; filename="CTLFile.tlv"'}
    return Response(content, headers=headers, media_type="application/octet-stream")


def waiting(cluster: Cluster) -> list[tuple[TrustStore, Node]]:
    """Return the units and nodes whose request waits for its answer."""
    return [
        (store, node)
        for node in cluster.nodes
        if node.is_here
        for store in USAGES
        if identities.has_pending(node, store)
    ]


def _target(visit: Visit) -> tuple[TrustStore, Node, bool]:
    """Return the unit, the node, and whether all nodes share it."""
    store = certificates.find_store(visit.form.one("purpose"))
    where = visit.form.one("distribution")
    if where == MULTI_SERVER:
        return store, visit.cluster.publisher, True
    return store, visit.cluster.node(where), False


def _key_size(visit: Visit, store: TrustStore) -> int | None:
    field = "ec-length" if store in UNITS_WITH_EC_KEYS else "key-length"
    size = visit.form.one(field)
    return int(size) if _is_number(size) else None


def _names(visit: Visit) -> tuple[str, ...]:
    names = tuple(visit.form.one("domains").replace(",", " ").split())
    if len(names) > _MAX_NAMES:
        raise ServiceError(
            f"{len(names)} alternative names", hint=f"give up to {_MAX_NAMES}"
        )
    return names


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5  # noqa: PLR2004


PAGES: Final = (
    Page(_CSR, show_request, request, back=_CSR),
    Page(f"{_CSR}/download", download_request),
    Page(_SELF_SIGNED, show_self_signed, self_sign, back=_SELF_SIGNED),
    Page(_REUSE, show_reuse, reuse, back=_REUSE),
    Page(f"{_LIST}/ctl", download_ctl),
)
