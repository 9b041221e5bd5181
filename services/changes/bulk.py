"""Certificates of all nodes at once, for another cluster (REFERENCE 7.11)."""

from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes.certificates import own
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.uploads import read_upload
from tokenless.services.store import certificates as rows


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
"""What an import fills (REFERENCE 7.11)."""


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
    return certificates


def import_certificates(
    cluster: Cluster, kind: BulkType, data: bytes, *, by: str
) -> int:
    """Trust another cluster's certificates in one transaction; return how many are new.

    What a store has already stays as it is.

    Raises:
        ServiceError: When the file holds none, or one that does not belong there.
    """
    certificates = read_upload(data, _STORES[kind][0])
    serials = ", ".join(each.serial_hex for each in certificates)
    new = set()
    stores = _STORES[kind]
    with cluster.store.change("bulk import", f"{kind}: {serials}", by=by) as change:
        connection, at = change.connection, change.at
        for store in stores:
            held = rows.all_trusted(connection, store)
            known = {each.certificate.der for each in held}
            for certificate in certificates:
                if certificate.der not in known:
                    new.add(certificate.der)
                    rows.place(connection, store, certificate, node_id=None, at=at)
    return len(new)
