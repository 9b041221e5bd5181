"""Certificates for people and for programs."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.table import Table

from tokenless.ground.terminal import cell, result_console
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import role_name
from tokenless.services.cli.file_json import iso
from tokenless.services.store.certificates import StoredCertificate

_LEAST_WIDTH: Final = 160


def certificate_json(certificate: Certificate) -> dict[str, object]:
    """Describe a certificate."""
    return {
        "subject": certificate.subject_text,
        "issuer": certificate.issuer_text,
        "serial_number": certificate.serial_hex,
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "key_type": key_type(certificate),
        "key_bits": certificate.key_bits,
        "signature_algorithm": certificate.signature_algorithm,
        "length": len(certificate.der),
        "sha1": certificate.sha1,
    }


def placed_json(
    placed: StoredCertificate, nodes: Mapping[int, str]
) -> dict[str, object]:
    """Describe a certificate where it lies."""
    return {
        "store": placed.store.value,
        "node": None if placed.node_id is None else nodes[placed.node_id],
        "state": placed.state.value,
        "placed_at": _moment(placed.placed_at),
        "retired_at": None if placed.retired_at is None else _moment(placed.retired_at),
        "roles": list(placed.roles),
        "role_names": [role_name(role) for role in placed.roles],
        **certificate_json(placed.certificate),
    }


def print_certificates(
    placed: Iterable[StoredCertificate], nodes: Mapping[int, str]
) -> None:
    """Print a table; wider than the terminal rather than with broken serials."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("store", "node", "subject", "serial", "key", "expires", "roles"):
        table.add_column(column, no_wrap=True)
    for each in placed:
        certificate = each.certificate
        table.add_row(
            each.store,
            "-" if each.node_id is None else cell(nodes[each.node_id]),
            cell(certificate.subject.get("CN") or certificate.subject_text),
            certificate.serial_hex,
            f"{key_type(certificate)}-{certificate.key_bits}",
            f"{certificate.not_after:%Y-%m-%d}",
            ", ".join(role_name(role) for role in each.roles) or "none",
        )
    wide = result_console()
    wide.width = max(wide.width, _LEAST_WIDTH)
    wide.print(table, soft_wrap=True, crop=False)


def key_type(certificate: Certificate) -> str:
    """Return RSA or EC: PKCS#1 begins with a SEQUENCE, a point does not."""
    return "RSA" if certificate.public_key_bytes.startswith(b"\x30") else "EC"


def _moment(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))
