"""Certificates as files: what `cert export` and `token export` have in common."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.services.cli.certificate_view import certificate_json
from tokenless.services.files import write_output
from tokenless.services.pki.manufacturing import to_pem

_Command = TypeVar("_Command", bound=Callable[..., Any])


def export_options(command: _Command) -> _Command:
    """Add `--der` and `--output`."""
    output = click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
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
