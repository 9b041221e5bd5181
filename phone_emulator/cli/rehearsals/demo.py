"""`tokenless demo`: the rehearsal of the vendor's four flows, with no set-up."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from tokenless.phone_emulator.cli.options import keep_option, phones_option
from tokenless.phone_emulator.cli.rehearsals.playing import (
    JsonReporter,
    TableReporter,
    exit_by_verdict,
    play_and_report,
)
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts

_SCRIPT: Final = "four-flows"
_NEW_LAB: Final = "lab"
_KEPT_CLUSTER: Final = "cluster"
"""The data folder's place in a kept rehearsal."""


@click.command()
@phones_option(
    2,
    "The number of phones, half of which ask the subscriber first; one 7960 is added.",
)
@keep_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per step.")
def demo(*, phones: int, keep: Path | None, as_json: bool) -> None:
    """Play the vendor's four flows on a lab cluster with phones.

    It creates a two-node cluster in a temporary folder, serves it on free loopback
    ports, boots emulated phones after every step, and compares the checksum on every
    node with the checksum on every phone. Exit status 0 when every step ended as
    expected and no other phone is stuck.
    """
    (script,) = find_scripts(_SCRIPT)
    reporter = JsonReporter() if as_json else TableReporter()
    played = play_and_report(script, phones, keep, reporter)
    if keep is not None and not as_json:
        click.echo(f"kept in {keep}")
    if not as_json:
        click.echo(how_to_browse(keep))
    exit_by_verdict([played])


def how_to_browse(kept: Path | None) -> str:
    """Say how to open the administration pages of this lab, or of a new one."""
    data = _NEW_LAB if kept is None else kept / _KEPT_CLUSTER
    commands = [f"tokenless init --data {data}"] if kept is None else []
    commands.append(f"tokenless serve --data {data}")
    activate = Path(sys.prefix, "bin", "activate")
    if shutil.which("tokenless") is None and activate.is_file():
        # `make demo` calls it by its path: the shell of a newcomer does not know it.
        commands.insert(0, f". {os.path.relpath(activate)}")
    typed = ", ".join(f"`{each}`" for each in commands)
    return (
        f"in a browser: {typed}, and beside it "
        f"`tokenless console --data {data} --no-sign-in`"
    )
