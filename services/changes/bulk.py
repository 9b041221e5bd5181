"""Certificates of all nodes at once, for another cluster (REFERENCE 7.11).

Clusters exchange them in a folder, where the vendor's use an SFTP server:

    FOLDER/DIRECTORY/TFTP-PUBLISHER.pem   what one cluster exported
    FOLDER/DIRECTORY/TFTP.pem             all of them, consolidated
"""

import re
from collections.abc import Iterator
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from tokenless.ground.files import TooLongError, read_bounded
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.pem import read_certificates, write_certificate
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.errors import DecodeError
from tokenless.services.changes.certificates import own
from tokenless.services.changes.trust_stores import OpenStore
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.files import replace_file
from tokenless.services.pki.uploads import read_upload

MAX_CERTIFICATES: Final = 1024
"""Of one type, in one file: some forty clusters of 21 nodes."""
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_FILES: Final = 128
_AUDITED: Final = 32
_DIRECTORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@unique
class BulkType(StrEnum):
    """The certificates of a bulk operation, by the names of the vendor's page."""

    TFTP = "TFTP"
    CAPF = "CAPF"
    TOMCAT = "Tomcat"
    ITLRECOVERY = "ITLRecovery"


_UNITS: Final = {
    BulkType.TFTP: TrustStore.CALLMANAGER,
    BulkType.CAPF: TrustStore.CAPF,
    BulkType.TOMCAT: TrustStore.TOMCAT,
    BulkType.ITLRECOVERY: TrustStore.ITLRECOVERY,
}
_STORES: Final = {
    BulkType.TFTP: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
    BulkType.CAPF: (TrustStore.CALLMANAGER_TRUST,),
    BulkType.TOMCAT: (TrustStore.TOMCAT_TRUST,),
    BulkType.ITLRECOVERY: (TrustStore.PHONE_SAST_TRUST, TrustStore.CALLMANAGER_TRUST),
}
"""The trust stores that an import fills (REFERENCE 7.11)."""


def export_certificates(cluster: Cluster, kind: BulkType) -> list[Certificate]:
    """Return the certificates of a kind of all nodes.

    Raises:
        ServiceError: When no node has one.
    """
    certificates = [
        each.certificate for each in own(cluster) if each.store is _UNITS[kind]
    ]
    if not certificates:
        raise ServiceError(f"no node has a {kind} certificate", hint="regenerate it")
    return list({each.der: each for each in certificates}.values())


def import_certificates(
    cluster: Cluster, kind: BulkType, data: bytes, *, by: str
) -> int:
    """Trust other clusters' certificates in one transaction; return how many are new.

    What a store has already stays as it is; the cluster's own are left out. A store
    has one certificate of a name: the later one replaces the other (REFERENCE-2 2.4).

    Raises:
        ServiceError: When the file holds none, or one that does not belong there.
    """
    stores = _STORES[kind]
    mine = {each.certificate.der for each in own(cluster)}
    certificates = [each for each in _read(data, stores[0]) if each.der not in mine]
    serials = ", ".join(each.serial_hex for each in certificates[:_AUDITED])
    new = set()
    with cluster.store.change("bulk import", f"{kind}: {serials}", by=by) as change:
        for store in stores:
            held = OpenStore(change, store)
            for certificate in certificates:
                if held.place(certificate) is not None:
                    new.add(certificate.der)
    return len(new)


def export_to_folder(
    cluster: Cluster, kind: BulkType, directory: str, *, by: str
) -> int:
    """Write the cluster's certificates into the folder; return how many.

    Raises:
        ServiceError: When no node has one, or the directory's name is none.
        OSError: When it cannot be written.
    """
    folder = _folder(cluster, directory)
    found = export_certificates(cluster, kind)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{cluster.publisher.name}.pem"
    replace_file(path, _pem(found))
    _note(cluster, "bulk export", f"{kind} to {directory}", by)
    return len(found)


def consolidate(
    cluster: Cluster, kind: BulkType, directory: str, *, by: str
) -> tuple[int, int]:
    """Make one file of what clusters have exported; return how many files and how many.

    Raises:
        ServiceError: When nothing was exported, or a file holds anything else.
        OSError: When the files cannot be read or written.
    """
    folder = _folder(cluster, directory)
    exported = sorted(folder.glob(f"{kind}-*.pem"))
    if not exported:
        raise ServiceError(
            f"no cluster has exported {kind} to {directory}", hint="export first"
        )
    if len(exported) > MAX_FILES:
        raise ServiceError(f"over {MAX_FILES} files", hint="use another directory")
    found = {
        each.der: each
        for path in exported
        for each in _read(_load(path), _STORES[kind][0])
    }
    replace_file(folder / f"{kind}.pem", _pem(list(found.values())))
    _note(cluster, "bulk consolidate", f"{kind} in {directory}", by)
    return len(exported), len(found)


def import_from_folder(
    cluster: Cluster, kind: BulkType, directory: str, *, by: str
) -> int:
    """Trust the consolidated certificates; return how many are new.

    Raises:
        ServiceError: When nothing was consolidated, or as `import_certificates`.
        OSError: When the file cannot be read.
    """
    path = _folder(cluster, directory) / f"{kind}.pem"
    try:
        data = _load(path)
    except FileNotFoundError:
        raise ServiceError(
            f"{directory} holds no consolidated {kind} certificates",
            hint="export on every cluster, then consolidate on one",
        ) from None
    return import_certificates(cluster, kind, data, by=by)


def exchange_folder(cluster: Cluster) -> Path:
    """Return the folder that stands in for the SFTP server."""
    named = cluster.config.certificates.bulk_folder
    return Path(named) if named else cluster.data / "bulk"


def _folder(cluster: Cluster, directory: str) -> Path:
    """Return a directory of the folder: a name, which leads nowhere else.

    Raises:
        ServiceError: When it is not a name, or is a link.
    """
    if not _DIRECTORY.fullmatch(directory):
        raise ServiceError(
            f"{directory[:64]!r} is not a name for a directory",
            hint="use letters, digits, _ and -",
        )
    folder = exchange_folder(cluster) / directory
    if folder.is_symlink():
        raise ServiceError(f"{directory} is a link", hint="use another directory")
    return folder


def _load(path: Path) -> bytes:
    try:
        return read_bounded(path, MAX_FILE_BYTES)
    except TooLongError as error:
        raise ServiceError(f"{path.name} {error}", hint="delete it") from None


def _read(data: bytes, store: TrustStore) -> list[Certificate]:
    """Return the certificates of a file, each once; bounded by number.

    Raises:
        ServiceError: When it holds none, too many, a key, or one that does not belong.
    """
    found: dict[bytes, Certificate] = {}
    for piece in _pieces(data):
        for certificate in read_upload(piece, store):
            found[certificate.der] = certificate
        if len(found) > MAX_CERTIFICATES:
            raise ServiceError(
                f"over {MAX_CERTIFICATES} certificates", hint="import fewer clusters"
            )
    return list(found.values())


def _pieces(data: bytes) -> Iterator[bytes]:
    """Split a PEM file of many; `read_upload` judges anything else, keys too."""
    if b"PRIVATE KEY-----" in data or b"-----BEGIN CERTIFICATE-----" not in data:
        yield data
        return
    try:
        ders = read_certificates(data)
    except DecodeError as error:
        raise ServiceError(
            f"no certificate could be read: {error}", hint="import a PEM file"
        ) from None
    for der in ders:
        yield write_certificate(der)


def _pem(certificates: list[Certificate]) -> bytes:
    return b"".join(write_certificate(each.der) for each in certificates)


def _note(cluster: Cluster, action: str, detail: str, by: str) -> None:
    with cluster.store.change(action, detail, by=by):
        pass  # nothing of it is in the database but that it was done
