"""`tokenless fleet boot`: many emulated phones at once."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.ground.heap import freeze_heap_after_startup
from tokenless.phone_emulator.cli.fleets.flash import flash_option
from tokenless.phone_emulator.cli.fleets.options import (
    phones_of,
    plan_options,
    settings_options,
    tftp_option,
)
from tokenless.phone_emulator.cli.fleets.view import fleet_view, print_report
from tokenless.phone_emulator.cli.options import CHECK_SERVER, ONLY_SIGNED
from tokenless.phone_emulator.files import output_file
from tokenless.phone_emulator.fleet.fleet import FleetSettings
from tokenless.phone_emulator.fleet.plan import FleetPlan
from tokenless.phone_emulator.fleet.processes import (
    MAX_PROCESSES,
    FleetOrder,
    OnNews,
    boot_on_processors,
    processes_for,
)
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.secd.events import Server
from tokenless.phone_emulator.secd.report import BootReport, Outcome

_STANDARD_OUTPUT: Final = Path("-")
_COLUMNS: Final = ("device", "model", "outcome", "file", "action", "md5", "reason")


@click.command()
@plan_options
@flash_option
@tftp_option
@settings_options
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write one line per phone and file to this file when all have booted; - "
    "prints each phone's lines when it has booted.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, MAX_PROCESSES),
    default=None,
    help="Divide the phones among so many processes; default: as many as there are "
    "processors, if the fleet is large enough.",
)
@json_option
def boot(
    *,
    plan: FleetPlan,
    flash: Path,
    tftp: tuple[Server, ...] | None,
    settings: FleetSettings,
    csv_file: Path | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Boot a fleet.

    Exit status 0 when no phone is stuck, 3 when no server answers or has a file.
    """
    if as_json and csv_file == _STANDARD_OUTPUT:
        raise click.UsageError(
            "--csv - and --json both print to standard output; name a file for --csv"
        )
    phones = phones_of(plan, tftp)
    order = FleetOrder(
        phones=phones,
        flash=flash,
        settings=replace(settings, seed=plan.seed),
        describe=csv_rows if csv_file else lambda _: "",
    )
    freeze_heap_after_startup()
    with _csv_text(csv_file) as write:
        report = boot_on_processors(
            order, processes or processes_for(len(phones)), _watched(len(phones), write)
        )
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        print_report(report)
    judge(report)


def judge(report: FleetReport) -> None:
    """Exit with 1 or 3 when phones lack the served files, or none is served.

    Raises:
        SystemExit: Then, after one line on standard error.
    """
    silent = report.outcomes[Outcome.UNREACHABLE.value]
    if report.stuck and silent == report.phones:
        complain(
            f"no TFTP server answers any of {silent} phones; check address and port, "
            "and that the TFTP service runs there"
        )
        sys.exit(ExitStatus.CANNOT_TELL)
    if report.stuck:
        complain(
            f"{len(report.stuck)} of {report.phones} phones do not hold "
            "what is served; see `tokenless fleet show`"
        )
        sys.exit(ExitStatus.FAILED)
    if report.found_nothing:
        advice = f"{CHECK_SERVER}; {ONLY_SIGNED}"
        complain(f"no TFTP server has a file that any phone asked for; {advice}")
        sys.exit(ExitStatus.CANNOT_TELL)


@contextmanager
def _watched(phones: int, write: Callable[[str], object]) -> Iterator[OnNews]:
    """Show how far the fleet is, and write the text about each phone."""
    with fleet_view(phones) as show_counts:

        def on_news(text: str, counts: FleetReport) -> None:
            write(text)
            show_counts(counts)

        yield on_news


@contextmanager
def _csv_text(path: Path | None) -> Iterator[Callable[[str], object]]:
    """Give what writes lines to the file that was asked for, their names first."""
    if path is None:
        yield lambda _: None
    elif path == _STANDARD_OUTPUT:
        sys.stdout.write(_row(_COLUMNS))
        yield sys.stdout.write
    else:
        with output_file(path) as file:
            file.write(_row(_COLUMNS))
            yield file.write


def csv_rows(report: BootReport) -> str:
    """Return the lines about one phone: one for each file."""
    about = (report.device, report.model, report.outcome.value)
    return "".join(
        _row((*about, name, entry["action"], entry["md5"], entry["reason"]))
        for name, entry in report.to_json()["files"].items()
    )


def _row(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
