"""`tokenless phone`: one emulated phone."""

from typing import Final

import click

from tokenless.command_line import LazyCommand, LazyGroup

_HERE: Final = "tokenless.phone_emulator.cli.phones"

_COMMANDS: Final = {
    "boot": LazyCommand(
        f"{_HERE}.boot:boot", "Boot a phone: fetch, verify and install its files."
    ),
    "call": LazyCommand(
        f"{_HERE}.lines:call", "Let one phone call another for some seconds."
    ),
    "capf": LazyCommand(
        f"{_HERE}.boot:capf", "Type the authentication string for CAPF on a phone."
    ),
    "delete-trust": LazyCommand(
        f"{_HERE}.views:delete_trust_lists",
        "Erase CTL and ITL only, as the phone's softkey does.",
    ),
    "factory-reset": LazyCommand(
        f"{_HERE}.views:factory_reset",
        "Erase everything, as 123456789*0# at power-up does.",
    ),
    "log": LazyCommand(
        f"{_HERE}.views:log",
        "Print the phone's console log in the format of its model.",
    ),
    "models": LazyCommand(
        f"{_HERE}.models:models",
        "List phone models with their features for trust decisions.",
    ),
    "replay": LazyCommand(
        f"{_HERE}.views:replay",
        "Play a recorded boot (`last-boot.jsonl`) again and compare.",
    ),
    "run": LazyCommand(
        f"{_HERE}.lines:run", "Keep a phone up and registered until Ctrl-C."
    ),
    "show": LazyCommand(
        f"{_HERE}.views:show",
        "Draw the phone's security screens and status messages.",
    ),
    "web": LazyCommand(
        f"{_HERE}.views:web", "Serve the phone's web pages until interrupted."
    ),
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS)
def phone() -> None:
    """Boot one emulated phone, show its state, erase its lists."""
