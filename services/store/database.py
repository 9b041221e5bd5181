"""Transactions. An administrator's change is one: rows, audit, revision, or nothing.

SQLite is opened with a write-ahead log: readers never wait, and writers queue up
(`BEGIN IMMEDIATE`) for as long as `busy_timeout_s`. Elsewhere the update of the
revision, which is a change's first statement, makes writers queue up by its row lock.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.exc import DBAPIError

from services.errors import ServiceError
from services.store import schema

_HINTS: Final = {
    "locked": "another administrator is at work; try again",
    "full": "make room on the disk; nothing was changed",
    "readonly": "make the data folder writable",
    "disk i/o": "make room on the disk or mend it; nothing was changed",
    "malformed": "restore the data folder from a backup",
    "no such table": "the folder holds no cluster of this version",
}
_WRITES: Final = "tokenless_writes"


@dataclass(frozen=True, slots=True)
class Change:
    """A transaction of an administrator, under way."""

    connection: Connection
    revision: int
    """The revision that the cluster has when it is committed."""
    at: int
    """When it began, Unix seconds."""


class Database:
    """The cluster's database, opened."""

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        arguments = {"timeout": busy_timeout_s} if url.startswith("sqlite") else {}
        self._engine = create_engine(url, connect_args=arguments)
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)

    def create(self, name: str) -> None:
        """Make the tables of a new cluster, at revision 1."""
        with _explained():
            schema.metadata.create_all(self._engine)
            with self._transaction(writes=True) as connection:
                connection.execute(
                    insert(schema.cluster).values(
                        id=1,
                        name=name,
                        schema_version=schema.SCHEMA_VERSION,
                        revision=0,
                    )
                )

    def check(self) -> None:
        """Check that this version of the program can work with it.

        Raises:
            ServiceError: When it holds no cluster, or one of another version.
        """
        with self.read() as connection:
            found = connection.scalar(select(schema.cluster.c.schema_version))
        if found != schema.SCHEMA_VERSION:
            raise ServiceError(
                f"the database has schema {found}, the program {schema.SCHEMA_VERSION}",
                hint="use the program that made the data folder",
            )

    def revision(self) -> int:
        """Return the cluster's revision: it grows with every change."""
        with self.read() as connection:
            return int(connection.scalar(select(schema.cluster.c.revision)) or 0)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read, all from one state.

        Raises:
            ServiceError: When the database cannot be read.
        """
        with _explained(), self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def change(self, action: str, detail: str, *, by: str) -> Iterator[Change]:
        """Change the cluster: everything inside, or nothing when it raises.

        Args:
            action: What is done, for the audit log.
            detail: To what.
            by: Who does it.

        Raises:
            ServiceError: When the database cannot be written, or another change takes
                longer than the busy time-out.
        """
        at = int(self._clock())
        with _explained(), self._transaction(writes=True) as connection:
            revision = connection.scalar(
                update(schema.cluster)
                .values(revision=schema.cluster.c.revision + 1)
                .returning(schema.cluster.c.revision)
            )
            if revision is None:
                raise ServiceError("the database holds no cluster")
            connection.execute(
                insert(schema.audit).values(
                    revision=revision, at=at, by=by, action=action, detail=detail
                )
            )
            yield Change(connection, revision, at)

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """Write what nodes note about themselves: no audit, no revision.

        Raises:
            ServiceError: When the database cannot be written.
        """
        with _explained(), self._transaction(writes=True) as connection:
            yield connection

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: writes})
            with connection.begin():
                yield connection


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(raw: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own
        # The driver would begin by itself, too late and in the wrong mode.
        raw.isolation_level = None
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the driver's errors into ones that say what to do."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig)
        hint = next((h for word, h in _HINTS.items() if word in reason.lower()), None)
        raise ServiceError(f"the cluster's database: {reason}", hint=hint) from error
