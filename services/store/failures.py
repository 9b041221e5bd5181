"""What the database refuses or breaks, as one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tokenless.services.errors import ServiceError


class DatabaseAwayError(ServiceError):
    """The database cannot be reached; nothing is known to have been changed."""


_AWAY: Final = (
    "connection",
    "could not connect",
    "server closed",
    "terminating",
    "shutting down",
    "starting up",
    "could not receive",
    "could not send",
)
"""What PostgreSQL's client library says of a server that is away, comes or goes."""
_HINTS: Final = {
    "locked": "another administrator is at work; try again",
    "lock timeout": "another administrator is at work; try again",
    "full": "make room on the disk; nothing was changed",
    "no space left": "make room on the disk; nothing was changed",
    "readonly": "make the data folder writable",
    "disk i/o": "make room on the disk or mend it; nothing was changed",
    "malformed": "restore the data folder from a backup",
    "no such table": "the folder holds no cluster of this version",
    "permission denied": "this host may only follow; work on the publisher",
    "must be owner": "run a command of this version on the publisher first",
    "row-level security": "this host may write its own node's rows only",
    "password authentication": "correct the role or its password",
    "no password supplied": "put the password into ~/.pgpass, or into the URL",
    "does not exist": "correct [database] url, or restore the database",
}
_UNKNOWN_HINT: Final = "try again; if it stays, look at the disk or PostgreSQL's log"
_AWAY_HINT: Final = "start PostgreSQL, or correct [database] url; then try again"


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's errors into ones that say what to do.

    Raises:
        DatabaseAwayError: When the database cannot be reached.
        ServiceError: When it refuses.
    """
    try:
        yield
    except DBAPIError as error:
        raise _explain(error) from error


def _explain(error: DBAPIError) -> ServiceError:
    # The driver writes a line an address that it tried; never the password.
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    reason = lines[0].strip()
    whole = str(error.orig).lower()
    message = f"the cluster's database: {reason}"
    for word, hint in _HINTS.items():
        if word in whole:
            return ServiceError(message, hint=hint)
    is_broken = isinstance(error, OperationalError | InterfaceError)
    if error.connection_invalidated or (
        is_broken and any(word in whole for word in _AWAY)
    ):
        return DatabaseAwayError(message, hint=_AWAY_HINT)
    return ServiceError(message, hint=_UNKNOWN_HINT)
