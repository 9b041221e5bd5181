"""Options of `tokenless fleet`: which phones there are, and how they boot."""

import os
import re
from pathlib import Path

import click
import msgspec

from tokenless.command_line import NumberRange, gathered
from tokenless.inputs import INPUT_FILE, INPUT_FOLDER
from tokenless.phone_emulator.cli.options import (
    SERVERS,
    ModelName,
    http_port_of,
    http_port_option,
    tftp_only_option,
    tftp_timeout_option,
    tls_option,
    tls_range,
    tvs_timeout_option,
)
from tokenless.phone_emulator.errors import naming_by_hand
from tokenless.phone_emulator.fleet.fleet import DEFAULT_CONCURRENCY, FleetSettings
from tokenless.phone_emulator.fleet.plan import (
    FleetGroup,
    FleetPlan,
    check_plan,
    load_plan,
)
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.protocol.tftp.download import DownloadOptions


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
        with naming_by_hand():
            chosen = check_plan(FleetPlan((FleetGroup(count, model, first_mac),)))
    if shard is not None:
        with naming_by_hand():
            chosen = check_plan(msgspec.structs.replace(chosen, shard=shard))
    return chosen if seed is None else msgspec.structs.replace(chosen, seed=seed)


def phones_of(plan: FleetPlan, tftp: tuple[Server, ...] | None) -> list[PhoneIdentity]:
    """Return the phones of a fleet.

    Raises:
        UsageError: When neither the option nor the plan says where they fetch files.
    """
    if tftp is None and not all(group.tftp for group in plan.group):
        raise click.UsageError("give --tftp, or `tftp` in each group of --plan")
    return list(plan.phones(tftp or ()))


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


plan_options = gathered(
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
        type=INPUT_FILE,
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
settings_options = gathered(
    "settings",
    _settings,
    tls_option,
    click.option(
        "--ramp",
        type=NumberRange(0, 86_400),
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
        type=NumberRange(0, 0.9),
        default=0.0,
        help="Drop this part of all TFTP packets (0.05 is 5%). All phones then fetch "
        "by TFTP, unless --http-port is given.",
    ),
    click.option(
        "--manufacturer",
        type=INPUT_FOLDER,
        help="Give phones that have no MIC one from this emulated manufacturer: "
        "DATA/manufacturer of a cluster. Without it, phones that must show a "
        "certificate get one from the manufacturer of the data folder, if it has one.",
    ),
)
tftp_option = click.option(
    "--tftp",
    type=SERVERS,
    metavar="HOST[:PORT],…",
    help="TFTP servers in the order in which the phones try them.",
)
