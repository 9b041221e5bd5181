"""Files and folders that commands read, as types of options and arguments.

What cannot be read is no wrong usage: nothing can be told of it, whichever option names
it. Click's own types exit as wrong usage, or leave it to the command.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from tokenless.ground.files import naming, unreadable
from tokenless.protocol.host_port import AddressError, split_host_port

_STANDARD_INPUT: Final = "-"
_ANY_PORT: Final = 1


class InputPath(click.Path):
    """A file, or a folder, that a command reads whatever else it is given."""

    def __init__(
        self, *, files: bool = True, folders: bool = False, allow_dash: bool = False
    ) -> None:
        super().__init__(
            exists=True,
            file_okay=files,
            dir_okay=folders,
            allow_dash=allow_dash,
            path_type=Path,
        )

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """Return the path.

        Raises:
            UnreadableError: When it cannot be read; names the option or argument.
        """
        if not (self.allow_dash and str(value) == _STANDARD_INPUT):
            _check(value, param, files=self.file_okay, folders=self.dir_okay)
        return super().convert(value, param, ctx)


class InputFile(click.File):
    """A file that is opened for the command; `-` is standard input."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401
        """Return the open file.

        Raises:
            UnreadableError: When it cannot be read; names the option or argument.
        """
        if isinstance(value, str) and value != _STANDARD_INPUT:
            _check(value, param)
        return super().convert(value, param, ctx)


def read_input(file: BinaryIO, most: int) -> bytes:
    """Read what `InputFile` has opened, and one byte more than `most` of a longer one.

    Raises:
        UnreadableError: When it breaks off.
    """
    with naming(file.name):
        return file.read(most + 1)


class ListeningAddress(click.types.StringParamType):
    """The address that a server listens on: a name, IPv4, IPv6 or [IPv6]."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return it without brackets; click's own error for everything else."""
        try:
            value.encode()
            host, _ = split_host_port(value, _ANY_PORT)
        except (AddressError, UnicodeEncodeError):
            host = ""
        if not host or host not in {value, value[1:-1]}:
            self.fail(f"{value!r} is not an address.", param, ctx)
        return host


def _check(
    path: str | os.PathLike[str],
    param: click.Parameter | None,
    *,
    files: bool = True,
    folders: bool = False,
) -> None:
    """Refuse what cannot be read; nothing is opened, for a pipe is read only once."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - Path: no more
        if is_folder and not folders:
            _refuse(errno.EISDIR)
        if not is_folder and not files:
            _refuse(errno.ENOTDIR)
        if not os.access(path, os.R_OK):
            _refuse(errno.EACCES)
    except OSError as error:
        named = os.fspath(path) if param is None else f"{_name_of(param)} {path}"
        raise unreadable(named, error) from None


def _refuse(number: int) -> None:
    raise OSError(number, os.strerror(number))


def _name_of(param: click.Parameter) -> str:
    """Return `--signer`, or FILE for an argument."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return param.human_readable_name


INPUT_FILE: Final = InputPath()
"""A file that is read; it may be a pipe or a device."""
INPUT_FILE_OR_STDIN: Final = InputPath(allow_dash=True)
LISTENING_ADDRESS: Final = ListeningAddress()
INPUT_FOLDER: Final = InputPath(files=False, folders=True)
