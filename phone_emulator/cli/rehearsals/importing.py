"""`tokenless rehearse import`: a rehearsal made like a cluster that there is."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from tokenless.command_line import complain
from tokenless.ground.terminal import progress_bar, talk_line
from tokenless.phone_emulator.addresses import (
    DEFAULT_TFTP_PORT,
    parse_device,
    parse_servers,
)
from tokenless.phone_emulator.check.observe import Patience
from tokenless.phone_emulator.cli.options import (
    gathered,
    models_option,
    parse_models,
    parse_release,
    tftp_timeout_option,
)
from tokenless.phone_emulator.cli.rehearsals.saving import check_output, save_script
from tokenless.phone_emulator.rehearsal.importing.configuration import load_phone_config
from tokenless.phone_emulator.rehearsal.importing.drift import Drift
from tokenless.phone_emulator.rehearsal.importing.fetch import (
    Fetched,
    NothingAnsweredError,
    fetch_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.lists import (
    Picture,
    load_certificates,
    load_pictures,
    without_repeats,
)
from tokenless.phone_emulator.rehearsal.importing.phones import load_phones
from tokenless.phone_emulator.rehearsal.importing.script import (
    comment_of,
    imported_script,
)
from tokenless.phone_emulator.rehearsal.importing.site import (
    ImportedSite,
    Known,
    read_site,
)
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.trust.verdicts import FileKind

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_COULD_NOT_BE_TOLD = 3


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where a cluster is read from."""

    ctl: Path | None
    itls: tuple[Path, ...]
    certificates: tuple[Path, ...]
    phone_config: Path | None
    phone_table: Path | None
    tftp: tuple[str, ...]
    device: str
    tftp_timeout: float
    version: str | None

    def fetched(self) -> Fetched | None:
        """Fetch from the TFTP nodes, with a bar on standard error.

        Raises:
            PhoneError: When nothing answered, or a file could not be had.
        """
        servers = [
            server
            for text in self.tftp
            for server in parse_servers(text, default_port=DEFAULT_TFTP_PORT)
        ]
        if not servers:
            return None
        device = parse_device(self.device)
        with _progress(len(servers)) as on_node:
            return fetch_cluster(servers, device, Patience(self.tftp_timeout), on_node)

    def pictures(self, fetched: Fetched | None) -> list[Picture]:
        """Return the lists, the CTL first.

        Raises:
            PhoneError: When one cannot be read, or two contradict each other.
        """
        found = [] if fetched is None else list(fetched.pictures)
        if self.ctl is not None:
            found += load_pictures(self.ctl, FileKind.CTL)
        for path in self.itls:
            found += load_pictures(path, FileKind.ITL)
        return sorted(without_repeats(found), key=lambda p: p.kind is not FileKind.CTL)

    def known(self, fetched: Fetched | None) -> Known:
        """Return what is known beside the lists.

        Raises:
            PhoneError: When a file cannot be read.
        """
        config = None if fetched is None else fetched.config
        if self.phone_config is not None:
            config = load_phone_config(self.phone_config)
        table = self.phone_table
        return Known(
            in_use=load_certificates(self.certificates),
            version=self.version,
            config=config,
            tftp_addresses=() if fetched is None else fetched.addresses,
            phones=None if table is None else load_phones(table),
            approximations=() if fetched is None else fetched.approximations,
        )


@click.command("import")
@gathered(
    "sources",
    _Sources,
    click.option(
        "--ctl",
        type=_FILE,
        help="CTLFile.tlv, or what `show ctl` printed, or a log of several commands; "
        "- reads it.",
    ),
    click.option(
        "--itl",
        "itls",
        type=_FILE,
        multiple=True,
        help="A node's ITLFile.tlv, or what `show itl` printed; may be repeated.",
    ),
    click.option(
        "--cert",
        "certificates",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="A certificate in use (PEM or DER), in a file named after its unit: "
        "CallManager.pem, TVS-sub1.pem; may be repeated.",
    ),
    click.option(
        "--config",
        "phone_config",
        type=_FILE,
        help="A phone's SEP….cnf.xml (or .sgn): gives the CallManager group.",
    ),
    click.option(
        "--phones",
        "phone_table",
        type=_FILE,
        metavar="CSV",
        help="An export of the phones (BAT, RIS, or model,device pool,count): gives "
        "the groups.",
    ),
    click.option(
        "--tftp",
        multiple=True,
        metavar="HOST[:PORT][,…]",
        help="Fetch CTL, ITLs and a configuration from these TFTP nodes.",
    ),
    click.option(
        "--device",
        default="SEP001122334455",
        help="The phone whose configuration is fetched with --tftp.",
    ),
    tftp_timeout_option,
    click.option("--version", help="The release, where the lists do not tell it."),
)
@models_option
@click.option("--name", help="What to call the rehearsal; the file's name by default.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it; standard output when not given. A file that was edited "
    "is not overwritten.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print what was read as one JSON object."
)
def import_script(
    *,
    sources: _Sources,
    models: str,
    name: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a rehearsal of a cluster from its trust lists.

    The cluster has the same nodes, names, roles and release, with keys of our own, so
    that a planned change can be tried on it. What had to be guessed or cannot be
    rebuilt is said. A list that is not whole is refused. Only --tftp asks the network.
    """
    if sources.ctl is None and not sources.itls and not sources.tftp:
        raise click.UsageError("give --ctl, --itl or --tftp")
    if sources.version is not None:
        parse_release(sources.version)
    chosen = parse_models(models)
    if output is not None:
        check_output(output)
    try:
        fetched = sources.fetched()
    except NothingAnsweredError as error:
        complain(error.explain())
        sys.exit(_COULD_NOT_BE_TOLD)
    pictures = sources.pictures(fetched)
    site = read_site(pictures, sources.known(fetched))
    title = name or (output.stem if output else "imported")
    script = imported_script(site, name=title, models=chosen)
    comment = comment_of(site, [Path(picture.source).name for picture in pictures])
    text = write_script(script, comment=comment)
    _say_approximations(site)
    if output is not None:
        save_script(output, text)
    if as_json:
        click.echo(json.dumps(_to_json(site, output)))
    elif output is None:
        click.echo(text, nl=False)


def _say_approximations(site: ImportedSite) -> None:
    for each in site.approximations:
        talk_line(f"approximated: {each.what} ({each.why})")


@contextmanager
def _progress(nodes: int) -> Iterator[Callable[[], None]]:
    """Show how many nodes have been asked, on a terminal."""
    columns = (
        TextColumn("fetching"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("nodes"),
    )
    with progress_bar(None, *columns) as bar:
        task = bar.add_task("fetching", total=nodes)
        yield lambda: bar.advance(task)


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
        "callmanager_group": {
            "name": site.group.name,
            "members": list(site.group.members),
        },
        "tftp_nodes": list(site.tftp_nodes),
        "phones": sum(kind.count for kind in site.phones) or None,
        "regenerated_since_ctl": _regenerated(site, site.since_ctl),
        "regenerated_since_lists": _regenerated(site, site.since_lists),
        "same_anchors": site.same_anchors,
        "approximations": [each.to_json() for each in site.approximations],
        "remarks": [f"{each.what}: {each.why}" for each in site.approximations],
    }


def _regenerated(site: ImportedSite, drifts: Sequence[Drift]) -> list[dict[str, str]]:
    return [
        {"unit": str(drift.unit), "node": drift.node or site.nodes[0].name}
        for drift in drifts
    ]
