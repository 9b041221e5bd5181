"""The certificates that an import has seen, for `tokenless preflight`."""

from collections.abc import Iterator, Sequence

from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind

_LONGEST = 200
_UNITS = ("CallManager", "TVS", "CAPF", "ITLRecovery")


def known_certificates(
    lists: Sequence[ImportedList], in_use: Sequence[InUse], publisher: str
) -> tuple[KnownCertificate, ...]:
    """Return every certificate once for each place that it was seen at.

    Args:
        lists: CTL and ITLs.
        in_use: Certificates of nodes.
        publisher: The node that has what is the cluster's.
    """
    found = [
        *(each for held in lists for each in _of_list(held, publisher)),
        *(each for each in map(_of_use, in_use) if each is not None),
    ]
    return tuple(dict.fromkeys(found))


def _of_list(held: ImportedList, publisher: str) -> Iterator[KnownCertificate]:
    own = {e.identity for e in held.entries if e.role in TFTP_ROLES}
    for entry in held.entries:
        if (
            not entry.serial
            or entry.is_ec
            or (entry.role == Role.SAST and entry.identity in own)
        ):
            continue  # the same certificate stands there as a server
        unit = _unit(entry)
        if unit is not None:
            yield KnownCertificate(
                unit=unit,
                source="itl" if held.kind is FileKind.ITL else "ctl",
                subject=printable(entry.subject)[:_LONGEST],
                serial=entry.serial,
                node=_node(unit, entry, publisher),
                begins=entry.begins,
                ends=entry.ends,
                bits=entry.key_bits,
                ca_signed=entry.is_ca_signed,
            )


def _unit(entry: ImportedRecord) -> str | None:
    if entry.is_recovery:
        return TrustStore.ITLRECOVERY.value
    if entry.role in TFTP_ROLES or entry.role == Role.CALLMANAGER:
        return TrustStore.CALLMANAGER.value
    by_role = {Role.TVS: TrustStore.TVS, Role.CAPF: TrustStore.CAPF}
    unit = by_role.get(Role(entry.role)) if entry.role in by_role else None
    if unit is not None:
        return unit.value
    return "trust" if entry.role == Role.SAST and not entry.is_token else None


def _node(unit: str, entry: ImportedRecord, publisher: str) -> str:
    if unit == "trust":
        return ""
    return publisher if unit in {"CAPF", "ITLRecovery"} else node_name(entry)


def _of_use(used: InUse) -> KnownCertificate | None:
    unit, _, node = used.unit_name.partition("-")
    if unit not in _UNITS:
        return None
    certificate = used.certificate
    return KnownCertificate(
        unit=unit,
        source="in-use",
        subject=printable(certificate.subject_text)[:_LONGEST],
        serial=certificate.serial_hex,
        node=node,
        begins=certificate.not_before,
        ends=certificate.not_after,
        bits=certificate.key_bits,
        ca_signed=not certificate.is_self_signed,
    )
