"""`tokenless file show` and `tokenless file lint`: what a file says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from tokenless.ground.terminal import result_console
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.show_output.lines import (
    ListKind,
    show_signed_file,
    show_trust_list,
)
from tokenless.protocol.trust.lint import Severity, lint
from tokenless.services.admin.certificate_text import local_time_at
from tokenless.services.cli.file.input import load_file, load_trust_list
from tokenless.services.cli.file.json_output import describe_file, describe_finding
from tokenless.services.cli.file.table import print_table
from tokenless.services.errors import ServiceError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--table", "as_table", is_flag=True, help="Print tables that are easier to read."
)
def show(file: Path, *, as_json: bool, as_table: bool) -> None:
    """Print the content of a trust list (.tlv) or signed file (.sgn).

    The default is the layout of `show ctl` and `show itl`. This command verifies no
    signature: run `tokenless file verify` before you trust a file.
    """
    if as_json and as_table:
        raise click.UsageError("--json and --table exclude each other")
    decoded = load_file(file)
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps(describe_file(decoded, at=now)))
    elif as_table:
        print_table(result_console(), decoded, at=now)
    else:
        click.echo(_shown(decoded, file))
        _warn(decoded, now)


def _shown(decoded: TrustList | SignedFile, path: Path) -> str:
    if isinstance(decoded, SignedFile):
        return show_signed_file(decoded)
    kind: ListKind = "ITL" if decoded.filename == "ITLFile.tlv" else "CTL"
    return show_trust_list(decoded, kind=kind, modified=_modified(path))


def _modified(path: Path) -> str:
    return local_time_at(path.stat().st_mtime)


def _warn(decoded: TrustList | SignedFile, now: datetime) -> None:
    if isinstance(decoded, SignedFile):
        return
    for finding in lint(decoded, at=now):
        if finding.severity is not Severity.NOTE:
            click.echo(f"{finding.severity}: {printable(finding.message)}", err=True)


@click.command("lint")
@click.argument("file", type=_FILE)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per finding."
)
def lint_command(file: Path, *, as_json: bool) -> None:
    """Report problems of a trust list, present and future ones.

    Exit status 1 when phones would refuse the list or could not use it.
    """
    findings = lint(load_trust_list(file), at=datetime.now(UTC))
    for finding in findings:
        where = f"record {finding.record}: " if finding.record else ""
        message = printable(finding.message)
        plain = f"{finding.severity}: {where}{message} [{finding.code}]"
        click.echo(json.dumps(describe_finding(finding)) if as_json else plain)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if errors:
        raise ServiceError(f"{file}: {errors} of {len(findings)} findings are errors")
