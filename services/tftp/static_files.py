"""Files below one folder: firmware, ring lists, locale files (REFERENCE 4.1, step 5).

Names come from the network. What is served lies below the root after all symbolic
links are followed, is a regular file, is not too large, and matches the patterns of
what may be served. Everything else is an error packet.
"""

import errno
import fnmatch
import os
import stat
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from tokenless.protocol.tftp_packets import TftpError, TftpErrorCode

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# O_NONBLOCK: opening a pipe that somebody laid there must not wait for its writer.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

_CODES: Final[Mapping[int, TftpErrorCode]] = {
    errno.ENOENT: TftpErrorCode.FILE_NOT_FOUND,
    errno.ENOTDIR: TftpErrorCode.FILE_NOT_FOUND,
    errno.ENAMETOOLONG: TftpErrorCode.FILE_NOT_FOUND,
    errno.EACCES: TftpErrorCode.ACCESS_VIOLATION,
    errno.EPERM: TftpErrorCode.ACCESS_VIOLATION,
    # A link where `realpath` saw none: somebody is changing the folder under us.
    errno.ELOOP: TftpErrorCode.ACCESS_VIOLATION,
}

_Version = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class StaticLimits:
    """How much of a folder is served and kept."""

    file_bytes: int = 256 << 20
    cache_bytes: int = 64 << 20
    patterns: Sequence[str] = ("*",)
    """Shell patterns over the whole name; only what matches one is served."""


class StaticFiles:
    """The folder as a `FileSource`."""

    def __init__(self, root: Path, limits: StaticLimits | None = None) -> None:
        self._root = root
        self._limits = StaticLimits() if limits is None else limits
        self._cache: OrderedDict[str, tuple[_Version, bytes]] = OrderedDict()
        self._cached_bytes = 0

    def find(self, name: str) -> bytes:
        """Return a file's content; the same object while the file does not change.

        Raises:
            TftpError: When there is no such file, or it must not be served.
        """
        parts = self._checked_parts(name)
        try:
            descriptor = self._open(parts)
            try:
                return self._read("/".join(parts), descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _refusal(error) from None

    def _checked_parts(self, name: str) -> tuple[str, ...]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or set(name) & {"\\", "\0"}:
            raise TftpError(TftpErrorCode.ACCESS_VIOLATION)
        patterns = self._limits.patterns
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        return path.parts

    def _open(self, parts: tuple[str, ...]) -> int:
        """Open a file that lies below the root when all links are followed.

        The folders on the way are opened one from the other without following links,
        so that nothing that is swapped after `realpath` can lead out.
        """
        root = os.path.realpath(self._root)
        real = Path(os.path.realpath(Path(root, *parts)))
        if not real.is_relative_to(root):
            raise TftpError(TftpErrorCode.ACCESS_VIOLATION)
        inside = real.relative_to(root).parts
        if not inside:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        folder = os.open(root, _DIRECTORY)
        try:
            for part in inside[:-1]:
                below = os.open(part, _DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = below
            return os.open(inside[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)

    def _read(self, name: str, descriptor: int) -> bytes:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND, "Not a regular file")
        if status.st_size > self._limits.file_bytes:
            raise TftpError(TftpErrorCode.DISK_FULL, "The file is too large to be sent")
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        cached = self._cache.get(name)
        if cached is not None and cached[0] == version:
            self._cache.move_to_end(name)
            return cached[1]
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(self._limits.file_bytes + 1)
        if len(content) > self._limits.file_bytes:
            raise TftpError(TftpErrorCode.DISK_FULL, "The file is too large to be sent")
        self._keep(name, version, content)
        return content

    def _keep(self, name: str, version: _Version, content: bytes) -> None:
        replaced = self._cache.pop(name, None)
        if replaced is not None:
            self._cached_bytes -= len(replaced[1])
        self._cache[name] = (version, content)
        self._cached_bytes += len(content)
        while self._cached_bytes > self._limits.cache_bytes:
            _, (_, dropped) = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped)


def _refusal(error: OSError) -> TftpError:
    code = _CODES.get(error.errno or 0, TftpErrorCode.NOT_DEFINED)
    text = "The file cannot be read" if code is TftpErrorCode.NOT_DEFINED else None
    return TftpError(code, text)
