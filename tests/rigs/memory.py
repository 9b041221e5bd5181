"""Folders in memory: what tests write is read a moment later, and then forgotten.

Services and databases ask the disk to keep what they write (fsync), thousands of times
in a run; a busy disk takes 5 ms each time.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of our own are made in it
_ROOM_BYTES: Final = 2 << 30
"""A container may have 64 MB there."""


def use_memory() -> None:
    """Make temporary files of this process, and of those it starts, in memory."""
    if _has_room(_IN_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_IN_MEMORY)


def _has_room(place: Path) -> bool:
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free > _ROOM_BYTES
