"""Restoring a data folder from a backup, whole or not at all.

A backup is judged as something a stranger could have handed over: only the files that
its manifest lists, with their sizes and checksums, below the folder; no links, nothing
twice, nothing missing.
"""

import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from tokenless.services.backup.manifest import (
    HINT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NAME_A_BACKUP,
    BackupError,
    Entry,
    Manifest,
    copy_checked,
    decode_manifest_untrusted,
)
from tokenless.services.cluster.site import CONFIG_FILE, DATABASE_FILE
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, PUBLIC, sync_folder

_PRIVATE_FOLDERS: Final = frozenset(["keys", "tokens"])
_FOLDER, _PRIVATE_FOLDER = 0o755, 0o700


def restore_backup(source: Path, data: Path) -> Manifest:
    """Make a data folder from a backup.

    Args:
        source: The folder or file that a backup made.
        data: What is made; may exist only as an empty folder.

    Returns:
        What was restored.

    Raises:
        ServiceError: When the backup is damaged or hostile, or the folder is not
            empty; nothing is left behind.
        OSError: When something cannot be read or written; the same.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise ServiceError(
            f"{data} is not empty", hint="name another folder with --data"
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    beside = data.parent / f".{data.name}.{os.getpid()}.{secrets.token_hex(4)}"
    beside.mkdir(mode=_PRIVATE_FOLDER)
    try:
        manifest = _unpack_untrusted(source, beside)
        beside.chmod(_FOLDER)
        beside.rename(data)
        sync_folder(data.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def _unpack_untrusted(source: Path, beside: Path) -> Manifest:
    if source.is_dir():
        return _from_folder(source, beside)
    try:
        with tarfile.open(source, mode="r:") as tar:
            return _from_archive(tar, beside)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BackupError(f"{source} is damaged: {error}", hint=HINT) from None


def _from_folder(source: Path, beside: Path) -> Manifest:
    with _open_regular(source / MANIFEST) as file:
        manifest = _read_manifest(file)
    for entry in manifest.files:
        with _open_regular(source / entry.path) as file:
            _write(file, beside, entry)
    return manifest


def _from_archive(tar: tarfile.TarFile, beside: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg():
        raise BackupError(
            "not a backup: it does not begin with a manifest", hint=NAME_A_BACKUP
        )
    manifest = _read_manifest(_content(tar, first))
    awaited = {entry.path: entry for entry in manifest.files}
    while (member := tar.next()) is not None:
        entry = awaited.pop(member.name, None)
        if entry is None or not member.isreg() or member.size != entry.size:
            raise BackupError(
                f"the backup holds {member.name!r} besides its files", hint=HINT
            )
        _write(_content(tar, member), beside, entry)
    if awaited:
        raise BackupError(
            f"the backup is cut off: {len(awaited)} files are missing", hint=HINT
        )
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    return cast("BinaryIO", tar.extractfile(member))  # a regular file has a content


def _read_manifest(file: IO[bytes]) -> Manifest:
    data = file.read(MAX_MANIFEST_BYTES + 1)
    if len(data) > MAX_MANIFEST_BYTES:
        raise BackupError("not a backup: its manifest has no end", hint=NAME_A_BACKUP)
    manifest = decode_manifest_untrusted(data)
    paths = {entry.path for entry in manifest.files}
    if CONFIG_FILE not in paths or manifest.has_database != (DATABASE_FILE in paths):
        raise BackupError("not a backup of a whole data folder", hint=HINT)
    return manifest


@contextmanager
def _open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file of a backup, never through a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}", hint=HINT) from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BackupError(f"{path} is no file", hint=HINT)
        yield file


def _write(source: BinaryIO, beside: Path, entry: Entry) -> None:
    target = beside / entry.path
    is_private = entry.is_private or _is_among_keys(entry)
    _make_folders(beside, target.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, PRIVATE), "wb") as file:
        copy_checked(source, file, entry)
        file.flush()
        os.fchmod(file.fileno(), PRIVATE if is_private else PUBLIC)
        os.fsync(file.fileno())


def _is_among_keys(entry: Entry) -> bool:
    return not _PRIVATE_FOLDERS.isdisjoint(Path(entry.path).parent.parts)


def _make_folders(beside: Path, folder: Path) -> None:
    made = beside
    for part in folder.relative_to(beside).parts:
        made = made / part
        is_private = not _PRIVATE_FOLDERS.isdisjoint(made.relative_to(beside).parts)
        made.mkdir(mode=_PRIVATE_FOLDER if is_private else _FOLDER, exist_ok=True)
