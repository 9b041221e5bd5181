"""Lists with the records that a test names, as an import has read them."""

from datetime import UTC, datetime
from typing import Any

from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.trust.verdicts import FileKind

CM, TVS, CAPF, RECOVERY = (
    *(TrustStore.CALLMANAGER, TrustStore.TVS),
    *(TrustStore.CAPF, TrustStore.ITLRECOVERY),
)
_ROLES = {CM: Role.CCM_TFTP, TVS: Role.TVS, CAPF: Role.CAPF, RECOVERY: Role.SAST}
_NAMES = {CAPF: "CAPF-1", RECOVERY: "ITLRECOVERY_pub"}


def record(
    unit: TrustStore,
    node: str = "pub",
    serial: str = "",
    *,
    year: int | None = None,
    name: str = "",
    **more: object,
) -> ImportedRecord:
    """Return a record; its certificate is the same as long as nothing is said."""
    subject = f"CN={name or _NAMES.get(unit, node)};O=Example"
    fields: dict[str, Any] = {
        "role": _ROLES[unit],
        "dns_name": node,
        "address": None,
        "subject": subject,
        "serial": serial or f"{unit}-{node}",
        "key_bits": 2048,
        "issuer": subject,
        "begins": None if year is None else datetime(year, 1, 1, tzinfo=UTC),
    }
    return ImportedRecord(**fields | more)


def itl(node: str, *more: ImportedRecord) -> ImportedList:
    """Return a node's ITL, with a record of its CallManager where none is said."""
    servers = [each for each in more if each.role == Role.CCM_TFTP]
    records = more if servers else (record(CM, node), *more)
    return ImportedList(FileKind.ITL, "", "", tuple(records), f"itl-{node}")


def ctl(*records: ImportedRecord) -> ImportedList:
    return ImportedList(FileKind.CTL, "", "", records, "ctl")


def used(certificate: Certificate, file: str) -> InUse:
    return InUse(certificate, f"/exports/{file}")
