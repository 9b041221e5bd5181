"""The content of one answer, sent piece by piece.

What is in memory is sent as it is. Of a file in clear the kernel sends the pages; over
TLS, and at its end, what the page cache has is read at once. For the rest a thread has
to read the next piece first.
"""

from typing import Final

from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.tftp.files.disk_files import OpenedFile
from tokenless.services.tftp.files.source import ReadyContent

_PIECE_BYTES: Final = 65_536
_PAGES_BYTES: Final = 262_144


class Body:
    """The rest of an answer's content."""

    __slots__ = ("_content", "_loaded", "_offset", "left", "sent")

    def __init__(self, content: ReadyContent, offset: int, length: int) -> None:
        self._content = content
        self._offset = offset
        self._loaded: bytes | None = None
        self.left = length
        self.sent = 0

    def send(self, connection: Connection) -> int | None:
        """Send some; return how many bytes, None when they have to be loaded first.

        Raises:
            Disconnected, TlsError: When the peer has gone.
            OSError, TftpError: When the content cannot be read, or has changed.
        """
        content = self._content
        if isinstance(content, bytes):
            end = self._offset + min(self.left, _PIECE_BYTES)
            return self._send_bytes(connection, content[self._offset : end])
        piece, self._loaded = self._loaded, None
        if piece is None:
            if connection.is_clear and self.left > _PIECE_BYTES:
                return self._send_pages(connection, content)
            piece = content.read_now(self._offset, min(self.left, _PIECE_BYTES))
        if piece is None:
            return None
        if len(piece) < min(self.left, _PIECE_BYTES):
            raise _shorter()
        if len(piece) == self.left:
            content.check_unchanged()
        return self._send_bytes(connection, piece)

    def load(self) -> bytes:
        """Read the piece that `send` lacks, in a thread; `take` has to be given it.

        Raises:
            OSError: When it cannot be read.
        """
        content = self._content
        assert not isinstance(content, bytes)  # noqa: S101 - `send` lacks none of them
        return content.read(self._offset, min(self.left, _PIECE_BYTES))

    def take(self, piece: bytes) -> None:
        """Send this next."""
        self._loaded = piece

    def _send_pages(self, connection: Connection, file: OpenedFile) -> int | None:
        """Let the kernel send from the page cache."""
        wanted = min(self.left, _PAGES_BYTES)
        if not file.is_at_hand(self._offset, wanted):
            return None
        if wanted == self.left:
            file.check_unchanged()
        taken = connection.send_file(file, self._offset, wanted)
        if taken is None:
            raise _shorter()
        return self._count(taken)

    def _send_bytes(self, connection: Connection, piece: bytes) -> int:
        connection.send(piece)
        return self._count(len(piece))

    def _count(self, count: int) -> int:
        self._offset += count
        self.left -= count
        self.sent += count
        return count


def _shorter() -> TftpError:
    return TftpError(TftpErrorCode.NOT_DEFINED, "the file is shorter than it was")
