"""Hidden folders in which something is made before it takes its place.

    .lab.tar.4711.0a1b2c3d/    mode 0700, beside the place
        .in-use                locked by the process that works in the folder

A process that is killed leaves its folder, which may have keys in it. The next one that
works in the same place removes it, if it is provably left: it has the name, the owner
and the mode of ours, its mark says that this program made it, and nobody has the lock,
which the kernel releases with its process.
"""

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_MARK: Final = ".in-use"
_CONTENT: Final = b"tokenless scratch folder\n"
_NAME: Final = re.compile(r"\..+\.[0-9]+\.[0-9a-f]{8}\Z", re.DOTALL)
_MODE: Final = 0o700
_ACCESS: Final = 0o777
"""Without the bit that folders inherit where a group shares them."""


def new_scratch(place: Path) -> Path:
    """Return the name of a folder beside a place; nothing is made."""
    return place.parent / f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}"


@contextmanager
def scratch_in_use(scratch: Path) -> Iterator[None]:
    """Make a folder, and hold it for the time of a block; it is gone afterwards.

    Raises:
        OSError: When it cannot be made.
    """
    descriptor = -1
    try:
        scratch.mkdir(mode=_MODE)
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
        descriptor = os.open(scratch / _MARK, flags, 0o600)
        # The mark is written under the lock: without it nobody takes the folder for
        # one that was left. A file system may have no locks: nothing is removed there.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, _CONTENT)
        yield
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if descriptor >= 0:
            os.close(descriptor)


def remove_left_scratch(folder: Path) -> list[Path]:
    """Remove what killed processes of ours have left in a folder; return it.

    What cannot be read, or not be removed, stays.
    """
    try:
        named = [each for each in folder.iterdir() if _NAME.match(each.name)]
    except OSError:
        return []
    return [each for each in named if _remove_left(each)]


def _remove_left(scratch: Path) -> bool:
    """Remove a folder that is provably ours and not in use; return whether it is gone.

    The lock is held until it is gone: two that clean up do not meet in it.
    """
    try:
        found = scratch.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        if found.st_mode & _ACCESS != _MODE:
            return False
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(scratch / _MARK, flags)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.read(descriptor, len(_CONTENT) + 1) != _CONTENT:
            return False
        shutil.rmtree(scratch)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
