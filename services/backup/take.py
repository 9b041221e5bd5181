"""Taking a backup of a data folder that may be in use.

SQLite's own backup copies the database. Meanwhile administrators wait for the lock on
it, so that keys, trust lists and rows are of one state; nodes go on serving. Sockets,
locks and half-written files are left out.
"""

import os
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tokenless.services.backup.manifest import (
    FORMAT,
    MANIFEST,
    BackedUpFile,
    Folder,
    Manifest,
    OnProgress,
    copy,
    in_silence,
)
from tokenless.services.cluster.cluster import load_saved
from tokenless.services.cluster.data_folder import CONFIG_FILE, no_cluster_in
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, made_beside, sync_folder
from tokenless.services.pki.manufacturing import CA_KEY
from tokenless.services.store.access.failures import hint_of_sqlite

_LOCK_S: Final = 30.0
_LEFT_OUT: Final = frozenset(["control.sock", "control.lock"])
_OTHERS: Final = 0o077
_MODE: Final = 0o777
_ARCHIVE: Final = ".tar"


def take_backup(
    data: Path, target: Path, *, now: float, progress: OnProgress = in_silence
) -> Manifest:
    """Copy a data folder into a new folder, or a new file when its name ends in `.tar`.

    Args:
        data: The folder; it may be in use.
        target: What is made, readable by its owner only.
        now: Unix seconds.
        progress: Is told what is being done and how many bytes of how many are.

    Returns:
        What it holds.

    Raises:
        ServiceError: When there is no cluster, the target exists or is in the data
            folder, or administrators hold the database too long.
        OSError: When something cannot be read or written; nothing is left behind.
    """
    if not (data / CONFIG_FILE).is_file():
        raise no_cluster_in(data)
    if target.exists():
        raise ServiceError(f"{target} exists", hint="name another place")
    if target.resolve().is_relative_to(data.resolve()):
        # The next backup would hold it; below a node's tftp folder it would be served.
        raise ServiceError(
            f"{target} is in the data folder {data}", hint="name a place outside of it"
        )
    try:
        with made_beside(target) as (scratch, real):
            return _make(data, real, scratch, now, progress)
    except FileExistsError:
        raise ServiceError(f"{target} exists", hint="name another place") from None


def _make(
    data: Path, target: Path, scratch: Path, now: float, progress: OnProgress
) -> Manifest:
    content = scratch / "content"
    content.mkdir(mode=0o700)
    manifest = _copy_all(data, content, now, progress)
    if target.suffix == _ARCHIVE:
        progress("packing the archive", 0, 0)
        _pack(content, manifest, scratch / "archive")
        _move(scratch / "archive", target)
    else:
        content.rename(target)
    sync_folder(target.parent)
    return manifest


def _move(archive: Path, target: Path) -> None:
    """Give an archive its name, never over another file.

    Raises:
        FileExistsError: When there is one.
    """
    try:
        target.hardlink_to(archive)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some file servers have no hard links: the name is taken, then used.
        target.touch(PRIVATE, exist_ok=False)
        archive.replace(target)


def _copy_all(data: Path, content: Path, now: float, progress: OnProgress) -> Manifest:
    config = load_saved(data / CONFIG_FILE)
    with ExitStack() as stack:
        has_database = (data / DATABASE_FILE).is_file()
        if not has_database and config.database.url is None:
            raise ServiceError(
                f"{data / DATABASE_FILE}, the cluster's database, is not there",
                hint="put it back, or restore an earlier backup",
            )
        if has_database:
            progress("waiting until administrators have finished their changes", 0, 0)
            stack.enter_context(_locked(data / DATABASE_FILE))
            _copy_database(data / DATABASE_FILE, content / f"{DATABASE_FILE}.copy")
        entries, paths = [], list(_files(data))
        done, total = 0, sum(path.lstat().st_size for path in paths)
        for path in paths:
            progress("copying files", done, total)
            entries.append(_copy_file(path, content, path.relative_to(data)))
            done += entries[-1].size
        if has_database:
            copied = content / f"{DATABASE_FILE}.copy"
            entries.append(_copy_file(copied, content, Path(DATABASE_FILE)))
            copied.unlink()
    made_at = datetime.fromtimestamp(int(now), UTC)
    manifest = Manifest(
        FORMAT,
        config.cluster.name,
        made_at,
        has_database,
        tuple(entries),
        tuple(_folders(data)),
    )
    with (
        _private(content / MANIFEST) as descriptor,
        os.fdopen(descriptor, "wb") as file,
    ):
        file.write(manifest.encode())
    return manifest


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock the database against changes."""
    with _copying(), _connected(path) as lock:
        lock.execute("BEGIN IMMEDIATE")
        yield
        lock.execute("ROLLBACK")


def _copy_database(path: Path, copied: Path) -> None:
    with _copying(), _connected(path) as source, _connected(copied) as target:
        source.backup(target)


def _connected(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, timeout=_LOCK_S, isolation_level=None))


@contextmanager
def _copying() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ServiceError(
            f"the database cannot be copied: {error}", hint=hint_of_sqlite(error)
        ) from None


def _folders(data: Path) -> Iterator[Folder]:
    """Yield the folders of a data folder, itself first: empty ones are needed, too."""
    for folder, names, _ in os.walk(data):
        names[:] = sorted(name for name in names if not name.startswith("."))
        mode = stat.S_IMODE(os.lstat(folder).st_mode) & _MODE
        yield Folder(Path(folder).relative_to(data).as_posix(), mode)


def _files(data: Path) -> Iterator[Path]:
    """Yield the regular files of a data folder, without the database."""
    for folder, names, files in os.walk(data):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            is_hidden = name.startswith(".") and name != CA_KEY
            is_temporary = is_hidden or name in _LEFT_OUT
            is_database = folder == str(data) and name.startswith(DATABASE_FILE)
            if is_temporary or is_database or not stat.S_ISREG(path.lstat().st_mode):
                continue
            yield path


def _copy_file(path: Path, content: Path, relative: Path) -> BackedUpFile:
    target = content / relative
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        path.open("rb") as source,
        _private(target) as descriptor,
        os.fdopen(descriptor, "wb") as copied,
    ):
        mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode) & _MODE
        size, digest = copy(source, copied)
    return BackedUpFile(relative.as_posix(), size, digest, not mode & _OTHERS, mode)


@contextmanager
def _private(path: Path) -> Iterator[int]:
    """Make a file that only its owner can read, from its first byte on."""
    yield os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)


def _pack(content: Path, manifest: Manifest, archive: Path) -> None:
    """Write the archive, the manifest first, so that a reader knows what must come."""
    names = [MANIFEST, *(entry.path for entry in manifest.files)]
    with _private(archive) as descriptor, os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in names:
                tar.add(content / name, arcname=name, recursive=False)
        file.flush()
        os.fsync(file.fileno())
