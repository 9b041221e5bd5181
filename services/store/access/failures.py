"""Errors of the database, translated into one line with a hint."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

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
    "the publisher's host, or give the role a node's rights there: "
    "`tokenless node grant`"
)
_LOGIN: Final = "correct the role, its password or the database in [database] url"
_ADMISSION: Final = (
    "let PostgreSQL's administrator admit this host, role and database in pg_hba.conf; "
    "where that says `hostssl`, switch TLS on (sslmode in [database] url)"
)
_SLOTS: Final = (
    "try again; if the error persists, let PostgreSQL's administrator raise "
    "max_connections, or the role's CONNECTION LIMIT"
)
_TLS: Final = (
    "correct sslmode and sslrootcert in [database] url, or the server's TLS (ssl = on)"
)
_COPY: Final = (
    "this PostgreSQL is a copy that can only be read: name the primary in [database] "
    "url, or promote this one"
)
_URL: Final = "correct [database] url"
_ROLE: Final = "let PostgreSQL's administrator make it: CREATE ROLE … LOGIN PASSWORD …"
_PASSWORD: Final = "put the password into ~/.pgpass, or into the URL"  # noqa: S105
_UNKNOWN: Final = "try again; if the error persists, check the disk or PostgreSQL's log"
_AWAY: Final = "start PostgreSQL, or correct [database] url; then try again"

# By the server's SQLSTATE: its words are in the language of its `lc_messages`.
_BY_STATE: Final = {
    # feature_not_supported: what this program asks for, all servers have; a standby
    # refuses transactions that write so.
    "0A000": _COPY,
    "25006": _COPY,  # read_only_sql_transaction
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
    sqlite3.SQLITE_CANTOPEN: (
        "make the data folder readable and writable, with a path of under 500 bytes"
    ),
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
# libpq gives no SQLSTATE of a connection that was not made. Its own words are not
# translated by the driver that we install; of the server's, only names of files and of
# settings are the same in each language: in others than English the rest gets _LOGIN.
_BY_WORDS: Final = (
    (re.compile(r"pg_hba\.conf"), _ADMISSION),
    (re.compile(r"too many (?:connections|clients)|connection slots"), _SLOTS),
    (re.compile(r"session is (?:not )?read-only|hot standby mode"), _COPY),
    (re.compile(r"does not support SSL|certificate|sslmode|SSL error: cert"), _TLS),
)
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
    if isinstance(error, ProgrammingError) and _has_no_code(error.orig):
        return ServiceError(message, hint=_URL)
    return ServiceError(message, hint=_hint(error.orig) or _UNKNOWN)


def _has_no_code(cause: BaseException | None) -> bool:
    """Tell whether the driver itself refused what it was given, as of the URL."""
    return (
        not isinstance(cause, sqlite3.Error)
        and getattr(cause, "sqlstate", None) is None
    )


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
    return is_broken and _connection_hint(error.orig) is None


def _hint(cause: BaseException | None) -> str | None:
    if isinstance(cause, sqlite3.Error):
        return hint_of_sqlite(cause)
    state = getattr(cause, "sqlstate", None)
    return _connection_hint(cause) if state is None else _BY_STATE.get(state)


def hint_of_sqlite(error: sqlite3.Error) -> str | None:
    """Return what can be done, None when nothing is known."""
    code = getattr(error, "sqlite_errorcode", None)  # none of the driver's own
    if code is None:
        return None
    usual = _BY_SQLITE_CODE.get(code & _PRIMARY)
    return _BY_WHOLE_SQLITE_CODE.get(code, usual)


def _connection_hint(cause: BaseException | None) -> str | None:
    """Return what can be done about a connection that was refused or never tried."""
    said = str(cause)
    if getattr(cause, "pgconn", None) is None:
        return None
    # Refused over TLS for one reason, without TLS because only TLS is admitted.
    refusals = [line for line in said.splitlines() if _REFUSAL.match(line)]
    told = "\n".join(line for line in refusals if "pg_hba.conf" not in line) or said
    hints = (hint for words, hint in _BY_WORDS if words.search(told))
    return next(hints, None) or _login_hint(cause)


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
