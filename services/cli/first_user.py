"""The console's first user, given when it is started: for containers.

There is no default password: without one that was given, nobody can sign in until
`tokenless console user add`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from tokenless.command_line import FILE, gathered
from tokenless.ground.files import TooLongError, read_bounded
from tokenless.services.changes.console_users import add_user, list_users
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError, UnreadableFileError
from tokenless.services.logs import get_logger
from tokenless.services.pki.passwords import MOST_CHARACTERS
from tokenless.services.store.audit import administrator
from tokenless.services.store.console_users import ConsoleRole

_MOST_BYTES: Final = 4 * MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class FirstUser:
    """The console's first user, as options give it."""

    first_user: str | None
    first_password: str | None
    first_password_file: Path | None

    def add_to(self, cluster: Cluster) -> None:
        """Add the user when it is given and there is none; warn when none is given.

        Raises:
            ServiceError: When there is no password, or it or the name cannot be.
        """
        if list_users(cluster):
            return
        log = get_logger(service="console")
        name = self.first_user
        if name is None:
            log.warning("nobody can sign in", hint="tokenless console user add NAME")
            return
        password = self.first_password or _load(self.first_password_file)
        if not password:
            raise ServiceError(
                f"no password was given for the first user {name}",
                hint="set TOKENLESS_FIRST_PASSWORD, or name a --first-password-file",
            )
        add_user(cluster, name, ConsoleRole.CHANGE, password, by=administrator())
        log.info("added the first user", user=name)


first_user_options = gathered(
    "first",
    FirstUser,
    click.option(
        "--first-user",
        metavar="NAME",
        help="Create this console user, with the role change, if there is no user yet.",
    ),
    click.option(
        "--first-password",
        help="The first user's password. Other users can see a command's options: "
        "prefer TOKENLESS_FIRST_PASSWORD or a file.",
    ),
    click.option(
        "--first-password-file",
        type=FILE,
        help="A file with the first user's password, such as a container's secret.",
    ),
)


def _load(path: Path | None) -> str:
    """Return the first line of a file.

    Raises:
        UnreadableFileError: When it cannot be read.
        ServiceError: When it is not a line of text.
    """
    if path is None:
        return ""
    try:
        text = read_bounded(path, _MOST_BYTES).decode()
    except OSError as error:
        raise UnreadableFileError(
            f"{path}: {error.strerror}", hint="write the password into it"
        ) from None
    except (TooLongError, UnicodeDecodeError):
        reason = "is not one line with a password"
    else:
        return text.partition("\n")[0].removesuffix("\r")
    raise ServiceError(f"{path}: {reason}", hint="write the password into it")
