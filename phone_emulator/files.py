"""Files that are whole or absent: written beside their place, then moved there.

`replace_file` is for what the emulator keeps, `output_file` for what a person asked
for: it is opened before the work whose result it takes, so that a place that cannot be
written is known then and not an hour later.
"""

import codecs
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from tokenless.disk import hint_for, named
from tokenless.phone_emulator.errors import PhoneError

UNFINISHED: Final = ".new"
"""How the name of a file ends that is being written."""


def replace_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file so that it is never seen half-written, not even after a crash.

    Args:
        path: The file.
        data: What it holds from now on.
        private: Whether only its owner may read it, from its first byte on.

    Raises:
        OSError: When it cannot be written; the old one is intact then.
    """
    with named(path), _replacing(path, private=private) as file:
        file.write(data)


@contextmanager
def output_file(path: Path) -> Iterator[codecs.StreamWriter]:
    """Open a text file that takes its place when the block ends well, else never.

    What is no file (`/dev/stdout`, a pipe) is written to as it is.

    Raises:
        PhoneError: When no file can be put there; before the block begins.
    """
    with named(path), ExitStack() as stack:
        try:
            is_special = path.exists() and not path.is_file()
            # A link stays one: what it leads to is replaced.
            opened = path.open("wb") if is_special else _replacing(path.resolve())
            file = stack.enter_context(opened)
        except OSError as error:
            raise PhoneError(
                f"{path} cannot be written: {error.strerror}",
                hint=hint_for(error)
                or "name a file in a folder that exists and is yours",
            ) from error
        yield codecs.getwriter("utf-8")(file)


@contextmanager
def _replacing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        mode = 0o600 if private else 0o666  # the process's mask takes from the latter
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new names survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
