"""Manifest of a backup: every file with its size and checksum, `manifest.json`.

    {"format":"tokenless backup 2","cluster":"lab","made_at":"…","has_database":true,
     "files":[{"path":"nodes/lab-pub/keys/TVS-….pem","size":916,"sha256":"…",
               "is_private":true,"mode":384},…],
     "folders":[{"path":"nodes/lab-pub/tftp","mode":488},…]}

The first format had neither modes nor folders, so that empty ones were lost.

The checksums find damage and half a copy. They do not prevent tampering: anyone who can
write the backup can write its manifest, so backups are kept where keys are kept.
"""

import hashlib
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, BinaryIO, Final

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.services.errors import ServiceError

MANIFEST: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024
FORMAT: Final = "tokenless backup 2"
_FIRST_FORMAT: Final = "tokenless backup 1"
CHUNK: Final = 1 << 20
"""The bytes that are read at once."""
HINT: Final = "take another backup"
NAME_A_BACKUP: Final = "name a folder or file made by `tokenless backup`"


OnProgress = Callable[[str, int, int], None]
"""Is told the present step, the bytes done, and all bytes; 0 when unknown."""


def in_silence(words: str, done: int, total: int) -> None:
    """Say nothing."""


class BackupError(ServiceError):
    """A backup is not one, is damaged, or would write where it must not."""


_Path = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
_Mode = Annotated[int, msgspec.Meta(ge=0, le=0o777)]


class Folder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One folder, empty or not; `.` is the data folder itself."""

    path: _Path
    mode: _Mode


class BackedUpFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file."""

    path: _Path
    """Relative to the data folder, with slashes."""
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    is_private: bool
    """True if only its owner may read it."""
    mode: _Mode = 0o644


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in a backup."""

    format: str
    cluster: str
    made_at: datetime
    has_database: bool
    """False when hosts share a database: that has a backup of its own."""
    files: tuple[BackedUpFile, ...]
    folders: tuple[Folder, ...] = ()

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files)

    def encode(self) -> bytes:
        """Return it as it is stored."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def decode_manifest_untrusted(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BackupError: When it is none, or names a file outside of a data folder.
    """
    try:
        manifest = decode_json(data, Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"not a backup: {error}", hint=NAME_A_BACKUP) from None
    if manifest.format not in (FORMAT, _FIRST_FORMAT):
        raise BackupError(
            f"not a backup that this version reads: {manifest.format}",
            hint="restore it with the version that made it",
        )
    paths = [entry.path for entry in manifest.files]
    paths += [folder.path for folder in manifest.folders]
    for path in paths:
        _check_path(path)
    if len(set(paths)) != len(paths):
        raise BackupError("the backup lists a file twice", hint=HINT)
    return manifest


def copy_checked(source: BinaryIO, target: BinaryIO, entry: BackedUpFile) -> None:
    """Copy one file of a backup.

    Raises:
        BackupError: When it is not what the manifest says; a longer one is not read
            to its end.
    """
    size, digest = copy(source, target, most=entry.size + 1)
    if (size, digest) != (entry.size, entry.sha256):
        raise BackupError(f"{entry.path} is damaged in the backup", hint=HINT)


def copy(
    source: BinaryIO, target: BinaryIO, *, most: int = sys.maxsize
) -> tuple[int, str]:
    """Copy a file, or its first bytes; return how many and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(min(CHUNK, most - size)):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    return size, digest.hexdigest()


def _check_path(text: str) -> None:
    path = PurePosixPath(text)
    is_plain = str(path) == text and "\0" not in text
    if not is_plain or path.is_absolute() or ".." in path.parts or text == MANIFEST:
        raise BackupError(f"the backup names a file {text!r} outside of it", hint=HINT)
