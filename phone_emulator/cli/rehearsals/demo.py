"""`tokenless demo`: the rehearsal of the vendor's four flows, with no set-up."""

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


@click.command()
@phones_option(2, "How many phones boot; half of them ask the subscriber first.")
@keep_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a step.")
def demo(*, phones: int, keep: Path | None, as_json: bool) -> None:
    """Play the vendor's four flows on a lab cluster with phones.

    Builds a two-node cluster in a scratch folder, serves it on free loopback ports,
    boots emulated phones at every step, and compares the checksum on every node with
    the checksum on every phone. Exit status 0 when all ended as expected and no
    other phone is stuck.
    """
    (script,) = find_scripts(_SCRIPT)
    reporter = JsonReporter() if as_json else TableReporter()
    played = play_and_report(script, phones, keep, reporter)
    if keep is not None and not as_json:
        click.echo(f"kept in {keep}")
    exit_by_verdict([played])
