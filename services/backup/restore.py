"""Restoring a data folder from a backup, whole or not at all.

A backup is untrusted input: only the files that its manifest lists are restored, with
their sizes and checksums, below the folder; no links anywhere in a path, no holes,
nothing twice, nothing missing, no more than there is room for.
"""

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from sqlalchemy import URL

from tokenless.services.backup.manifest import (
    CHUNK,
    HINT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NAME_A_BACKUP,
    BackedUpFile,
    BackupError,
    Manifest,
    OnProgress,
    copy,
    copy_checked,
    decode_manifest_untrusted,
    in_silence,
)
from tokenless.services.cluster.cluster import load_saved
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, made_beside, sync_folder
from tokenless.services.store.access.engine import SQLITE
from tokenless.services.store.database import Database

_PRIVATE_FOLDERS: Final = frozenset(["keys", "tokens"])
_FOLDER, _PRIVATE_FOLDER = 0o755, 0o700
_COPYING: Final = "copying files"
_MAX_FOLDERS: Final = 100_000
"""A manifest of 2 MB can name a million, each inside of another."""
_TAR_LIMITS: Final = (RecursionError, OverflowError)
"""Of the library: headers that follow headers, and sizes that no file has."""
_NODE_PARTS: Final = 2
"""A node's folder is nodes/NODE."""
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def restore_backup(
    source: Path, data: Path, *, progress: OnProgress = in_silence
) -> Manifest:
    """Make a data folder from a backup.

    Args:
        source: The folder or file that a backup made.
        data: What is made; may exist only as an empty folder.
        progress: Is told what is being done and how many bytes of how many are.

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
    with made_beside(data) as (scratch, real):
        manifest = _unpack_untrusted(source, scratch / "data", progress)
        _check_usable(scratch / "data", manifest)
        (scratch / "data").rename(real)
        sync_folder(real.parent)
    return manifest


def _check_usable(data: Path, manifest: Manifest) -> None:
    """Refuse what no command of this program could open.

    Raises:
        ServiceError: When the configuration or the schema is damaged, or newer.
    """
    load_saved(data / CONFIG_FILE)
    if manifest.has_database:
        url = URL.create(SQLITE, database=str(data / DATABASE_FILE))
        with closing(Database(url.render_as_string())) as store:
            store.check_version()


def _unpack_untrusted(source: Path, target: Path, progress: OnProgress) -> Manifest:
    if source.is_dir():
        return _from_folder(source, target, progress)
    try:
        with (
            _ArchiveFile(io.FileIO(source)) as file,
            tarfile.open(fileobj=file, mode="r:") as tar,
        ):
            return _from_archive(tar, target, source.stat().st_size, progress)
    except (tarfile.TarError, EOFError, ValueError, *_TAR_LIMITS) as error:
        raise BackupError(f"{source} is damaged: {error}", hint=HINT) from None


class _ArchiveFile(io.BufferedReader):
    """An archive of which no header makes the library read more than files do at once.

    It takes memory for what a header claims, before it looks whether that is there.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most so many bytes. Raises tarfile.ReadError for too many."""
        if size is None or not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        return super().read(size)


def _from_folder(source: Path, target: Path, progress: OnProgress) -> Manifest:
    with _open_regular(source, MANIFEST) as file:
        manifest = _read_manifest(file)
    _make_folders(target, manifest)
    done = 0
    for entry in manifest.files:
        progress(_COPYING, done, manifest.size)
        done += entry.size
        with _open_regular(source, entry.path) as file:
            _write(file, target, entry)
    return manifest


def _from_archive(
    tar: tarfile.TarFile, target: Path, length: int, progress: OnProgress
) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not _is_plain(first):
        raise BackupError(
            "not a backup: it does not begin with a manifest", hint=NAME_A_BACKUP
        )
    manifest = _read_manifest(_content(tar, first))
    if manifest.size > length:
        raise BackupError(
            f"the backup is incomplete: {manifest.size} bytes are claimed in {length}",
            hint=HINT,
        )
    _make_folders(target, manifest)
    awaited = {entry.path: entry for entry in manifest.files}
    done = 0
    while (member := tar.next()) is not None:
        progress(_COPYING, done, manifest.size)
        done += member.size
        entry = awaited.pop(member.name, None)
        if entry is None or not _is_plain(member) or member.size != entry.size:
            raise BackupError(
                f"the backup holds {member.name!r} besides its files", hint=HINT
            )
        _write(_content(tar, member), target, entry)
    if awaited:
        raise BackupError(
            f"the backup is incomplete: {len(awaited)} files are missing", hint=HINT
        )
    return manifest


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Tell whether a member has no holes: 10 kB with holes unpack to any size."""
    kinds = (tarfile.REGTYPE, tarfile.AREGTYPE)
    return member.type in kinds and not member.issparse()


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    return cast("BinaryIO", tar.extractfile(member))  # a regular file has a content


def _read_manifest(file: BinaryIO) -> Manifest:
    read = io.BytesIO()
    copy(file, read, most=MAX_MANIFEST_BYTES + 1)
    data = read.getvalue()
    if len(data) > MAX_MANIFEST_BYTES:
        raise BackupError("not a backup: its manifest has no end", hint=NAME_A_BACKUP)
    manifest = decode_manifest_untrusted(data)
    paths = {entry.path for entry in manifest.files}
    if CONFIG_FILE not in paths or manifest.has_database != (DATABASE_FILE in paths):
        raise BackupError("not a backup of a whole data folder", hint=HINT)
    return manifest


@contextmanager
def _open_regular(source: Path, relative: str) -> Iterator[BinaryIO]:
    """Open a file of a backup, through no link at any part of its path."""
    shown = source / relative
    *folders, name = Path(relative).parts
    with ExitStack() as stack:
        try:
            at = os.open(
                source, _OPEN_FOLDER & ~os.O_NOFOLLOW
            )  # as the caller named it
            stack.callback(os.close, at)
            for part in folders:
                at = os.open(part, _OPEN_FOLDER, dir_fd=at)
                stack.callback(os.close, at)
            descriptor = os.open(name, _OPEN_FILE, dir_fd=at)
        except OSError as error:
            raise BackupError(f"{shown}: {error.strerror}", hint=HINT) from None
        file = stack.enter_context(os.fdopen(descriptor, "rb"))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BackupError(f"{shown} is not a file", hint=HINT)
        yield file


def _write(source: BinaryIO, target: Path, entry: BackedUpFile) -> None:
    """Write one file, with its mode as far as the umask allows."""
    is_private = entry.is_private or _is_private(entry.path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    mode = PRIVATE if is_private else entry.mode | PRIVATE
    descriptor = os.open(target / entry.path, flags, mode)
    with os.fdopen(descriptor, "wb") as file:
        copy_checked(source, file, entry)
        file.flush()
        os.fsync(file.fileno())


def _is_private(path: str) -> bool:
    """Return whether a path lies in a folder of keys, or is one."""
    return not _PRIVATE_FOLDERS.isdisjoint(Path(path).parts)


def _make_folders(target: Path, manifest: Manifest) -> None:
    """Make every folder, outer ones first, if there is room for the content.

    Raises:
        BackupError: When there is not.
    """
    free = shutil.disk_usage(target.parent).free
    if manifest.size > free:
        raise BackupError(
            f"{manifest.size} bytes are needed, {free} are free",
            hint="free space on the disk",
        )
    folders = {PurePosixPath("."): _FOLDER}
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        folders |= dict.fromkeys(path.parents, _FOLDER)
        if path.parts[0] == "nodes" and len(path.parts) > _NODE_PARTS:
            # The first format left it out when it was empty.
            folders[PurePosixPath(*path.parts[:_NODE_PARTS], "tftp")] = _FOLDER
        if len(folders) > _MAX_FOLDERS:
            raise BackupError(
                f"the backup has over {_MAX_FOLDERS} folders", hint=NAME_A_BACKUP
            )
    folders |= {PurePosixPath(each.path): each.mode for each in manifest.folders}
    for path, mode in sorted(folders.items(), key=lambda each: each[0].parts):
        is_private = _is_private(str(path))
        (target / path).mkdir(_PRIVATE_FOLDER if is_private else mode | _PRIVATE_FOLDER)
