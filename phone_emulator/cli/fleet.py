"""`tokenless fleet`: many emulated phones."""

import csv
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import click
import msgspec
import trio

from tokenless.command_line import ExitStatus, complain
from tokenless.phone_emulator.addresses import parse_secure_ports, parse_servers
from tokenless.phone_emulator.cli.fleet_flash import delete_trust, flash_option, show
from tokenless.phone_emulator.cli.fleet_view import (
    fleet_view,
    print_report,
    standings_view,
)
from tokenless.phone_emulator.cli.options import (
    ModelName,
    gathered,
    http_port_of,
    http_port_option,
    tftp_only_option,
    tftp_timeout_option,
    tls_option,
    tls_range,
    tvs_timeout_option,
)
from tokenless.phone_emulator.cli.phone_lines import until_stopped
from tokenless.phone_emulator.cli.phone_options import sccps_port_option
from tokenless.phone_emulator.files import output_file
from tokenless.phone_emulator.fleet.fleet import (
    DEFAULT_CONCURRENCY,
    Fleet,
    FleetSettings,
)
from tokenless.phone_emulator.fleet.lines import FleetLines, FleetLineSettings
from tokenless.phone_emulator.fleet.plan import (
    FleetGroup,
    FleetPlan,
    check_plan,
    load_plan,
)
from tokenless.phone_emulator.fleet.report import FleetReport
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import Network, open_network
from tokenless.phone_emulator.registration.line import LineSettings
from tokenless.phone_emulator.secd.events import PhoneIdentity
from tokenless.phone_emulator.secd.report import BootReport, Outcome
from tokenless.protocol.tftp.download import DownloadOptions

_STANDARD_OUTPUT: Final = Path("-")
_COLUMNS: Final = ("device", "model", "outcome", "file", "action", "md5", "reason")


@click.group()
def fleet() -> None:
    """Boot many emulated phones at once, and show their state."""


def _plan(  # noqa: PLR0917 - one parameter for each option
    plan: Path | None,
    count: int,
    first_mac: str,
    model: str,
    seed: int | None,
    shard: str | None,
) -> FleetPlan:
    if plan is not None:
        chosen = load_plan(plan)
    elif re.fullmatch(r"[0-9A-Fa-f]{12}", first_mac) is None:
        raise click.BadParameter(
            f"{first_mac!r} is not a MAC address of 12 hexadecimal digits",
            param_hint="--first-mac",
        )
    else:
        chosen = check_plan(FleetPlan((FleetGroup(count, model, first_mac),)))
    if shard is not None:
        chosen = check_plan(msgspec.structs.replace(chosen, shard=shard))
    return chosen if seed is None else msgspec.structs.replace(chosen, seed=seed)


def _settings(
    *,
    tls: str | None,
    ramp: float,
    concurrency: int,
    tftp_timeout: float,
    tvs_timeout: float,
    http_port: int | None,
    tftp_only: bool,
    retries: int,
    loss: float,
    manufacturer: Path | None,
) -> FleetSettings:
    is_lossy = loss > 0 and http_port is None
    return FleetSettings(
        concurrency=concurrency,
        ramp_s=ramp,
        download_options=DownloadOptions(timeout_s=tftp_timeout, retransmits=8),
        retries=retries,
        loss=loss,
        tvs_timeout_s=tvs_timeout,
        tls=tls_range(tls),
        manufacturer=manufacturer or _usual_manufacturer(),
        all_have_mics=manufacturer is not None,
        http_port=http_port_of(http_port, tftp_only=tftp_only or is_lossy),
    )


def _usual_manufacturer() -> Path | None:
    """Return the manufacturer of the data folder, None where there is none."""
    data = os.environ.get("TOKENLESS_DATA") or "data"
    folder = Path(data) / "manufacturer"
    return folder if folder.is_dir() else None


_plan_options = gathered(
    "plan",
    _plan,
    click.option(
        "--count",
        type=click.IntRange(1, 1_000_000),
        default=20,
        help="The number of phones.",
    ),
    click.option(
        "--first-mac",
        default="001122000000",
        help="The first phone's MAC address; the others follow in sequence.",
    ),
    click.option(
        "--model",
        type=ModelName(),
        default="7975",
        help="The model of all phones.",
    ),
    click.option(
        "--plan",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A TOML description of a fleet of several models; replaces the three "
        "options above.",
    ),
    click.option("--seed", type=int, default=None, help="Seed of everything random."),
    click.option(
        "--shard",
        metavar="K/N",
        help="Only this part of the fleet: 2/3 is the second of three. All parts "
        "together are the whole fleet; each machine takes one.",
    ),
)
_settings_options = gathered(
    "settings",
    _settings,
    tls_option,
    click.option(
        "--ramp",
        type=click.FloatRange(0, 86_400),
        default=0.0,
        help="Seconds over which the phones' starts are spread.",
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(1, 5000),
        default=DEFAULT_CONCURRENCY,
        help="The number of phones that boot at the same time.",
    ),
    tftp_timeout_option,
    tvs_timeout_option(20.0, "one question to TVS, and for one file over HTTP"),
    http_port_option,
    tftp_only_option,
    click.option(
        "--retries",
        type=click.IntRange(0, 100),
        default=2,
        help="Further boots of a phone that did not get a file.",
    ),
    click.option(
        "--loss",
        type=click.FloatRange(0, 0.9),
        default=0.0,
        help="Drop this part of all TFTP packets (0.05 is 5%). All phones then fetch "
        "by TFTP, unless --http-port is given.",
    ),
    click.option(
        "--manufacturer",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Give phones that have no MIC one from this emulated manufacturer: "
        "DATA/manufacturer of a cluster. Without it, phones that must show a "
        "certificate get one from the manufacturer of the data folder, if it has one.",
    ),
)


@fleet.command()
@_plan_options
@flash_option
@click.option(
    "--tftp",
    default="",
    show_default=False,
    metavar="HOST[:PORT],…",
    help="TFTP servers in the order in which the phones try them.",
)
@_settings_options
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write one line per phone and file to this file when all have booted; - "
    "prints each phone's lines when it has booted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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


@fleet.command()
@_plan_options
@flash_option
@click.option(
    "--tftp",
    default="",
    show_default=False,
    metavar="HOST[:PORT],…",
    help="TFTP servers in the order in which the phones try them.",
)
@_settings_options
@sccps_port_option
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with <device>.pem for each phone: its LSC and key.",
)
@click.option(
    "--boot/--no-boot",
    "boots",
    default=True,
    help="Boot first, or continue with the files in the flash.",
)
@click.option(
    "--standby/--no-standby",
    default=True,
    help="Hold a second connection to the next node of the group.",
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(0.1, 1e6),
    default=None,
    help="Stop after this many seconds; default: at Ctrl-C.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object at the end."
)
def run(
    *,
    plan: FleetPlan,
    flash: Path,
    tftp: str,
    settings: FleetSettings,
    sccps_port: str,
    certificates: Path | None,
    boots: bool,
    standby: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Boot and register a fleet, and keep it registered.

    Exit status 0 when all phones were registered at the end.
    """
    phones = list(plan.phones(parse_servers(tftp) if tftp else ()))
    network = open_network(
        download_options=settings.download_options,
        max_sockets=settings.concurrency,
        tvs_timeout_s=settings.tvs_timeout_s,
        tls=settings.tls,
        http_port=settings.http_port,
        loss=settings.loss,
        seed=plan.seed,
        secure_ports=parse_secure_ports(sccps_port),
        register_timeout_s=settings.tvs_timeout_s,
    )
    lines = FleetLineSettings(
        concurrency=settings.concurrency,
        boots=boots,
        line=LineSettings(settings.tvs_timeout_s, holds_standby=standby),
        certificates=certificates,
        manufacturer=settings.manufacturer,
    )
    with closing(FleetStore.open(flash)) as store:
        registrations_now = trio.run(_keep_up, phones, store, network, lines, seconds)
    if as_json:
        click.echo(json.dumps(registrations_now))
    if registrations_now["registered"] < len(phones):
        missing = len(phones) - registrations_now["registered"]
        complain(f"{missing} of {len(phones)} phones are not registered")
        sys.exit(ExitStatus.FAILED)


async def _keep_up(
    phones: list[PhoneIdentity],
    store: FleetStore,
    network: AbstractAsyncContextManager[Network],
    settings: FleetLineSettings,
    seconds: float | None,
) -> dict[str, Any]:
    """Run the fleet; return its last counts before it unregisters the phones."""
    async with network as opened, trio.open_nursery() as nursery:
        lines = FleetLines(phones, store, opened, settings)
        with standings_view() as show:
            nursery.start_soon(lines.run, show)
            with trio.move_on_after(math.inf if seconds is None else seconds):
                await until_stopped()
            show(lines.registrations_now)
        registrations_now = lines.registrations_now.to_json()
        nursery.cancel_scope.cancel()
    return registrations_now


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


for _command in (run, show, delete_trust):
    fleet.add_command(_command)
