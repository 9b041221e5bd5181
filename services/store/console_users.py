"""Rows of the console's users."""

from dataclasses import dataclass
from enum import StrEnum, unique

from sqlalchemy import Connection, delete, insert, select, update

from tokenless.services.store.schema import console_user


@unique
class ConsoleRole(StrEnum):
    """Roles of a console user."""

    READ = "read"
    """Look at everything."""
    CHANGE = "change"
    """Look, change, and use the nodes' shells."""


@dataclass(frozen=True, slots=True)
class ConsoleUser:
    """A user of the console."""

    name: str
    role: ConsoleRole
    password_hash: str
    created_at: int
    failures: int = 0
    """Wrong passwords since the last right one."""
    locked_until: int = 0
    """Unix seconds; 0: not locked."""


def read_users(connection: Connection, name: str | None = None) -> list[ConsoleUser]:
    """Return all users by name, or the one of a name."""
    query = select(console_user).order_by(console_user.c.name)
    if name is not None:
        query = query.where(console_user.c.name == name)
    return [
        ConsoleUser(
            row.name,
            ConsoleRole(row.role),
            row.password_hash,
            row.created_at,
            row.failures,
            row.locked_until,
        )
        for row in connection.execute(query)
    ]


def add_user(connection: Connection, user: ConsoleUser) -> None:
    """Add a user."""
    connection.execute(
        insert(console_user).values(
            name=user.name,
            role=user.role.value,
            password_hash=user.password_hash,
            created_at=user.created_at,
        )
    )


def write_failures(
    connection: Connection, name: str, failures: int, locked_until: int
) -> None:
    """Note how many wrong passwords there were."""
    connection.execute(
        update(console_user)
        .where(console_user.c.name == name)
        .values(failures=failures, locked_until=locked_until)
    )


def remove_user(connection: Connection, name: str) -> None:
    """Remove a user."""
    connection.execute(delete(console_user).where(console_user.c.name == name))
