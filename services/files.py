"""Files that are whole or absent: written beside their target, then moved over it.

`replace_file` is for what the services keep, `write_output` for what people ask for.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

from tokenless.disk import hint_for, named
from tokenless.services.errors import ServiceError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def replace_file(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one.

    Raises:
        OSError: When it cannot be written; the old file is intact then.
    """
    with named(path):
        _replace(path, data, mode)


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_output(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file where a person wants it; what a link leads to is replaced.

    What is no file (`/dev/stdout`, a pipe) is written to as it is: moved over it, the
    file would take the device's place for everybody.

    Raises:
        ServiceError: When it cannot be written there.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as special:
                special.write(data)
        else:
            replace_file(path.resolve(), data, mode=mode)
    except BrokenPipeError:
        raise  # whoever reads has seen enough
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be written: {error.strerror}",
            hint=hint_for(error) or "name a file in a folder that exists and is yours",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
