"""Files that are whole or absent: written beside their place, then moved over it."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO, Final

from tokenless.ground.disk import named
from tokenless.protocol.errors import UnreadableError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
SHIPPED_CONFIGS: Final = Path(__file__).parents[1] / "configs"
"""The configurations that come with the package, in a checkout and installed."""
UNFINISHED: Final = ".new"
"""The end of a file's name while it is written; the name begins with a dot."""


_SYNCS: ContextVar[bool] = ContextVar("syncs", default=True)


class TooLongError(ValueError):
    """A file that is longer than any of its kind."""


def unreadable(named: str, error: OSError) -> UnreadableError:
    """Return the error for an input that cannot be read.

    Args:
        named: The file, and where a person has named it, such as `--cert a.pem`.
        error: Why it cannot be read.
    """
    return UnreadableError(
        f"{named} cannot be read: {error.strerror}",
        hint="name a file that you may read",
    )


@contextmanager
def naming(named: str) -> Iterator[None]:
    """Say of an input that a block cannot read where a person has named it.

    Raises:
        UnreadableError: For every OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise unreadable(named, error) from error


def read_bounded(path: Path, most: int) -> bytes:
    """Read a file of at most `most` bytes; an endless one is not read to its end.

    Raises:
        TooLongError: When it is longer.
        OSError: When it cannot be read.
    """
    with named(path), path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLongError(f"has over {most} bytes")
    return data


def replace_file(path: Path, data: bytes, *, mode: int | None = PUBLIC) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one.

    Args:
        path: The file.
        data: Its content.
        mode: Its mode, whatever the umask is; as the umask has it when None.

    Raises:
        OSError: When it cannot be written; the old file is intact then.
    """
    with named(path), replacing(path, mode=mode) as file:
        file.write(data)


@contextmanager
def not_synced() -> Iterator[None]:
    """Do not wait for the disk while a block runs, nor in its tasks and threads.

    For what nobody needs after a power cut. A process that dies loses nothing.
    """
    token = _SYNCS.set(False)
    try:
        yield
    finally:
        _SYNCS.reset(token)


def is_synced() -> bool:
    """Return whether what is written now is to survive a power cut."""
    return _SYNCS.get()


@contextmanager
def replacing(path: Path, *, mode: int | None = PUBLIC) -> Iterator[BinaryIO]:
    """Open a file that takes its place when the block ends well, else never.

    Raises:
        OSError: When it cannot be written; the old file is intact then.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    # Nobody else reads it before it has its mode: it may be a private key.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o666 if mode is None else PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if is_synced():
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_private(file: Path) -> None:
    """Make a file, unless it is there; let only its owner read it.

    For SQLite's databases, whose other files take over the mode. A file that is there
    is not opened: closing it would end this process's SQLite locks of it.

    Raises:
        OSError: When it cannot be made, or belongs to somebody else.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    file.chmod(PRIVATE)


def followed(path: Path) -> Path:
    """Return where links lead, also those to a place where nothing is yet.

    Raises:
        OSError: When they lead in a circle; before Python 3.13 `resolve` raises a
            RuntimeError then.
    """
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return real


def is_special(path: Path) -> bool:
    """Return whether a path is there and no file: `/dev/stdout`, a pipe.

    It is written to as it is: moved over it, a file would replace it for all programs.
    """
    return path.exists() and not path.is_file()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    if not is_synced():
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
