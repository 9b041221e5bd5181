"""OS Administration > Security > Bulk Certificate Management (REFERENCE-5 5.1).

The vendor's page consolidates over SFTP. Here the certificates of all nodes are one PEM
file, which the other cluster takes (REFERENCE 7.11).
"""

from typing import Final

from starlette.responses import Response

from tokenless.protocol.certificates.pem import write_certificate
from tokenless.services.changes import bulk
from tokenless.services.changes.bulk import BulkType
from tokenless.services.console.page import Page
from tokenless.services.console.visit import Visit
from tokenless.services.errors import ServiceError

_PATH: Final = "/cmplatform/bulk"


def show(visit: Visit) -> Response:
    """Show export and import."""
    return visit.render("bulk.html", types=list(BulkType))


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
    done = bulk.import_certificates(visit.cluster, kind, file.data, by=visit.by)
    visit.announce()
    visit.say("bulk.imported", count=done)
    return visit.go(_PATH)


def _kind(value: str) -> BulkType:
    if value not in set(BulkType):
        raise ServiceError("no such certificate type", hint="choose one of the list")
    return BulkType(value)


PAGES: Final = (
    Page(_PATH, show, take, back=_PATH),
    Page(f"{_PATH}/export", export),
)
