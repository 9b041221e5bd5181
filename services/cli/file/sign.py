"""`tokenless file sign` and `unsign`: signed files (.sgn), there and back."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from tokenless.command_line import FILE, json_option
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.files.signed_file import SignedFile, sign_file
from tokenless.services.cli.file.input import load_file, read_bounded
from tokenless.services.cli.file.json_output import describe_file
from tokenless.services.cli.file.list_description import parse_digest
from tokenless.services.cli.file.signers import (
    KeySource,
    load_signer,
    signer_options,
    timestamp_option,
)
from tokenless.services.errors import ServiceError
from tokenless.services.files import write_output

_SUFFIX = ".sgn"


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.argument("output", type=FILE, required=False)
@click.option("--filename", help="The header's FILENAME; default: the name of OUTPUT.")
@click.option(
    "--digest",
    type=click.Choice(["sha1", "sha256", "sha512"]),
    default="sha1",
    help="Digest of the signature; 7900 phones verify sha1 only.",
)
@click.option(
    "--form",
    type=click.Choice(["cucm", "comma"]),
    default="cucm",
    help="The format in which the signer's names are written.",
)
@timestamp_option
@signer_options
@json_option
def sign(
    *,
    file: Path,
    output: Path | None,
    filename: str | None,
    digest: str,
    form: str,
    timestamp: int | None,
    source: KeySource,
    as_json: bool,
) -> None:
    """Sign FILE as a configuration for phones, into FILE.sgn or OUTPUT."""
    target = file.with_name(file.name + _SUFFIX) if output is None else output
    signed = sign_file(
        target.name if filename is None else filename,
        read_bounded(file),
        load_signer(source),
        timestamp=_now() if timestamp is None else timestamp,
        digest=parse_digest(digest),
        form=NameForm(form),
    )
    write_output(target, signed.data)
    if as_json:
        described = describe_file(signed, at=datetime.now(UTC))
        click.echo(json.dumps({"path": str(target), **described}))
    else:
        size = len(signed.data)
        click.echo(
            f"{target}: {size} bytes, signed by {printable(signed.signer.subject)}"
        )


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.argument("output", type=FILE, required=False)
def unsign(file: Path, output: Path | None) -> None:
    """Extract the content of a signed FILE into OUTPUT or to stdout.

    The signature is not checked; `tokenless file verify` does that.
    """
    signed = load_file(file)
    if not isinstance(signed, SignedFile):
        raise ServiceError(
            f"{file}: a trust list, not a signed file", hint="see `tokenless file show`"
        )
    if signed.is_encrypted:
        raise ServiceError(
            f"{file}: its content is encrypted for one phone",
            hint="take it out with the phone's key: `tokenless file decrypt`",
        )
    if output is None:
        sys.stdout.buffer.write(signed.payload)
        sys.stdout.buffer.flush()
    else:
        write_output(output, signed.payload)
        click.echo(f"{output}: {len(signed.payload)} bytes", err=True)
