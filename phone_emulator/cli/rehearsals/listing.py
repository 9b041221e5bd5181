"""`tokenless rehearse list`: the available rehearsals, each with its lesson."""

import json
from collections.abc import Iterable
from typing import Final

import click
from rich.table import Table

from tokenless.ground.terminal import cell, result_console
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.shipped import all_scripts

_WIDTH_IN_FILES: Final = 160


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_rehearsals(*, as_json: bool) -> None:
    """List the available rehearsals, each with its lesson."""
    scripts = list(all_scripts())
    if not as_json:
        result_console(_WIDTH_IN_FILES).print(_lessons_table(scripts))
        return
    for script in scripts:
        click.echo(
            json.dumps(
                {
                    "name": script.name,
                    "lesson": script.lesson,
                    "source": script.source,
                    "inferred": script.inferred,
                    "steps": len(script.steps),
                }
            )
        )


def _lessons_table(scripts: Iterable[Script]) -> Table:
    table = Table(header_style="bold")
    table.add_column("rehearsal", no_wrap=True)
    table.add_column("lesson")
    table.add_column("source")
    for script in scripts:
        marked = " (inferred)" if script.inferred else ""
        table.add_row(
            cell(script.name), cell(script.lesson), cell(script.source + marked)
        )
    return table
