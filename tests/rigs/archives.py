"""Archives of backups, packed anew after a change."""

import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenless.services.backup.manifest import BackupError
from tokenless.services.backup.restore import restore_backup

NOW = 1_700_000_000.0
Members = dict[str, bytes]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rewrite(archive: Path, change: Callable[[Members], None]) -> None:
    """Pack an archive anew after a change to its files."""
    with tarfile.open(archive) as tar:
        members = {
            each.name: file.read()
            for each in tar
            if (file := tar.extractfile(each)) is not None
        }
    change(members)
    with tarfile.open(archive, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def refused(archive: Path, data: Path, words: str) -> None:
    before = set(data.parent.iterdir())
    with pytest.raises(BackupError, match=words):
        restore_backup(archive, data)
    assert set(data.parent.iterdir()) == before
