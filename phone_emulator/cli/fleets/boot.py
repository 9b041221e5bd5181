"""`tokenless fleet boot`: many emulated phones at once."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import click
import trio

from tokenless.command_line import ExitStatus, complain, json_option
from tokenless.phone_emulator.addresses import parse_servers
from tokenless.phone_emulator.cli.fleets.flash import flash_option
from tokenless.phone_emulator.cli.fleets.options import (
    plan_options,
    settings_options,
    tftp_option,
)
from tokenless.phone_emulator.cli.fleets.view import fleet_view, print_report
from tokenless.phone_emulator.files import output_file
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.plan import FleetPlan
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
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
@json_option
def boot(
    *,
    plan: FleetPlan,
    flash: Path,
    tftp: str,
    settings: FleetSettings,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Boot a fleet; exit 0 when no phone is stuck."""
    phones = list(plan.phones(parse_servers(tftp) if tftp else ()))
    with _csv_rows(csv_file) as write_row, closing(FleetStore.open(flash)) as store:
        booting = Fleet(phones, store, replace(settings, seed=plan.seed))
        report = _boot_watched(booting, write_row)
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        print_report(report)
    if report.stuck:
        complain(
            f"{len(report.stuck)} of {report.phones} phones do not hold "
            "what is served; see `tokenless fleet show`"
        )
        silent = report.outcomes[Outcome.UNREACHABLE.value]
        nobody_answers = silent == report.phones
        sys.exit(ExitStatus.CANNOT_TELL if nobody_answers else ExitStatus.FAILED)


def _boot_watched(
    phones: Fleet, write_row: Callable[[BootReport], None]
) -> FleetReport:
    with fleet_view(len(phones.phones)) as show_counts:

        def on_phone(report: BootReport, counts: FleetReport) -> None:
            write_row(report)
            show_counts(counts)

        return trio.run(phones.boot, on_phone)


class _Writable(Protocol):
    """A destination for the lines of a CSV."""

    def write(self, text: str, /) -> object: ...


@contextmanager
def _csv_rows(path: Path | None) -> Iterator[Callable[[BootReport], None]]:
    """Give a function that writes a phone's lines, or does nothing."""
    if path is None:
        yield lambda _: None
    elif path == _STANDARD_OUTPUT:
        yield _row_writer(sys.stdout)
    else:
        with output_file(path) as file:
            yield _row_writer(file)


def _row_writer(file: _Writable) -> Callable[[BootReport], None]:
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)

    def write(report: BootReport) -> None:
        about = (report.device, report.model, report.outcome.value)
        for name, entry in report.to_json()["files"].items():
            writer.writerow(
                (*about, name, entry["action"], entry["md5"], entry["reason"])
            )

    return write
