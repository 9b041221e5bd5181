"""A rehearsal that a command has made is written where a person wants it."""

from pathlib import Path

import click

from tokenless.phone_emulator.files import output_file


def save_script(path: Path, text: str) -> None:
    """Write a rehearsal, and say how it is played.

    Raises:
        PhoneError: When no file can be put there.
    """
    with output_file(path) as file:
        file.write(text)
    click.echo(
        f"{path} is a rehearsal: `tokenless rehearse run {path}` plays it", err=True
    )
