"""`tokenless file build`: any trust list, from certificates and a description."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from tokenless.command_line import FILE, json_option
from tokenless.inputs import INPUT_FILE
from tokenless.parsed import Parsed
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import ListForm, sign_trust_list
from tokenless.protocol.trust.anchors import FileKind
from tokenless.services.cli.file.json_output import describe_file
from tokenless.services.cli.file.list_description import (
    ListDescription,
    RecordDescription,
    load_description,
    parse_digest,
    parse_record_flag,
    parse_version,
)
from tokenless.services.cli.file.signers import (
    KeySource,
    load_signer,
    signer_options,
    timestamp_option,
)
from tokenless.services.files import write_output

# Click keeps the lines of a paragraph that begins with a backspace.
_EXAMPLE = """\b
Example:
  tokenless file build CTLFile.tlv --cert pub.pem --key pub.key \\
    --record SAST=pub.pem,cucm-pub,10.48.47.155 \\
    --record CCM+TFTP=pub.pem,cucm-pub,10.48.47.155
"""


def _checked_version(text: str) -> str:
    parse_version(text)
    return text  # as descriptions have it


@click.command(epilog=_EXAMPLE)
@click.argument("output", type=FILE)
@click.option(
    "--description",
    type=INPUT_FILE,
    help="A description of the list in TOML; options override it.",
)
@click.option(
    "--record",
    "records",
    type=Parsed("ROLE=CERT[,DNS[,IP]]", parse_record_flag),
    multiple=True,
    metavar="ROLE=CERT[,DNS[,IP]]",
    help="A record; may be repeated. TOKEN=CERT for a token, ROLE=,DNS,IP without "
    "certificate.",
)
@click.option(
    "--filename",
    help="The header's FILENAME: CTLFile.tlv or ITLFile.tlv; default: that of the "
    "description, else ITLFile.tlv where OUTPUT's name begins with ITL.",
)
@click.option(
    "--form",
    type=click.Choice([form.value for form in ListForm]),
    help="The program whose file layout to follow: CUCM CLI, CTL Client, or certutils.",
)
@click.option(
    "--digest",
    type=click.Choice(["sha1", "sha256", "sha512"]),
    help="Digest of the signature; 7900 phones verify sha1 only.",
)
@click.option(
    "--version",
    type=click.Choice(["1.1", "1.2"]),
    help="The header's VERSION; default: 1.2.",
)
@click.option(
    "--signer-version",
    type=Parsed("N.N", _checked_version),
    help="Element 28, such as 1.1; default: none.",
)
@timestamp_option
@signer_options
@json_option
def build(
    *,
    output: Path,
    description: Path | None,
    records: tuple[RecordDescription, ...],
    filename: str | None,
    form: str | None,
    digest: str | None,
    version: str | None,
    signer_version: str | None,
    timestamp: int | None,
    source: KeySource,
    as_json: bool,
) -> None:
    """Build and sign a trust list, and write it to OUTPUT.

    Records come from options, or from a description in TOML:

    filename, form, digest, version, signer_version, and for each [[record]] role,
    certificate, dns_name, ip_address, or token = true.
    """
    overrides = {
        "filename": filename,
        "form": form,
        "digest": digest,
        "version": version,
        "signer_version": signer_version,
        "record": records or None,
    }
    plan = _plan(output, description, overrides)
    # Certificates of a description lie in its folder, those of flags where one stands.
    folder = Path() if description is None or records else description.parent
    moment = int(datetime.now(UTC).timestamp()) if timestamp is None else timestamp
    trust_list = _sign(plan, folder, source, moment)
    write_output(output, trust_list.data)
    _report(output, trust_list, as_json=as_json)


def _plan(
    output: Path, description: Path | None, overrides: Mapping[str, object]
) -> ListDescription:
    """Return a list's description, or an empty one, with what options say instead."""
    given = {name: value for name, value in overrides.items() if value is not None}
    base = (
        ListDescription(filename=_name_for(output))
        if description is None
        else load_description(description)
    )
    return msgspec.structs.replace(base, **given)


def _name_for(output: Path) -> str:
    """Return the name that phones want in the header: they refuse an ITL called CTL."""
    kind = FileKind.ITL if output.name.upper().startswith("ITL") else FileKind.CTL
    return kind.value


def _sign(
    plan: ListDescription, folder: Path, source: KeySource, timestamp: int
) -> TrustList:
    element_28 = plan.signer_version
    return sign_trust_list(
        plan.filename,
        plan.build_records(folder),
        load_signer(source),
        timestamp=timestamp,
        digest=parse_digest(plan.digest),
        form=ListForm(plan.form),
        signer_version=parse_version(element_28) if element_28 else None,
        version=parse_version(plan.version),
    )


def _report(output: Path, trust_list: TrustList, *, as_json: bool) -> None:
    if as_json:
        described = describe_file(trust_list, at=datetime.now(UTC))
        click.echo(json.dumps({"path": str(output), **described}))
        return
    click.echo(
        f"{output}: {len(trust_list.data)} bytes, {len(trust_list.records)} records, "
        f"signed by {printable(trust_list.signer.subject)}"
    )
