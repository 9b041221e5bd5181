"""Files below one folder: firmware, ring lists, locale files (REFERENCE 4.1, step 5).

Names come from the network. What is served lies below the root after all symbolic links
are followed, is a regular file, is not too large, and matches the patterns of what may
be served. Everything else is an error packet. Nothing is kept: a file is open while it
is read (`disk_files`), once for all readers of that version.
"""

import errno
import fnmatch
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.tftp.files.disk_files import OpenedFile, Version

_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# O_NONBLOCK: opening a pipe in the folder must not wait for its writer.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

_CODES: Final[Mapping[int, TftpErrorCode]] = {
    errno.ENOENT: TftpErrorCode.FILE_NOT_FOUND,
    errno.ENOTDIR: TftpErrorCode.FILE_NOT_FOUND,
    errno.ENAMETOOLONG: TftpErrorCode.FILE_NOT_FOUND,
    errno.EACCES: TftpErrorCode.ACCESS_VIOLATION,
    errno.EPERM: TftpErrorCode.ACCESS_VIOLATION,
    # A link where `realpath` saw none: the folder is being changed at this moment.
    errno.ELOOP: TftpErrorCode.ACCESS_VIOLATION,
}


@dataclass(frozen=True, slots=True)
class StaticLimits:
    """Limits of a served folder."""

    file_bytes: int = 256 << 20
    patterns: Sequence[str] = ("*",)
    """Shell patterns over the whole name; only what matches one is served."""


class StaticFiles:
    """The folder as a `FileSource`."""

    def __init__(self, root: Path, limits: StaticLimits | None = None) -> None:
        self._root = root
        self._limits = StaticLimits() if limits is None else limits
        self._opened: WeakValueDictionary[Version, OpenedFile] = WeakValueDictionary()

    def find(self, name: str) -> OpenedFile:
        """Return a file; the same object while anybody has it and it does not change.

        Raises:
            TftpError: When there is no such file, or it must not be served.
        """
        parts = self._checked_parts(name)
        try:
            file = OpenedFile(self._open(parts))
        except OSError as error:
            raise _refusal(error) from None
        if not file.is_regular:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND, "Not a regular file")
        if file.size > self._limits.file_bytes:
            raise TftpError(TftpErrorCode.DISK_FULL, "The file is too large to be sent")
        return self._opened.setdefault(file.version, file)

    def _checked_parts(self, name: str) -> tuple[str, ...]:
        parts = tuple(part for part in name.split("/") if part not in {"", "."})
        if name[:1] == "/" or ".." in parts or "\\" in name or "\0" in name:
            raise TftpError(TftpErrorCode.ACCESS_VIOLATION)
        patterns = self._limits.patterns
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        return parts

    def _open(self, parts: tuple[str, ...]) -> int:
        """Open a file that lies below the root when all links are followed.

        Most names are not links, and open as they are; following links takes many looks
        at the disk. The folders on the way are opened one from the other without
        following links, so that nothing that is swapped meanwhile can lead out.
        """
        try:
            return self._open_below(parts)
        except OSError as error:
            # Linux says ENOTDIR of a link where a folder is asked for.
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
        root = os.path.realpath(self._root)
        real = Path(os.path.realpath(Path(root, *parts)))
        if not real.is_relative_to(root):
            raise TftpError(TftpErrorCode.ACCESS_VIOLATION)
        return self._open_below(real.relative_to(root).parts)

    def _open_below(self, parts: tuple[str, ...]) -> int:
        """Open a file whose path, from the root on, has no symbolic link."""
        if not parts:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        folder = os.open(self._root, _ROOT)
        try:
            for part in parts[:-1]:
                below = os.open(part, _DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = below
            return os.open(parts[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)


def _refusal(error: OSError) -> TftpError:
    code = _CODES.get(error.errno or 0, TftpErrorCode.NOT_DEFINED)
    text = "The file cannot be read" if code is TftpErrorCode.NOT_DEFINED else None
    return TftpError(code, text)
