"""`tokenless ca`: a CA of the lab, which signs what `cert request` makes."""

import json
import time
from pathlib import Path
from typing import BinaryIO

import click

from tokenless.command_line import json_option
from tokenless.ground.counting import counted
from tokenless.inputs import InputFile, read_input
from tokenless.services.files import PUBLIC, write_output
from tokenless.services.pki.lab_ca import CaKind, LabCa
from tokenless.services.pki.signing_requests import MAX_REQUEST_BYTES, SigningRequest

_PATH = click.Path(path_type=Path)


@click.group()
def ca() -> None:
    """Run a CA of the lab that signs nodes' requests."""


@ca.command()
@click.argument("folder", type=_PATH)
@click.option(
    "--name",
    default="Lab",
    help="The organization in the names of the CA's certificates.",
)
@click.option(
    "--kind",
    type=click.Choice([each.value for each in CaKind]),
    default=CaKind.COMPANY.value,
    help="A public CA issues no clientAuth, no OU, and at most 200 days.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    help="Days for which it issues certificates; default: 730 (company), 200 (public).",
)
@json_option
def init(
    *, folder: Path, name: str, kind: str, days: int | None, as_json: bool
) -> None:
    """Make a CA in a new FOLDER.

    FOLDER then holds root.pem, intermediate.pem, and keys/ with the key of each.
    """
    made = LabCa.create(folder, name, CaKind(kind), days, time.time())
    if as_json:
        fields = {"folder": str(folder), "kind": made.kind.value, "days": made.days}
        click.echo(json.dumps(fields))
        return
    click.echo(f"{made.kind} CA in {folder}: grants {counted(made.days, 'day')}")
    click.echo(
        "upload root.pem, then intermediate.pem, to the unit's -trust store first"
    )


@ca.command()
@click.argument("folder", type=_PATH)
@click.argument("request", type=InputFile())
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    help="Issue for fewer days than the CA's default.",
)
@click.option(
    "--chain",
    is_flag=True,
    help="Also print the intermediate and the root certificate.",
)
@click.option("--output", type=_PATH, help="Write to this file.")
def sign(
    *,
    folder: Path,
    request: BinaryIO,
    days: int | None,
    chain: bool,
    output: Path | None,
) -> None:
    """Sign a REQUEST and print the certificate.

    REQUEST is a file (PEM or DER), or - for standard input.
    """
    wanted = SigningRequest.read(read_input(request, MAX_REQUEST_BYTES))
    authority = LabCa.open(folder)
    pem = authority.sign(wanted, time.time(), days=days)
    if chain:
        root, intermediate = authority.chain
        pem += intermediate + root
    if output is None:
        click.echo(pem.decode(), nl=False)
    else:
        write_output(output, pem, mode=PUBLIC)
