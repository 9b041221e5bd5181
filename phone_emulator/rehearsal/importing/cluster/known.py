"""The certificates that an import has seen, for `tokenless preflight`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    TRUST,
    KnownCertificate,
    not_renewed,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import UNITS, UNITS_OF_PUBLISHER, Role, TrustStore
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind

_LONGEST = 200
_UNITS: Final = {
    unit.value.casefold(): unit.value for unit in (*UNITS, TrustStore.TOMCAT)
}
_OF_PUBLISHER: Final = frozenset(unit.value for unit in UNITS_OF_PUBLISHER)


def known_certificates(
    lists: Sequence[ImportedList], in_use: Sequence[InUse], nodes: Sequence[str]
) -> tuple[KnownCertificate, ...]:
    """Return every certificate once for each place that it was seen at.

    Args:
        lists: CTL and ITLs.
        in_use: Certificates of nodes.
        nodes: The names of the nodes; the first one is the publisher.
    """
    publisher = nodes[0]
    found = [
        *(each for held in lists for each in _of_list(held, publisher)),
        *(
            each
            for each in (_of_use(used, nodes) for used in in_use)
            if each is not None
        ),
    ]
    return tuple(dict.fromkeys(found))


def expired_in_copy(
    certificates: Sequence[KnownCertificate], now: datetime
) -> Iterator[Approximation]:
    """Say which of the certificates have expired there, and are valid in the copy."""
    over = [
        f"{each.unit} of {each.node}"
        for each in not_renewed(certificates)
        if each.unit != TRUST and each.ends is not None and each.ends <= now
    ]
    if over:
        yield Approximation(
            Topic.EXPIRED,
            f"{listed(over)} expired there; in the copy every certificate is valid",
            "as far as is known, phones judge no dates; the vendor says that they "
            "refuse files of an expired CallManager",
        )


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
    return TRUST if entry.role == Role.SAST and not entry.is_token else None


def _node(unit: str, entry: ImportedRecord, publisher: str) -> str:
    if unit == TRUST:
        return ""
    is_publishers = unit in _OF_PUBLISHER and not entry.is_node_recovery
    return publisher if is_publishers else node_name(entry)


def _of_use(used: InUse, nodes: Sequence[str]) -> KnownCertificate | None:
    """Return a certificate in use; the node is in the file's name, or its CN."""
    said, _, node = used.unit_name.replace("_", "-").partition("-")
    unit = _UNITS.get(said.casefold())
    if unit is None or used.is_ec:
        return None
    certificate = used.certificate
    if unit in _OF_PUBLISHER:
        node = nodes[0]
    else:
        host = used.common_name.split(".")[0]
        known = {each.casefold(): each for each in nodes}
        node = known.get(node.casefold()) or known.get(host.casefold()) or node
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
