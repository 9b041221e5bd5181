"""The console's first user, given when it is started: for containers.

There is no default password: without one that was given, nobody can sign in until
`tokenless console user add`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tokenless.command_line import FILE
from tokenless.ground.files import TooLongError, read_bounded
from tokenless.services.changes.console_users import add_user, list_users
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.logs import get_logger
from tokenless.services.pki.passwords import MOST_CHARACTERS
from tokenless.services.store.audit import administrator
from tokenless.services.store.console_users import ConsoleRole

_MOST_BYTES: Final = 4 * MOST_CHARACTERS

_Command = TypeVar("_Command", bound=Callable[..., Any])


def first_user_options(command: _Command) -> _Command:
    """Add `--first-user`, `--first-password` and `--first-password-file`."""
    for option in (
        click.option(
            "--first-password-file",
            type=FILE,
            help="A file with the first user's password, such as a container's secret.",
        ),
        click.option(
            "--first-password",
            help="The first user's password. Other users can see a command's "
            "options: prefer TOKENLESS_FIRST_PASSWORD or a file.",
        ),
        click.option(
            "--first-user",
            metavar="NAME",
            help="Create this console user, with the role change, if there is no "
            "user yet.",
        ),
    ):
        command = option(command)
    return command


def add_first_user(
    cluster: Cluster,
    first_user: str | None,
    first_password: str | None,
    first_password_file: Path | None,
) -> None:
    """Add the first user, when one is given and none exists; warn when none is given.

    Raises:
        ServiceError: When there is no password, or it or the name cannot be.
    """
    if list_users(cluster):
        return
    log = get_logger(service="console")
    if first_user is None:
        log.warning("nobody can sign in", hint="tokenless console user add NAME")
        return
    password = first_password or _load(first_password_file)
    if not password:
        raise ServiceError(
            f"no password was given for the first user {first_user}",
            hint="set TOKENLESS_FIRST_PASSWORD, or name a --first-password-file",
        )
    add_user(cluster, first_user, ConsoleRole.CHANGE, password, by=administrator())
    log.info("added the first user", user=first_user)


def _load(path: Path | None) -> str:
    """Return the first line of a file.

    Raises:
        ServiceError: When it cannot be read, or is not a line of text.
    """
    if path is None:
        return ""
    try:
        text = read_bounded(path, _MOST_BYTES).decode()
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except (TooLongError, UnicodeDecodeError):
        reason = "is not one line with a password"
    else:
        return text.partition("\n")[0].removesuffix("\r")
    raise ServiceError(f"{path}: {reason}", hint="write the password into it")
