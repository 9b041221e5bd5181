"""OS Administration > Security > Bulk Certificate Management (REFERENCE-5 5.1).

The vendor's page exchanges over SFTP: Export on every cluster, Consolidate on one,
Import on every one. Here a folder of the server stands in for the SFTP server. A file
can be taken along by browser, too (REFERENCE 7.11).
"""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from tokenless.protocol.certificates.pem import write_certificate
from tokenless.services.changes import bulk
from tokenless.services.changes.bulk import BulkType
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError

_PATH: Final = "/cmplatform/bulk"
_ALL: Final = "All"
_USUAL_DIRECTORY: Final = "exchange"


def show(visit: Visit) -> Response:
    """Show export, consolidation and import."""
    return visit.render(
        "bulk.html",
        types=list(BulkType),
        every=_ALL,
        folder=bulk.exchange_folder(visit.cluster),
        directory=visit.asked("directory", _USUAL_DIRECTORY)[:64],
    )


def export(visit: Visit) -> Response:
    """Give one PEM file with the certificates of all nodes."""
    kind = _kind(visit.asked("type"))
    certificates = bulk.export_certificates(visit.cluster, kind)
    content = b"".join(write_certificate(each.der) for each in certificates)
    headers = {"content-disposition": f'attachment; filename="bulk-{kind.value}.pem"'}
    return Response(content, headers=headers, media_type="application/octet-stream")


def take(visit: Visit) -> Response:
    """Trust the certificates of another cluster's file."""
    file = visit.form.files.get("file")
    if file is None or not file.data:
        raise ServiceError("no file was chosen", hint="choose one in Upload File")
    kind = _kind(visit.form.one("type"))
    visit.plan()
    visit.step("bulk.working", type=kind.value)
    done = bulk.import_certificates(visit.cluster, kind, file.data, by=visit.by)
    visit.announce()
    visit.say("bulk.imported", type=kind.value, count=done)
    return visit.go(_PATH)


def exchange(visit: Visit) -> Response:
    """Export to the folder, consolidate in it, or import from it."""
    order = _ORDERS.get(visit.form.one("order"))
    if order is None:
        raise ServiceError("no such operation", hint="choose one of the three")
    directory = visit.form.one("directory").strip()
    wanted = visit.form.one("type")
    kinds = list(BulkType) if wanted == _ALL else [_kind(wanted)]
    visit.plan(len(kinds), delivers=order is _take_in)
    for kind in kinds:
        visit.step("bulk.working", type=kind.value)
        order(visit, kind, directory)
    if order is _take_in:
        visit.announce()
    return visit.go(_PATH, {"directory": directory[:64]})


def _give_out(visit: Visit, kind: BulkType, directory: str) -> None:
    done = bulk.export_to_folder(visit.cluster, kind, directory, by=visit.by)
    visit.say("bulk.exported", type=kind.value, count=done)


def _put_together(visit: Visit, kind: BulkType, directory: str) -> None:
    files, done = bulk.consolidate(visit.cluster, kind, directory, by=visit.by)
    visit.say("bulk.consolidated", type=kind.value, count=done, clusters=files)


def _take_in(visit: Visit, kind: BulkType, directory: str) -> None:
    done = bulk.import_from_folder(visit.cluster, kind, directory, by=visit.by)
    visit.say("bulk.imported", type=kind.value, count=done)


_ORDERS: Final[dict[str, Callable[[Visit, BulkType, str], None]]] = {
    "export": _give_out,
    "consolidate": _put_together,
    "import": _take_in,
}


def _kind(value: str) -> BulkType:
    if value not in set(BulkType):
        raise ServiceError("no such certificate type", hint="choose one of the list")
    return BulkType(value)


PAGES: Final = (
    Page(_PATH, show, take, back=_PATH),
    Page(f"{_PATH}/export", export),
    Page(f"{_PATH}/exchange", act=exchange, back=_PATH),
)
