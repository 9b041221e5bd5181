"""Files of the emulator: what phones keep, and what people ask for.

`output_file` is opened before the work whose result it takes, so that a place that
cannot be written is known then and not an hour later.
"""

import codecs
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tokenless.ground import files
from tokenless.ground.disk import hint_for, named
from tokenless.ground.files import UNFINISHED, sync_folder
from tokenless.phone_emulator.errors import PhoneError

__all__ = ["UNFINISHED", "check_place", "output_file", "replace_file", "sync_folder"]


def replace_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file as a whole, with the mode that the umask gives.

    Args:
        path: The file.
        data: What it holds from now on.
        private: Whether only its owner may read it, whatever the umask.

    Raises:
        OSError: When it cannot be written; the old one is intact then.
    """
    files.replace_file(path, data, mode=files.PRIVATE if private else None)


class _TriedError(Exception):
    """Leaves an output file unwritten."""


def check_place(path: Path) -> None:
    """Refuse a place that can take no file, before the work whose result it takes.

    Raises:
        PhoneError: When no file can be put there.
    """
    if files.is_special(path):
        return
    with suppress(_TriedError), output_file(path):
        raise _TriedError


@contextmanager
def output_file(path: Path) -> Iterator[codecs.StreamWriter]:
    """Open a text file that takes its place when the block ends well, else never.

    Raises:
        PhoneError: When no file can be put there; before the block begins.
    """
    with named(path), ExitStack() as stack:
        try:
            # A link stays one: what it leads to is replaced.
            opened = (
                path.open("wb")
                if files.is_special(path)
                else files.replacing(files.followed(path), mode=None)
            )
            file = stack.enter_context(opened)
        except OSError as error:
            raise PhoneError(
                f"{path} cannot be written: {error.strerror}",
                hint=hint_for(error)
                or "name a file in a folder that exists and is yours",
            ) from error
        yield codecs.getwriter("utf-8")(file)
