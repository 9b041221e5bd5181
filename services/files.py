"""Files of the services: their state, and the files that people name."""

from pathlib import Path

from tokenless.ground.disk import hint_for
from tokenless.ground.files import (
    PRIVATE,
    PUBLIC,
    is_special,
    replace_file,
    sync_folder,
)
from tokenless.services.errors import ServiceError

__all__ = ["PRIVATE", "PUBLIC", "replace_file", "sync_folder", "write_output"]


def write_output(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file where a person wants it; what a link leads to is replaced.

    Raises:
        ServiceError: When it cannot be written there.
    """
    try:
        if is_special(path):
            with path.open("wb") as special:
                special.write(data)
        else:
            replace_file(path.resolve(), data, mode=mode)
    except BrokenPipeError:
        raise  # the reader has closed the pipe: it has seen enough
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be written: {error.strerror}",
            hint=hint_for(error) or "name a file in a folder that exists and is yours",
        ) from error
