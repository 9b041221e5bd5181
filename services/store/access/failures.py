"""Errors of the database, translated into one line with a hint."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tokenless.services.errors import ServiceError


class DatabaseAwayError(ServiceError):
    """The database cannot be reached; nothing is known to have been changed."""


_BUSY: Final = "another administrator is making a change; try again"
_DISK: Final = "free space on the disk or repair it; nothing was changed"
_INDEX: Final = (
    "free 64 kB on its disk: SQLite needs a file there even to read; "
    "nothing was changed"
)
_DAMAGED: Final = "restore the data folder from a backup"
_NO_CLUSTER: Final = "the folder holds no cluster of this version"
_FOLLOWER: Final = (
    "this host may only read, and write its own node's rows; make the change on "
    "the publisher's host"
)
_LOGIN: Final = "correct the role, its password or the database in [database] url"
_ROLE: Final = "let PostgreSQL's administrator make it: CREATE ROLE … LOGIN PASSWORD …"
_PASSWORD: Final = "put the password into ~/.pgpass, or into the URL"  # noqa: S105
_UNKNOWN: Final = "try again; if the error persists, check the disk or PostgreSQL's log"
_AWAY: Final = "start PostgreSQL, or correct [database] url; then try again"

# By the server's SQLSTATE: its words are in the language of its `lc_messages`.
_BY_STATE: Final = {
    "28000": _LOGIN,  # invalid_authorization_specification
    "28P01": _LOGIN,  # invalid_password
    "3D000": _LOGIN,  # invalid_catalog_name
    "42704": _ROLE,  # undefined_object: `node grant` alone names one
    "42501": _FOLLOWER,  # insufficient_privilege
    "42P01": _NO_CLUSTER,  # undefined_table
    "53100": _DISK,  # disk_full
    "55P03": _BUSY,  # lock_not_available
    "58030": _DISK,  # io_error
    "XX001": _DAMAGED,  # data_corrupted
    "XX002": _DAMAGED,  # index_corrupted
}
_STATES_OF_ONE_THAT_IS_AWAY: Final = frozenset(
    # Connections (class 08), shutdown, crash of another backend, start.
    {"08000", "08001", "08003", "08004", "08006", "57P01", "57P02", "57P03"}
)
# By the first byte of SQLite's code: the others say where it happened.
_BY_SQLITE_CODE: Final = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _DISK,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_READONLY: "make the data folder writable",
    sqlite3.SQLITE_CANTOPEN: "make the data folder readable and writable",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    # Of our own statements only the names of tables can be wrong.
    sqlite3.SQLITE_ERROR: _NO_CLUSTER,
}
_BY_WHOLE_SQLITE_CODE: Final = {
    # The index of the write-ahead log: 32 kB that every reader shares.
    sqlite3.SQLITE_IOERR_SHMSIZE: _INDEX,
    sqlite3.SQLITE_IOERR_SHMOPEN: _INDEX,
}
_PRIMARY: Final = 0xFF
_REFUSAL: Final = re.compile(r"(?:connection failed: )?(.+?): \S+:  (.+)")
"""A server's own words: libpq puts two spaces after its FATAL, in every language."""


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn the driver's errors into ones that say what to do.

    Raises:
        DatabaseAwayError: When the database cannot be reached.
        ServiceError: When it refuses.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(error) from error


def explain(error: DBAPIError) -> ServiceError:
    """Return the one line for what a driver raised."""
    # The driver writes a line an address that it tried; never the password.
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    message = f"the cluster's database: {lines[0].strip()}"
    if _is_away(error):
        return DatabaseAwayError(message, hint=_AWAY)
    return ServiceError(message, hint=_hint(error.orig) or _UNKNOWN)


def _is_away(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _STATES_OF_ONE_THAT_IS_AWAY
    if error.connection_invalidated:
        return True
    # What has no SQLSTATE was not said by a server: it refused to talk, or broke off.
    is_broken = isinstance(error, OperationalError | InterfaceError)
    return is_broken and _login_hint(error.orig) is None


def _hint(cause: BaseException | None) -> str | None:
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)  # none of the driver's own
        if code is None:
            return None
        usual = _BY_SQLITE_CODE.get(code & _PRIMARY)
        return _BY_WHOLE_SQLITE_CODE.get(code, usual)
    state = getattr(cause, "sqlstate", None)
    return _login_hint(cause) if state is None else _BY_STATE.get(state)


def _login_hint(cause: BaseException | None) -> str | None:
    """Tell whether a server was reached that did not let us in.

    libpq gives no SQLSTATE of a connection that could not be made, but it knows whether
    the server asked for a password.
    """
    connection = getattr(cause, "pgconn", None)
    if connection is None:
        return None
    if connection.needs_password:
        return _PASSWORD
    is_refused = connection.used_password or _was_refused_twice(str(cause))
    return _LOGIN if is_refused else None


def _was_refused_twice(said: str) -> bool:
    """Tell whether one server refused a login over TLS, and for another reason without.

    Without `sslmode` in the URL, libpq tries again without TLS what was refused over
    TLS. A server that admits TLS only refuses this before it asks for a password. One
    that is starting gives the same reason twice.
    """
    matches = [_REFUSAL.match(line) for line in said.splitlines()]
    refusals = {match.groups() for match in matches if match is not None}
    return len({place for place, _ in refusals}) < len(refusals)
