"""`tokenless rehearse`: try a change on a copy before it meets the phones."""

from typing import Final

import click

from tokenless.command_line import LazyCommand, LazyGroup

_HERE: Final = "tokenless.phone_emulator.cli"

_COMMANDS: Final = {
    "import": LazyCommand(
        f"{_HERE}.rehearse_import:import_script",
        "Make a rehearsal of a cluster from its trust lists.",
    ),
    "list": LazyCommand(
        f"{_HERE}.rehearse_list:list_rehearsals",
        "List the rehearsals at hand, each with its lesson.",
    ),
    "plan": LazyCommand(
        f"{_HERE}.rehearse_plan:plan",
        "Search orders of steps on a model of the cluster and its phones.",
    ),
    "run": LazyCommand(
        f"{_HERE}.rehearse:run",
        "Run rehearsals by name, by NAME@VARIANT, or from a TOML file.",
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def rehearse() -> None:
    """Play a change on a scratch cluster with phones, step by step."""
