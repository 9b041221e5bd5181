"""Where the files come from that a TFTP server sends."""

from collections.abc import Sequence
from typing import Protocol

from tokenless.protocol.tftp_packets import TftpError, TftpErrorCode


class FileSource(Protocol):
    """Names in, contents out."""

    def find(self, name: str) -> bytes:
        """Return a file's content.

        As long as a version of the file lasts it is the same bytes object, so that the
        server cuts it into packets once. A transfer under way keeps the object that it
        began with; a source changes its answers, never a content.

        Raises:
            TftpError: When it is not served; its code and message are the answer.
        """
        ...


class ChainedSource:
    """Several sources, asked in turn until one has the file."""

    def __init__(self, sources: Sequence[FileSource]) -> None:
        self._sources = tuple(sources)

    def find(self, name: str) -> bytes:
        """Return the first source's content that has the file.

        Raises:
            TftpError: The first refusal that is not "File not found", else that.
        """
        for source in self._sources:
            try:
                return source.find(name)
            except TftpError as error:
                if error.code != TftpErrorCode.FILE_NOT_FOUND:
                    raise
        raise TftpError(TftpErrorCode.FILE_NOT_FOUND)


class MemoryFiles:
    """Files given as bytes; for demonstrations, measurements and tests."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def find(self, name: str) -> bytes:
        """Return the content. Raises TftpError (not found) for any other name."""
        try:
            return self.files[name]
        except KeyError:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND) from None
