"""Files that are read block by block while they are sent.

All transfers of one version of a file share one descriptor, and none holds more of the
file than it is about to send: forty phones on a load of 80 MB cost what they have in
flight. A block that lies in the page cache is read at once (`RWF_NOWAIT`); one that has
to come from the disk is not waited for: the packet is missing until a thread has called
`load`. Netascii is converted block by block.
"""

import errno
import os
import stat
import sys
from typing import Final

from tokenless.protocol.tftp.netascii import cut_netascii
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode, encode_data

_AHEAD_BYTES: Final = 128 << 10
"""The bytes that a thread reads at once: as long as the longest window."""

_SAMPLE_BYTES: Final = 64 << 10

Version = tuple[int, int, int, int]
"""Device, inode, size and time of change of a file."""


class OpenedFile:
    """One version of a file, open for as long as anybody holds this object."""

    __slots__ = (
        "__weakref__",
        "_descriptor",
        "_has_nowait",
        "is_regular",
        "size",
        "version",
    )

    def __init__(self, descriptor: int) -> None:
        """Take a descriptor over."""
        self._descriptor = descriptor
        self._has_nowait = hasattr(os, "RWF_NOWAIT")
        status = os.fstat(descriptor)
        self.is_regular = stat.S_ISREG(status.st_mode)
        self.version = _version(status)
        self.size = status.st_size

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read_now(self, offset: int, length: int) -> bytes | None:
        """Return bytes that need no disk; None when they do. At the end fewer.

        Raises:
            OSError: When they cannot be read.
        """
        wanted = min(length, self.size - offset)
        if wanted <= 0:
            return b""
        if not self._has_nowait:
            return None
        buffer = bytearray(wanted)
        try:
            got = os.preadv(self._descriptor, [buffer], offset, os.RWF_NOWAIT)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._has_nowait = False  # a file system that cannot tell
            return None
        return bytes(buffer) if got == wanted else None

    def is_at_hand(self, offset: int, length: int) -> bool:
        """Tell whether bytes that lie in the file need no disk, as far as samples tell.

        The kernel reads ahead, and forgets, many pages at once: a look at one page in
        sixteen costs a hundredth of what copying them would.

        Raises:
            OSError: When they cannot be read.
        """
        last = offset + length - 1
        looks = (*range(offset, last, _SAMPLE_BYTES), last)
        return all(self.read_now(at, 1) is not None for at in looks)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes, however long that takes.

        Raises:
            OSError: When they cannot be read.
        """
        parts = []
        while length > 0 and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def read_whole(self) -> bytes:
        """Return the content, however long that takes.

        Raises:
            OSError: When it cannot be read.
            TftpError: When it was changed meanwhile.
        """
        content = self.read(0, self.size)
        self.check_unchanged()
        return content

    def check_unchanged(self) -> None:
        """Raise TftpError when the file was written to since it was opened."""
        if _version(os.fstat(self._descriptor)) != self.version:
            raise TftpError(TftpErrorCode.NOT_DEFINED, "The file was changed meanwhile")

    def fileno(self) -> int:
        """Return the descriptor, for senders that do not read the file."""
        return self._descriptor


class FilePackets:
    """The DATA packets of an opened file for one transfer."""

    __slots__ = (
        "_ahead",
        "_error",
        "_file",
        "_wanted_at",
        "block_size",
        "count",
        "size",
    )

    may_wait = True

    def __init__(self, file: OpenedFile, block_size: int) -> None:
        self._file = file
        self.block_size = block_size
        self.size = file.size
        self.count = self.size // block_size + 1
        self._wanted_at = 0
        self._ahead: tuple[int, bytes] | None = None
        self._error: OSError | None = None

    def packet(self, number: int) -> bytes | None:
        """Return the packet of a block, None while it has to be loaded.

        Raises:
            TftpError: When the file cannot be read, or was changed meanwhile.
        """
        start = (number - 1) * self.block_size
        payload = self._bytes(start)
        if payload is None:
            return None
        if number == self.count:
            self._file.check_unchanged()
        return encode_data(number, payload)

    def load(self) -> bytes:
        """Read the missing bytes, in a thread; return them."""
        begin = self._wanted_at
        try:
            content = self._file.read(begin, max(self.block_size, _AHEAD_BYTES))
        except OSError as error:
            self._error = error
            return b""
        self._ahead = begin, content  # at once: the loop may be reading it
        return content

    def _bytes(self, start: int) -> bytes | None:
        """Return a block's worth of the file, fewer at its end; None: not there yet."""
        wanted = min(self.block_size, max(0, self._file.size - start))
        ahead = self._ahead
        if ahead is not None:
            begin = start - ahead[0]
            if 0 <= begin <= len(ahead[1]) - wanted:
                return ahead[1][begin : begin + wanted]
            if begin == 0:
                self._file.check_unchanged()  # it is shorter than it was
        if self._error is not None:
            raise _cannot_be_read(self._error)
        try:
            piece = self._file.read_now(start, wanted)
        except OSError as error:
            raise _cannot_be_read(error) from None
        if piece is None:
            self._wanted_at = start
        else:
            self._ahead = None
        return piece


class NetasciiPackets(FilePackets):
    """The same, converted to netascii on the way.

    Where a block begins is known when the one before was cut, so the beginnings of as
    many blocks are remembered as a window may have to be sent again.
    """

    __slots__ = ("_begins", "_kept")

    def __init__(self, file: OpenedFile, block_size: int, window: int) -> None:
        super().__init__(file, block_size)
        self.count = self.size = sys.maxsize
        self._kept = window + 1
        self._begins: dict[int, tuple[int, bytes]] = {1: (0, b"")}

    def packet(self, number: int) -> bytes | None:
        """Return the packet of a block, None while it has to be loaded.

        Raises:
            TftpError: When the file cannot be read, or was changed meanwhile.
        """
        start, carry = self._begins[number]
        raw = self._bytes(start)
        if raw is None:
            return None
        block = cut_netascii(raw, carry, self.block_size)
        if len(block.payload) < self.block_size:
            self._file.check_unchanged()
            self.count = number
            self.size = (number - 1) * self.block_size + len(block.payload)
        else:
            self._begins[number + 1] = start + block.consumed, block.carry
            if len(self._begins) > self._kept + 1:
                del self._begins[next(iter(self._begins))]
        return encode_data(number, block.payload)


def _version(status: os.stat_result) -> Version:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _cannot_be_read(error: OSError) -> TftpError:
    reason = os.strerror(error.errno or 0)
    return TftpError(TftpErrorCode.NOT_DEFINED, f"The file cannot be read: {reason}")
