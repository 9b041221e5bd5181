"""OS Administration > Security > Certificate Management (REFERENCE-5 5.1)."""

from typing import Final

from starlette.responses import Response

from tokenless.protocol.certificates.pem import write_certificate
from tokenless.protocol.codes import UNITS_WITH_EC_KEYS, TrustStore
from tokenless.services.admin.certificate_text import (
    certificate_text,
)
from tokenless.services.changes import certificates, identities, trust_stores
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.issue_request import RSA_SIZES
from tokenless.services.console.pages.certificate_search import (
    Operator,
    Row,
    Search,
    fields_of,
    rows,
)
from tokenless.services.console.pages.signing_requests import waiting
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import EC_SIZES
from tokenless.services.pki.usages import USAGES

_LIST: Final = "/cmplatform/certificates"
_ONE: Final = "/cmplatform/certificates/{id:int}"
_BACK: Final = "/cmplatform/certificates/{id}"


def show_list(visit: Visit) -> Response:
    """Show the search and its results; nothing is listed before Find."""
    search = Search.read(
        visit.asked("field"), visit.asked("operator"), visit.asked("text")
    )
    matching = None
    if "find" in visit.request.query_params:
        matching = search.matching(rows(visit.cluster))
    return visit.render(
        "certificates/list.html",
        fields=fields_of(visit.cluster.release),
        operators=list(Operator),
        field=search.field,
        operator=search.operator,
        text=search.text,
        found=matching,
        has_request=bool(waiting(visit.cluster)),
        has_ctl=visit.cluster.publisher.ctl_file.is_file(),
        can_reuse=visit.cluster.release.reuses_tomcat,
        query=str(visit.request.url.query),
    )


def show_one(visit: Visit) -> Response:
    """Show a certificate as in the document's pictures."""
    row = _find(visit)
    return visit.render(
        "certificates/one.html",
        row=row,
        decoded=certificate_text(row.certificate, visit.cluster.release),
        node=_node_of(visit.cluster, row).name if row.is_own else "",
        can_request=row.is_own and row.placed.store in USAGES,
    )


def download(visit: Visit) -> Response:
    """Give the file, PEM or DER."""
    row = _find(visit)
    stem = row.file_name.removesuffix(".pem").lstrip(".") or "certificate"
    if visit.part("form") == "pem":
        content, name = write_certificate(row.certificate.der), f"{stem}.pem"
    elif visit.part("form") == "der":
        content, name = row.certificate.der, f"{stem}.der"
    else:
        raise ServiceError("certificates are downloaded as pem or der")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="application/octet-stream")


def show_regenerate(visit: Visit) -> Response:
    """Ask before a key is replaced."""
    row = _find(visit)
    is_ec = row.placed.store in UNITS_WITH_EC_KEYS
    usual = visit.cluster.config.certificates.regenerated_key_size
    return visit.render(
        "certificates/regenerate.html",
        row=row,
        node=_node_of(visit.cluster, row),
        sizes=EC_SIZES if is_ec else RSA_SIZES,
        usual=EC_SIZES[0] if is_ec else usual,
        is_recovery=row.placed.store is TrustStore.ITLRECOVERY,
    )


def regenerate(visit: Visit) -> Response:
    """Replace a node's certificate and its key."""
    row = _find(visit)
    node, store = _node_of(visit.cluster, row), row.placed.store
    size = visit.form.one("key-size")
    visit.plan()
    visit.step("certificates.working", store=store.value, node=node.name)
    new = certificates.regenerate(
        visit.cluster,
        node,
        store,
        key_size=int(size) if size.isascii() and size.isdigit() else None,
        by=visit.by,
    )
    visit.announce()
    visit.say("certificates.regenerated", serial=new.serial_hex)
    visit.say("certificates.restart", NoticeKind.WARNING, store=store.value)
    for each in certificates.own(visit.cluster, node):
        if each.certificate.der == new.der:
            return visit.go(f"{_LIST}/{each.id}")
    return visit.go(_LIST)


def show_delete(visit: Visit) -> Response:
    """Ask before a certificate leaves its trust store."""
    return visit.render("certificates/delete.html", row=_find(visit))


def delete(visit: Visit) -> Response:
    """Take a certificate out of its trust store."""
    row = _find(visit)
    if row.is_own:
        raise ServiceError(
            "a node's own certificate cannot be deleted", hint="regenerate it"
        )
    serial = row.certificate.serial_hex
    visit.plan()
    visit.step("certificates.deleting", store=row.placed.store.value)
    trust_stores.delete(visit.cluster, row.placed.store, serial, by=visit.by)
    visit.announce()
    visit.say("certificates.deleted", name=row.file_name)
    return visit.go(_LIST, {"find": "1"})


def show_upload(visit: Visit) -> Response:
    """Show the upload window, with its warning."""
    units = [each for each in certificates.units(visit.cluster) if each in USAGES]
    return visit.render(
        "certificates/upload.html",
        stores=[*certificates.trust_stores(), *units],
        nodes=visit.cluster.nodes,
        chosen=visit.asked("purpose"),
    )


def upload(visit: Visit) -> Response:
    """Put certificates into a trust store of all nodes, or take a CA's answer."""
    store = certificates.find_store(visit.form.one("purpose"))
    file = visit.form.files.get("file")
    if file is None or not file.data:
        raise ServiceError("no file was chosen", hint="choose one in Upload File")
    visit.plan()
    visit.step("certificates.storing", store=store.value)
    if store.is_trust_store:
        warning = _upload_trust(visit, store, file.data)
    else:
        warning = _upload_own(visit, store, file.data)
    if warning is not None:
        visit.session.notify(NoticeKind.WARNING, warning)
    return visit.go(f"{_LIST}/upload", {"purpose": store.value})


def _upload_trust(visit: Visit, store: TrustStore, data: bytes) -> str | None:
    label = visit.form.one("description").strip()[:50]
    uploaded = trust_stores.upload(visit.cluster, store, data, by=visit.by, label=label)
    visit.announce()
    if uploaded.certificates:
        visit.say("certificates.uploaded")
    for line in uploaded.explain():
        visit.session.notify(NoticeKind.WARNING, line)
    return uploaded.warning


def _upload_own(visit: Visit, store: TrustStore, data: bytes) -> str | None:
    node = visit.cluster.node(visit.form.one("server"))
    taken = identities.import_own(visit.cluster, node, store, data, by=visit.by)
    visit.announce()
    visit.say("certificates.imported", nodes=", ".join(taken.nodes))
    visit.say("certificates.restart", NoticeKind.WARNING, store=store.value)
    for unit in taken.also:
        visit.say("certificates.reusing", NoticeKind.WARNING, store=unit.value)
    return taken.warning


def _find(visit: Visit) -> Row:
    wanted = visit.part("id")
    for row in rows(visit.cluster):
        if row.placed.id == wanted:
            return row
    raise ServiceError(
        "this certificate is not there any more", hint="find it in the list"
    )


def _node_of(cluster: Cluster, row: Row) -> Node:
    for node in cluster.nodes:
        if node.id == row.placed.node_id:
            return node
    raise ServiceError(
        f"{row.placed.store} is a trust store", hint="delete or upload there"
    )


PAGES: Final = (
    Page(_LIST, show_list),
    Page(f"{_LIST}/upload", show_upload, upload, back=f"{_LIST}/upload"),
    Page(_ONE, show_one),
    Page(f"{_ONE}/download/{{form}}", download),
    Page(f"{_ONE}/regenerate", show_regenerate, regenerate, back=_BACK),
    Page(f"{_ONE}/delete", show_delete, delete, back=_BACK),
)
