"""`tokenless file show` and `tokenless file lint`: a file's content and its faults."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokenless.command_line import json_option
from tokenless.ground.terminal import cell, result_console
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import role_name
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.show_output.lines import (
    ListKind,
    show_signed_file,
    show_trust_list,
)
from tokenless.protocol.trust.lint import (
    LintFinding,
    Severity,
    SignatureState,
    lint,
    signature_state,
)
from tokenless.services.admin.certificate_text import local_time_at
from tokenless.services.cli.file.input import load_file, load_trust_list
from tokenless.services.cli.file.json_output import describe_file, describe_finding
from tokenless.services.errors import ServiceError

_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
_SIGNATURES: Final = {
    SignatureState.VALID: Text("holds under the list's own record", style="green"),
    SignatureState.INVALID: Text("does NOT hold", style="bold red"),
    SignatureState.UNVERIFIABLE: Text("the signer is not in the file", style="yellow"),
}


@click.command()
@click.argument("file", type=INPUT_FILE)
@json_option
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
@click.argument("file", type=INPUT_FILE)
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


def print_table(
    console: Console, file: TrustList | SignedFile, *, at: datetime
) -> None:
    """Print a file as tables."""
    if isinstance(file, SignedFile):
        payload = f"{len(file.payload)} bytes"
        if isinstance(file, EncryptedFile):
            bits = file.envelope.key_bits
            payload += f", encrypted for a phone's RSA-{bits} key"
        console.print(_head(file, {"Content": Text(payload)}))
        return
    state = {"Signature": _SIGNATURES[signature_state(file)]}
    console.print(_head(file, state))
    console.print(_members(file, at))
    for finding in lint(file, at=at):
        # Terminals break long lines themselves, and can copy them whole.
        console.print(_finding(finding), soft_wrap=True)


def _head(file: TrustList | SignedFile, more: dict[str, Text]) -> Table:
    header = file.header
    signed = "not said"
    if header.timestamp is not None:
        moment = datetime.fromtimestamp(header.timestamp, UTC)
        signed = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    rows = {
        "File": f"{header.filename or 'unnamed'}, {len(file.data)} bytes",
        "MD5": file.md5,
        "SHA-1": file.sha1,
        "Signer": header.signer.subject,
        "Issuer": header.signer.issuer,
        "Serial": header.signer.serial_hex,
        "Digest": f"{header.digest.name}, {len(header.signature) * 8}-bit signature",
        "Signed": signed,
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in rows.items():
        table.add_row(Text(key, style="bold"), cell(value))
    for key, text in more.items():
        table.add_row(Text(key, style="bold"), text)
    return table


def _members(trust_list: TrustList, at: datetime) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("#", "role", "node", "subject", "key", "expires", "bytes", ""):
        numeric = column in ("#", "bytes")
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=column != "subject",
            overflow="fold",
        )
    for number, record in enumerate(trust_list.records, start=1):
        signs = record.is_sast and record.is_named(trust_list.signer)
        table.add_row(*_member(number, record, at, signs=signs))
    return table


def _member(
    number: int, record: Record, at: datetime, *, signs: bool
) -> Sequence[str | Text]:
    certificate = record.certificate
    node = record.dns_name or record.ip_address or "-"
    return (
        str(number),
        role_name(record.role),
        cell(node),
        cell(_subject(record)),
        "-" if certificate is None else f"{_kind(certificate)}-{certificate.key_bits}",
        _expiry(certificate, at),
        str(record.length),
        Text("signer", style="bold green") if signs else "",
    )


def _subject(record: Record) -> str:
    """Return the common name, which tells the members of a cluster apart."""
    certificate = record.certificate
    common = None if certificate is None else certificate.subject.get("CN")
    name = (common or record.subject_name or "(emptied)").strip()
    if record.certificate_hash is not None:
        algorithm = record.hash_algorithm
        return f"{name} (hash {algorithm}: {record.certificate_hash.hex()})"
    return name


def _kind(certificate: Certificate) -> str:
    return "RSA" if certificate.public_key_bytes.startswith(b"\x30") else "EC"


def _expiry(certificate: Certificate | None, at: datetime) -> Text:
    if certificate is None:
        return Text("-")
    style = "red" if certificate.not_after < at else ""
    return Text(f"{certificate.not_after:%Y-%m-%d}", style=style)


def _finding(finding: LintFinding) -> Text:
    return Text.assemble(
        (f"{finding.severity}: ", _STYLES[finding.severity]),
        f"record {finding.record}: " if finding.record else "",
        printable(finding.message),
    )
