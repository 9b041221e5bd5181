"""Sources of the files that a TFTP server sends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.services.tftp.files.disk_files import OpenedFile


@dataclass(frozen=True, slots=True)
class UnpreparedFile:
    """A file that has to be made first, at a price: a signature."""

    make: Callable[[], bytes]
    """Make it, in any thread. Raises whatever its making does."""
    keep: Callable[[bytes], bytes]
    """Keep the made file, in the thread of the source; return the served one."""


ReadyContent = bytes | OpenedFile
Content = ReadyContent | UnpreparedFile
"""The content of a name."""


class FileSource(Protocol):
    """Names in, contents out."""

    def find(self, name: str) -> Content:
        """Return what a name stands for.

        As long as a version of the file lasts it is the same object, so that the
        server cuts it into packets once. A transfer under way keeps the object that it
        began with; a source changes its answers, never a content.

        Raises:
            TftpError: When it is not served; its code and message are the answer.
        """
        ...


class PlainSource(Protocol):
    """A source whose files are all there."""

    def find(self, name: str) -> ReadyContent:
        """Return what a name stands for. Raises TftpError when it is not served."""
        ...


def whole(content: Content) -> bytes:
    """Return all bytes of a content, however long that takes.

    Raises:
        OSError: When the file cannot be read.
    """
    match content:
        case bytes():
            return content
        case OpenedFile():
            return content.read_whole()
        case UnpreparedFile():
            return content.keep(content.make())
        case _:
            assert_never(content)


class ChainedSource:
    """Several sources, asked in turn until one has the file."""

    def __init__(self, sources: Sequence[PlainSource]) -> None:
        self._sources = tuple(sources)

    def find(self, name: str) -> ReadyContent:
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
