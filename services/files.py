"""Files of the services: their state, and the files that people name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenless.ground.disk import hint_for, named
from tokenless.ground.files import (
    PRIVATE,
    PUBLIC,
    followed,
    is_special,
    replace_file,
    sync_folder,
)
from tokenless.services.errors import ServiceError

__all__ = [
    "PRIVATE",
    "PUBLIC",
    "made_beside",
    "replace_file",
    "sync_folder",
    "write_output",
]


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
            replace_file(followed(path), data, mode=mode)
    except BrokenPipeError:
        raise  # the reader has closed the pipe: it has seen enough
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be written: {error.strerror}",
            hint=hint_for(error) or "name a file in a folder that exists and is yours",
        ) from error


@contextmanager
def made_beside(target: Path) -> Iterator[tuple[Path, Path]]:
    """Give a folder in which a block makes what then takes its place, whole.

    Folders next to the place that killed processes have left are removed first.

    Args:
        target: The place; the folders above it are not made.

    Yields:
        The folder, its owner's alone and gone afterwards; and where a link at the place
        leads, for the last step: a rename.

    Raises:
        OSError: What the block raises; it names the place, as people know no other.
    """
    from tokenless.ground.interrupts import (  # noqa: PLC0415 - imports trio
        terminated_as_interrupted,
    )
    from tokenless.services.scratch import (  # noqa: PLC0415 - needs Linux
        new_scratch,
        remove_left_scratch,
        scratch_in_use,
    )

    real = followed(target)
    remove_left_scratch(real.parent)
    scratch = new_scratch(real)
    try:
        # Also in a script's background, where Ctrl-C is ignored and SIGTERM as it was.
        with terminated_as_interrupted(), named(target), scratch_in_use(scratch):
            yield scratch, real
    except OSError as error:
        if Path(str(error.filename)).is_relative_to(scratch):
            error.filename = str(target)
            error.filename2 = None
        raise
