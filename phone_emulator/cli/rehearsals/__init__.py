"""`tokenless rehearse`: try a change on a copy before it meets the phones."""

from typing import Final

import click

from tokenless.command_line import LazyCommand, LazyGroup

_HERE: Final = "tokenless.phone_emulator.cli.rehearsals"

_COMMANDS: Final = {
    "explore": LazyCommand(
        f"{_HERE}.exploring:explore",
        "Play a change with every single fault.",
    ),
    "import": LazyCommand(
        f"{_HERE}.importing:import_script",
        "Create a rehearsal of a cluster from its trust lists.",
    ),
    "list": LazyCommand(
        f"{_HERE}.listing:list_rehearsals",
        "List the available rehearsals, each with its lesson.",
    ),
    "plan": LazyCommand(
        f"{_HERE}.planning:plan",
        "Search orders of steps on a model of the cluster and its phones.",
    ),
    "run": LazyCommand(
        f"{_HERE}.run:run",
        "Run rehearsals by name, by NAME@VARIANT, or from a TOML file.",
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def rehearse() -> None:
    """Play a change on a temporary cluster with phones, step by step."""
