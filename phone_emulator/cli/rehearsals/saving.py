"""A rehearsal that a command has made is written where a person wants it.

Its first line holds a checksum of the rest: a file that a person has edited since is
known by it, and is never overwritten.
"""

import hashlib
from pathlib import Path
from typing import Final

import click

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.files import output_file
from tokenless.protocol.certificates.name_text import printable

_MARK: Final = "# tokenless wrote this; edited files are not overwritten: "
_MOST_COMPARED: Final = 16 * 1024 * 1024


def check_output(path: Path) -> None:
    """Refuse a place that has a file which this program did not write as it is.

    Raises:
        PhoneError: When it was edited, was not written by tokenless, or cannot be read.
    """
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_COMPARED)
    except OSError as error:
        raise PhoneError(
            f"{path} cannot be read: {error.strerror}", hint="name another file"
        ) from None
    first, _, rest = data.partition(b"\n")
    if data and first != _marked(rest):
        raise PhoneError(
            f"{path} was edited, or was not written by tokenless, and is not changed",
            hint="name another file, or remove this one",
        )


def save_script(path: Path, text: str) -> None:
    """Write a rehearsal, and say how it is played.

    Raises:
        PhoneError: When no file can be put there, or one is there that was edited.
    """
    check_output(path)
    with output_file(path) as file:
        file.write(f"{_marked(text.encode()).decode()}\n{text}")
    shown = printable(str(path))
    click.echo(
        f"{shown} is a rehearsal: `tokenless rehearse run {shown}` plays it", err=True
    )


def _marked(rest: bytes) -> bytes:
    return f"{_MARK}{hashlib.sha256(rest).hexdigest()[:32]}".encode()
