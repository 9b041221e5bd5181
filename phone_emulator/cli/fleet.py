"""`tokenless fleet`: many emulated phones."""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
import trio
from rich.console import Console
from rich.table import Table

from phone_emulator.addresses import parse_servers
from phone_emulator.cli.fleet_view import FleetView
from phone_emulator.cli.options import tls_option, tls_range
from phone_emulator.fleet.fleet import DEFAULT_CONCURRENCY, Fleet, FleetSettings
from phone_emulator.fleet.plan import FleetGroup, FleetPlan, check_plan, load_plan
from phone_emulator.fleet.report import FleetReport
from phone_emulator.fleet.store import FleetStore, StoredPhone
from phone_emulator.secd.report import BootReport
from protocol.phone_models import PHONE_MODELS
from protocol.tftp_download import Wishes

flash_option = click.option(
    "--flash",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder with the flash of all phones.",
)
_SHOWN_STUCK = 20


@click.group()
def fleet() -> None:
    """Boot many emulated phones at once, and look at them."""


@fleet.command()
@click.option("--count", type=click.IntRange(1, 1_000_000), default=20)
@click.option("--first-mac", default="001122000000", help="Of the first phone.")
@click.option("--model", type=click.Choice(list(PHONE_MODELS)), default="7975")
@click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML description of mixed models, instead of the three options above.",
)
@flash_option
@click.option("--tftp", default="", metavar="HOST[:PORT],…", help="TFTP servers.")
@tls_option
@click.option(
    "--ramp",
    type=click.FloatRange(0, 86_400),
    default=0.0,
    help="Seconds over which power-up is spread.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 5000),
    default=DEFAULT_CONCURRENCY,
    help="How many phones boot at the same time.",
)
@click.option("--seed", type=int, default=None, help="Of everything random.")
@click.option("--tftp-timeout", type=click.FloatRange(0.01, 60), default=1.0)
@click.option("--tvs-timeout", type=click.FloatRange(0.01, 300), default=20.0)
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    default=2,
    help="How often a phone that did not get a file boots again.",
)
@click.option(
    "--loss",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    help="Lose this part of all TFTP packets on purpose: 0.05 is 5%.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.File("w"),
    help="Write one line a phone to this file as they finish.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def boot(
    *,
    count: int,
    first_mac: str,
    model: str,
    plan: Path | None,
    flash: Path,
    tftp: str,
    tls: str | None,
    ramp: float,
    concurrency: int,
    seed: int | None,
    tftp_timeout: float,
    tvs_timeout: float,
    retries: int,
    loss: float,
    csv_file: TextIO | None,
    as_json: bool,
) -> None:
    """Boot a fleet; exit status 0 when every phone holds what its server serves."""
    the_plan = load_plan(plan) if plan else _plan_of(count, first_mac, model)
    settings = FleetSettings(
        concurrency=concurrency,
        ramp_s=ramp,
        seed=the_plan.seed if seed is None else seed,
        wishes=Wishes(timeout_s=tftp_timeout, retransmits=8),
        retries=retries,
        loss=loss,
        tvs_timeout_s=tvs_timeout,
        tls=tls_range(tls),
    )
    servers = parse_servers(tftp) if tftp else ()
    with closing(FleetStore.open(flash)) as store:
        phones = Fleet(list(the_plan.phones(servers)), store, settings)
        report = _boot_watched(phones, csv_file)
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        _print_report(report)
    if report.stuck:
        click.echo(
            f"tokenless: {len(report.stuck)} of {report.phones} phones do not hold "
            "what is served; see `tokenless fleet show`",
            err=True,
        )
        sys.exit(1)


def _plan_of(count: int, first_mac: str, model: str) -> FleetPlan:
    if re.fullmatch(r"[0-9A-Fa-f]{12}", first_mac) is None:
        raise click.BadParameter(
            f"{first_mac!r} is no MAC address of 12 hexadecimal digits",
            param_hint="--first-mac",
        )
    return check_plan(FleetPlan((FleetGroup(count, model, first_mac),)))


def _boot_watched(phones: Fleet, csv_file: TextIO | None) -> FleetReport:
    with _csv_rows(csv_file) as write_row, FleetView(len(phones.phones)) as view:

        def on_phone(report: BootReport, counts: FleetReport) -> None:
            write_row(report)
            view.update(counts)

        return trio.run(phones.boot, on_phone)


@contextmanager
def _csv_rows(file: TextIO | None) -> Iterator[Any]:
    """Give a function that writes a phone's line, or does nothing."""
    if file is None:
        yield lambda _report: None
        return
    writer = csv.writer(file)
    writer.writerow(["device", "model", "outcome", "file", "action", "md5", "reason"])

    def write(report: BootReport) -> None:
        for name, entry in report.to_json()["files"].items():
            writer.writerow(
                [
                    report.device,
                    report.model,
                    report.outcome.value,
                    name,
                    entry["action"],
                    entry["md5"],
                    entry["reason"],
                ]
            )

    yield write


def _print_report(report: FleetReport) -> None:
    console = Console()
    table = Table(title=f"{report.phones} phones in {report.seconds:.1f} s")
    table.add_column("file")
    table.add_column("actions")
    for name, counts in report.files.items():
        table.add_row(name, _in_words(counts))
    table.add_row("outcome", _in_words(report.outcomes))
    table.add_row("verified by", _in_words(report.verified_by))
    table.add_row("TVS", _in_words(report.tvs_answers))
    table.add_row("rate", f"{report.phones_per_second:.0f} phones a second")
    console.print(table)
    for device in sorted(report.stuck)[:_SHOWN_STUCK]:
        console.print(f"stuck: {device}")


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


@fleet.command()
@flash_option
@click.option("--stuck", is_flag=True, help="Only phones that refused a file.")
@click.option("--each", is_flag=True, help="One line a phone instead of a summary.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a phone.")
def show(*, flash: Path, stuck: bool, each: bool, as_json: bool) -> None:
    """Show which lists the phones hold, and how their last boot went."""
    with closing(FleetStore.open_existing(flash)) as store:
        chosen = (p for p in store.phones() if not stuck or p.outcome == "rejected")
        if as_json:
            for phone in chosen:
                click.echo(json.dumps(phone.report))
        elif each:
            for phone in chosen:
                click.echo("  ".join((phone.device, *_held_by(phone))))
        else:
            for held, count in Counter(map(_held_by, chosen)).most_common():
                click.echo("  ".join((f"{count:6} phones", *held)))


def _held_by(phone: StoredPhone) -> tuple[str, ...]:
    """Return model, outcome and the MD5 of both lists, as columns."""
    files = phone.report.get("files", {})
    lists = (
        f"{name.removesuffix('File.tlv')} {(files.get(name) or {}).get('md5') or '-'}"
        for name in ("CTLFile.tlv", "ITLFile.tlv")
    )
    return f"{phone.model:6}", f"{phone.outcome or '-':11}", *lists


@fleet.command("delete-trust")
@flash_option
@click.option("--stuck", is_flag=True, help="Only phones that refused a file.")
def delete_trust(*, flash: Path, stuck: bool) -> None:
    """Erase CTL and ITL on all phones, as bulk erasers do; configurations stay."""
    with closing(FleetStore.open_existing(flash)) as store:
        chosen = None
        if stuck:
            chosen = [p.device for p in store.phones() if p.outcome == "rejected"]
        click.echo(f"erased: the lists of {store.delete_trust(chosen)} phones")
