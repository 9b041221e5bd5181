"""Certificates for people and for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich import box
from rich.table import Table

from tokenless.command_line import FILE
from tokenless.ground.terminal import cell, result_console
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.codes import role_name
from tokenless.services.cli.cluster.administration import StoreType
from tokenless.services.cli.file.json_output import iso
from tokenless.services.files import write_output
from tokenless.services.pki.manufacturing import to_pem
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


def print_one(certificate: Certificate, sentence: str, *, as_json: bool) -> None:
    """Print a certificate for programs, or a sentence about it for people."""
    click.echo(json.dumps(certificate_json(certificate)) if as_json else sentence)


def key_type(certificate: Certificate) -> str:
    """Return RSA or EC: PKCS#1 begins with a SEQUENCE, a point does not."""
    return "RSA" if certificate.public_key_bytes.startswith(b"\x30") else "EC"


def _moment(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))


_Command = TypeVar("_Command", bound=Callable[..., Any])

store_argument: Final = click.argument("store", type=StoreType())
node_option: Final = click.option(
    "--node", "node_name", help="The node; default: the publisher."
)


def export_options(command: _Command) -> _Command:
    """Add `--der` and `--output`."""
    output = click.option(
        "--output",
        type=FILE,
        help="The file to write; standard output by default.",
    )
    der = click.option("--der", is_flag=True, help="DER instead of PEM.")
    return der(output(command))


def export_certificate(
    certificate: Certificate, output: Path | None, *, der: bool, as_json: bool
) -> None:
    """Write a certificate to a file, or to standard output.

    With `as_json` the object is all that is printed; without a file it has the PEM.
    """
    content = certificate.der if der else to_pem(certificate)
    if output is not None:
        write_output(output, content)
    elif not as_json:
        sys.stdout.buffer.write(content)
    if as_json:
        placed: dict[str, object] = {"file": None if output is None else str(output)}
        if output is None:
            placed["pem"] = to_pem(certificate).decode("ascii")
        click.echo(json.dumps(certificate_json(certificate) | placed))
