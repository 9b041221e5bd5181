"""`tokenless fleet run`: a fleet that registers, and stays registered."""

import json
import math
import sys
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import trio

from tokenless.command_line import ExitStatus, NumberRange, complain
from tokenless.ground.heap import collect_garbage, freeze_heap_after_startup
from tokenless.ground.interrupts import run_trio, until_stopped
from tokenless.inputs import INPUT_FOLDER
from tokenless.phone_emulator.addresses import SecurePorts
from tokenless.phone_emulator.cli.fleets.flash import flash_option
from tokenless.phone_emulator.cli.fleets.options import (
    phones_of,
    plan_options,
    settings_options,
    tftp_option,
)
from tokenless.phone_emulator.cli.fleets.standings import standing_lines, standings_view
from tokenless.phone_emulator.cli.phones.options import sccps_port_option
from tokenless.phone_emulator.fleet.fleet import FleetSettings
from tokenless.phone_emulator.fleet.lines import FleetLines, FleetLineSettings
from tokenless.phone_emulator.fleet.plan import FleetPlan
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.phone import Network
from tokenless.phone_emulator.registration.line import LineSettings
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server


@click.command()
@plan_options
@flash_option
@tftp_option
@settings_options
@sccps_port_option
@click.option(
    "--certificates",
    type=INPUT_FOLDER,
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
    type=NumberRange(0.1, 1e6),
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
    tftp: tuple[Server, ...] | None,
    settings: FleetSettings,
    sccps_port: SecurePorts,
    certificates: Path | None,
    boots: bool,
    standby: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Boot and register a fleet, and keep it registered.

    Exit status 0 when all phones were registered at the end.
    """
    phones = phones_of(plan, tftp)
    network = replace(settings, seed=plan.seed).open_network(sccps_port)
    lines = FleetLineSettings(
        concurrency=settings.concurrency,
        boots=boots,
        line=LineSettings(settings.tvs_timeout_s, holds_standby=standby),
        certificates=certificates,
        manufacturer=settings.manufacturer,
    )
    with closing(FleetStore.open(flash)) as store:
        now = run_trio(_keep_up, phones, store, network, lines, seconds)
    if as_json:
        click.echo(json.dumps(now.counts))
    else:
        click.echo("\n".join(now.lines))
    if missing := len(phones) - now.counts["registered"]:
        complain(f"{missing} of {len(phones)} phones are not registered")
        sys.exit(ExitStatus.FAILED)


async def _keep_up(
    phones: list[PhoneIdentity],
    store: FleetStore,
    network: AbstractAsyncContextManager[Network],
    settings: FleetLineSettings,
    seconds: float | None,
) -> "_Standing":
    """Run the fleet; return its last counts before it unregisters the phones."""
    async with network as opened, trio.open_nursery() as nursery:
        lines = FleetLines(phones, store, opened, settings)
        freeze_heap_after_startup()
        with standings_view() as show:
            nursery.start_soon(collect_garbage)
            nursery.start_soon(lines.run, show)
            with trio.move_on_after(math.inf if seconds is None else seconds):
                await until_stopped()
            show(lines.registrations_now)
        now = lines.registrations_now
        standing = _Standing(now.to_json(), tuple(standing_lines(now)))
        nursery.cancel_scope.cancel()
    return standing


@dataclass(frozen=True, slots=True)
class _Standing:
    """How the fleet stood at the end, for programs and in words."""

    counts: dict[str, Any]
    lines: tuple[str, ...]
