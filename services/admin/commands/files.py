"""`file list | get | delete`: the node's TFTP folder, under both of its names."""

import time
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from tokenless.services.admin.command import TREE, Question, UsageError
from tokenless.services.admin.session import Session
from tokenless.services.changes.security import export_recovery
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE

_RECOVERY_FILE: Final = "ITLRecovery.p12"
_ACTIVELOG_FOLDER: Final = PurePosixPath("cm/tftpdata")


def _delete_question(_session: Session, arguments: Sequence[str]) -> str:
    name = PurePosixPath(arguments[0]).name
    return f'Delete the File {name}?\nEnter "y" followed by return to continue: '


def _inside_tftpdata(path: str) -> str:
    """Return the part of an activelog path below `cm/tftpdata`."""
    typed = PurePosixPath(path)
    if typed.parent != _ACTIVELOG_FOLDER:
        raise UsageError(
            f"activelog has no {typed.parent} here", hint="use cm/tftpdata/NAME"
        )
    return typed.name


def _matching(session: Session, pattern: str) -> list[Path]:
    """Return the files of the folder that a name or a pattern (`*`) means.

    Raises:
        UsageError: When the pattern would leave the folder.
    """
    if "/" in pattern or pattern in {"", ".", ".."} or "\0" in pattern:
        raise UsageError(
            f"{pattern!r} is not a file name", hint="name it without a path"
        )
    return sorted(
        file
        for file in session.node.tftp_folder.glob("*")
        if fnmatchcase(file.name, pattern) and file.is_file() and not _hidden(file)
    )


def _hidden(file: Path) -> bool:
    """Return whether it is a temporary file that will replace its target."""
    return file.name.startswith(".")


@TREE.command("file list tftp [PATTERN]")
def list_tftp(session: Session, pattern: str = "*") -> None:
    """List the files of this node's TFTP folder."""
    _list(session, pattern)


@TREE.command("file list activelog PATTERN", values=_inside_tftpdata)
def list_activelog(session: Session, pattern: str) -> None:
    """List the files of cm/tftpdata."""
    _list(session, _inside_tftpdata(pattern))


@TREE.command("file delete tftp NAME", ask=Question(_delete_question))
def delete_tftp(session: Session, name: str) -> None:
    """Delete files of this node's TFTP folder."""
    _delete(session, name)


@TREE.command(
    "file delete activelog NAME",
    ask=Question(_delete_question),
    values=_inside_tftpdata,
)
def delete_activelog(session: Session, name: str) -> None:
    """Delete files of cm/tftpdata."""
    _delete(session, _inside_tftpdata(name))


@TREE.command("file get tftp NAME")
def get_tftp(session: Session, name: str) -> None:
    """Fetch a file of the TFTP folder, or ITLRecovery.p12 (saved with --output)."""
    if name == _RECOVERY_FILE:
        session.deliver(name, _export_recovery(session), mode=PRIVATE)
    else:
        _fetch(session, name)


@TREE.command("file get activelog NAME", values=_inside_tftpdata)
def get_activelog(session: Session, name: str) -> None:
    """Fetch a file of cm/tftpdata (saved with --output)."""
    _fetch(session, _inside_tftpdata(name))


def _export_recovery(session: Session) -> bytes:
    """Return the cluster's ITLRecovery key for `utils itl reset remotekey`."""
    password = session.ask_secret("Enter a password for the key file: ")
    return export_recovery(session.cluster, password)


def _fetch(session: Session, name: str) -> None:
    """Save one file of the node's TFTP folder.

    Raises:
        ServiceError: When there is none of that name.
    """
    found = _matching(session, name)
    if len(found) != 1:
        raise ServiceError(
            f"files: found = {len(found)}; exactly one must match",
            hint="see `file list tftp`",
        )
    session.deliver(found[0].name, found[0].read_bytes())


def _list(session: Session, pattern: str) -> None:
    found = _matching(session, pattern)
    for file in found:
        status = file.stat()
        when = _listed_time(status.st_mtime)
        session.say(f"{when} {status.st_size:>10} {file.name}")
    session.say(f"dir count = 0, file count = {len(found)}")


def _listed_time(seconds: float) -> str:
    with suppress(OverflowError, ValueError):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return "-"


def _delete(session: Session, name: str) -> None:
    found = _matching(session, name)
    for file in found:
        file.unlink()
    session.say(f"files: found = {len(found)}, deleted = {len(found)}")
    if not found:
        raise ServiceError(
            f"no file {name} on {session.node.name}", hint="see `file list tftp`"
        )
