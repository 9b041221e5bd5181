"""`tokenless fleet`: many emulated phones."""

from typing import Final

import click

from tokenless.command_line import LazyCommand, LazyGroup

_HERE: Final = "tokenless.phone_emulator.cli.fleets"

_COMMANDS: Final = {
    "boot": LazyCommand(f"{_HERE}.boot:boot", "Boot a fleet."),
    "delete-trust": LazyCommand(
        f"{_HERE}.flash:delete_trust",
        "Erase CTL and ITL on all phones; keep their configurations.",
    ),
    "run": LazyCommand(
        f"{_HERE}.run:run", "Boot and register a fleet, and keep it registered."
    ),
    "show": LazyCommand(
        f"{_HERE}.flash:show",
        "Show the phones' lists and the results of their last boots.",
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def fleet() -> None:
    """Boot many emulated phones at once, and show their state."""
