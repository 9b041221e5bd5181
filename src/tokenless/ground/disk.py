"""Disks that are full or may not be written: which file, and what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FULL: Final = "free space on the disk, or name a place on another one"
_READ_ONLY: Final = "its file system is read-only: name a place that can be written"
_NOT_YOURS: Final = "name a place that is yours, or work as its owner"
_HINTS: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.EEXIST: "a file has this name: name another place",
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.EBUSY: "a disk is mounted there: name a folder inside of it",
    errno.ENAMETOOLONG: "name a place with a shorter path",
    errno.ELOOP: "its links lead in a circle: name another place",
    errno.EIO: "look for errors of the disk in the system's log",
    errno.ESTALE: "the file server lost it: try again, or mount it again",
}
_LOST_OUTPUT: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_HINTS: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FULL,
    sqlite3.SQLITE_READONLY: _NOT_YOURS,
    sqlite3.SQLITE_CANTOPEN: _NOT_YOURS,
}
_PRIMARY: Final = 0xFF


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put a file's name into the errors of a block that do not have one.

    A write to a descriptor fails without a name.

    Raises:
        OSError: What the block raises, with a name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def hint_for(error: OSError | sqlite3.Error) -> str | None:
    """Return what can be done, None when nothing is known."""
    if isinstance(error, OSError):
        return None if error.errno is None else _HINTS.get(error.errno)
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _SQLITE_HINTS.get(code & _PRIMARY)


def is_of_the_output(error: OSError) -> bool:
    """Return whether the output was lost: files that are written have a name."""
    return error.filename is None and error.errno in _LOST_OUTPUT


def explain(error: OSError) -> str:
    """Return one line: the file, what failed, what to do."""
    if is_of_the_output(error):
        return (
            f"the output could not be written: {error.strerror}; what the command "
            "changes may have been changed: look before you run it again"
        )
    said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    hint = hint_for(error)
    return said if hint is None else f"{said}; {hint}"
