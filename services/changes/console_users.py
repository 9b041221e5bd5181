"""Users of the console: added, deleted, locked out after wrong passwords."""

import re
from dataclasses import dataclass
from typing import Final

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.passwords import MOST_CHARACTERS, hash_password, is_password
from tokenless.services.store import console_users as rows
from tokenless.services.store.console_users import ConsoleRole, ConsoleUser

MAX_FAILURES: Final = 5
"""Wrong passwords in a row, after which a user is locked out."""
LOCK_S: Final = 900
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def list_users(cluster: Cluster) -> list[ConsoleUser]:
    """Return all users by name."""
    with cluster.store.read() as connection:
        return rows.read_users(connection)


def find_user(cluster: Cluster, name: str) -> ConsoleUser | None:
    """Return a user, None when there is none of this name."""
    with cluster.store.read() as connection:
        found = rows.read_users(connection, name)
    return found[0] if found else None


def add_user(
    cluster: Cluster, name: str, role: ConsoleRole, password: str, *, by: str
) -> None:
    """Add a user of the console.

    Raises:
        ServiceError: When there is a user of this name, or name or password cannot be.
    """
    if not _NAME.fullmatch(name):
        raise ServiceError(
            f"{name!r} is not a valid user name",
            hint="use up to 64 letters, digits, dots and hyphens",
        )
    hashed = hash_password(password)
    with cluster.store.change("add console user", f"{name}: {role}", by=by) as change:
        if rows.read_users(change.connection, name):
            raise ServiceError(
                f"the user {name} already exists",
                hint="delete the existing one first",
            )
        user = ConsoleUser(name, role, hashed, change.at)
        rows.add_user(change.connection, user)


def delete_user(cluster: Cluster, name: str, *, by: str) -> None:
    """Delete a user; their sessions end with their next request.

    Raises:
        ServiceError: When there is none of this name.
    """
    with cluster.store.change("delete console user", name, by=by) as change:
        _require(rows.read_users(change.connection, name), name)
        rows.remove_user(change.connection, name)


def unlock_user(cluster: Cluster, name: str, *, by: str) -> None:
    """Let a locked-out user try again.

    Raises:
        ServiceError: When there is none of this name.
    """
    with cluster.store.change("unlock console user", name, by=by) as change:
        _require(rows.read_users(change.connection, name), name)
        rows.write_failures(change.connection, name, 0, 0)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Result of a sign-in with name and password."""

    user: ConsoleUser | None
    """The user that signed in; None: sign-in failed."""
    is_locked: bool = False
    """True if the user is locked out; told to the log, never to the browser."""


def sign_in(cluster: Cluster, name: str, password: str) -> SignIn:
    """Check a name and a password; count wrong passwords.

    A user who is locked out is refused whatever the password: an attacker must not
    learn from the answer, or its time, that it was right.

    Raises:
        ServiceError: When the database cannot be read or written.
    """
    user = find_user(cluster, name[:MOST_CHARACTERS])
    now = int(cluster.clock())
    is_right = is_password(
        None if user is None else user.password_hash, password[:MOST_CHARACTERS]
    )
    if user is None:
        return SignIn(None)
    if user.locked_until > now:
        return SignIn(None, is_locked=True)
    if is_right:
        if user.failures:
            _note(cluster, user.name, 0, 0)
        return SignIn(user)
    return SignIn(None, is_locked=_count_failure(cluster, user.name, now))


def _count_failure(cluster: Cluster, name: str, now: int) -> bool:
    """Count a wrong password in one transaction; return whether it locks the user."""
    with cluster.store.write_node_state() as connection:
        found = rows.read_users(connection, name)
        if not found:
            return False
        failures = found[0].failures + 1
        is_locked = failures >= MAX_FAILURES
        if is_locked:
            rows.write_failures(connection, name, 0, now + LOCK_S)
        else:
            rows.write_failures(connection, name, failures, 0)
    return is_locked


def _note(cluster: Cluster, name: str, failures: int, locked_until: int) -> None:
    with cluster.store.write_node_state() as connection:
        rows.write_failures(connection, name, failures, locked_until)


def _require(users: list[ConsoleUser], name: str) -> ConsoleUser:
    if not users:
        raise ServiceError(
            f"there is no user {name}", hint="`tokenless console user list`"
        )
    return users[0]
