"""`tokenless rehearse import`: a rehearsal made like a cluster that there is."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tokenless.phone_emulator.cli.options import (
    models_option,
    parse_models,
    parse_release,
)
from tokenless.phone_emulator.cli.saving import save_script
from tokenless.phone_emulator.rehearsal.imported import comment_of, imported_script
from tokenless.phone_emulator.rehearsal.imported_drift import Drift
from tokenless.phone_emulator.rehearsal.imported_lists import (
    load_certificates,
    load_picture,
)
from tokenless.phone_emulator.rehearsal.imported_site import ImportedSite, read_site
from tokenless.phone_emulator.rehearsal.script_text import write_script
from tokenless.protocol.trust_verdicts import FileKind

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command("import")
@click.option(
    "--ctl", type=_FILE, help="CTLFile.tlv, or what `show ctl` printed; - reads it."
)
@click.option(
    "--itl",
    "itls",
    type=_FILE,
    multiple=True,
    help="A node's ITLFile.tlv, or what `show itl` printed; may be repeated.",
)
@click.option(
    "--cert",
    "certificates",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="A certificate in use (PEM or DER), in a file named after its unit: "
    "CallManager.pem, TVS-sub1.pem; may be repeated.",
)
@click.option("--version", help="The release, where the lists do not tell it.")
@models_option
@click.option("--name", help="What to call the rehearsal; the file's name by default.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it; standard output when not given.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print what was read as one JSON object."
)
def import_script(
    *,
    ctl: Path | None,
    itls: tuple[Path, ...],
    certificates: tuple[Path, ...],
    version: str | None,
    models: str,
    name: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a rehearsal of a cluster from its trust lists.

    The cluster has the same nodes, names, roles, anchors and release, with keys of our
    own, so that a planned change can be tried on it. Nothing is asked of the network.
    """
    if ctl is None and not itls:
        raise click.UsageError("give --ctl, --itl, or both")
    pictures = [load_picture(path, FileKind.ITL) for path in itls]
    if ctl is not None:
        pictures.insert(0, load_picture(ctl, FileKind.CTL))
    if version is not None:
        parse_release(version)
    site = read_site(pictures, load_certificates(certificates), version)
    title = name or (output.stem if output else "imported")
    script = imported_script(site, name=title, models=parse_models(models))
    comment = comment_of(site, [Path(picture.source).name for picture in pictures])
    text = write_script(script, comment=comment)
    if output is not None:
        save_script(output, text)
    if as_json:
        click.echo(json.dumps(_to_json(site, output)))
    elif output is None:
        click.echo(text, nl=False)


def _to_json(site: ImportedSite, output: Path | None) -> dict[str, object]:
    return {
        "file": None if output is None else str(output),
        "version": site.version,
        "mixed": site.is_mixed,
        "tokens": site.tokens,
        "nodes": [
            {"name": n.name, "address": n.address, "real_address": n.real_address}
            for n in site.nodes
        ],
        "regenerated_since_ctl": _regenerated(site, site.since_ctl),
        "regenerated_since_lists": _regenerated(site, site.since_lists),
        "remarks": site.remarks,
    }


def _regenerated(site: ImportedSite, drifts: Sequence[Drift]) -> list[dict[str, str]]:
    return [
        {"unit": str(drift.unit), "node": drift.node or site.nodes[0].name}
        for drift in drifts
    ]
