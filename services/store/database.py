"""Transactions. An administrator's change is one: rows, audit, revision, or nothing.

The update of the revision is a change's first statement after `BEGIN`: its lock makes
administrators queue up, on SQLite as on PostgreSQL (services.store.access.engine). So
there are no serialisation failures to try again; what a node notes about itself is one
statement on rows that are its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection, insert, select, text, update

from tokenless.services.errors import ServiceError
from tokenless.services.store import migrate, schema, trust_lists
from tokenless.services.store.access.broken_commit import said_when_unknown
from tokenless.services.store.access.engine import (
    CHANNEL,
    POSTGRESQL,
    open_engine,
    set_transaction_mode,
)
from tokenless.services.store.access.failures import translate_errors
from tokenless.services.store.access.roles import check_server
from tokenless.services.store.access.slow import said_when_slow

if TYPE_CHECKING:
    from tokenless.services.store.access.listening import Listener

# Qualified, types too: a function in `public` that fits better would be called.
_NOTIFY: Final = text(
    "SELECT pg_catalog.pg_notify("
    "CAST(:channel AS pg_catalog.text), CAST(:revision AS pg_catalog.text))"
)
_REVISION: Final = select(schema.cluster.c.revision)
_STATE: Final = select(
    schema.cluster.c.revision, migrate.SELECT_VERSION.scalar_subquery()
)
_MAY_CHANGE: Final = text(
    "SELECT pg_catalog.has_table_privilege("
    "'audit'::pg_catalog.text, 'INSERT'::pg_catalog.text)"
)
_LOCK: Final = text(
    "SELECT pg_catalog.pg_advisory_xact_lock(CAST(:key AS pg_catalog.int8))"
)
_NO_CHANGES: Final = text("LOCK TABLE cluster IN EXCLUSIVE MODE")
"""Waits for changes under way; later ones wait for its end. SQLite has one writer."""
_FOUNDING: Final = 0x746F6B656E
"""Number of the advisory lock for making and upgrading tables."""


class State(NamedTuple):
    """How far the database is."""

    revision: int
    """The cluster's; it grows with every change."""
    schema: str | None
    """The version of its tables; None when it is not there."""


@dataclass(frozen=True, slots=True)
class Change:
    """A transaction of an administrator, under way."""

    connection: Connection
    revision: int
    """The revision that the cluster has when it is committed."""
    at: int
    """Its start in Unix seconds."""


class Database:
    """The cluster's database, opened."""

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 30.0,
        clock: Callable[[], float] = time.time,
        founds: bool = False,
    ) -> None:
        """Open it; it is reached for by the first transaction.

        Args:
            url: Where it is.
            busy_timeout_s: How long a change waits for those before it.
            clock: Tells Unix seconds.
            founds: Whether `create_cluster` will be called: else SQLite's file must be
                there.

        Raises:
            ConfigurationError: When the URL cannot be used.
        """
        self._clock = clock
        self._engine = open_engine(url, busy_timeout_s=busy_timeout_s, founds=founds)
        self._check: Callable[[], None] = lambda: None

    def before_transactions(self, check: Callable[[], None]) -> None:
        """Call a function before each transaction.

        Args:
            check: Raises DatabaseAwayError when the transaction must fail; rehearsals
                take a database away by it.
        """
        self._check = check

    @property
    def is_shared(self) -> bool:
        """Return whether hosts share it: PostgreSQL."""
        return self._engine.dialect.name == POSTGRESQL

    @property
    def may_change(self) -> bool:
        """Tell whether this host's role may change the cluster."""
        if not self.is_shared:
            return True
        with self.read() as connection:
            return bool(connection.scalar(_MAY_CHANGE))

    @contextmanager
    def create_cluster(self, name: str, *, by: str) -> Iterator[Change]:
        """Make a new cluster, at revision 1: tables and rows, or nothing.

        Raises:
            ServiceError: When the database cannot be written, or has a cluster.
        """
        at = int(self._clock())
        with (
            said_when_unknown() as commit,
            translate_errors(),
            self._transaction(writes=True) as connection,
        ):
            self._lock_schema(connection)
            if migrate.version(connection) is not None:
                raise ServiceError(
                    "the database already holds a cluster",
                    hint="on another host use `tokenless node import`",
                )
            migrate.upgrade(connection)
            connection.execute(
                insert(schema.cluster).values(id=1, name=name, revision=0)
            )
            yield self._begin(connection, ("create cluster", name, by), at)
            commit.has_begun = True

    def check(self, name: str) -> None:
        """Check that this version of the program can work with it; upgrade an old one.

        Args:
            name: The cluster that it should hold.

        Raises:
            ServiceError: When it holds no cluster, another one, or a newer program's.
        """
        if self.check_version() != migrate.NEWEST:
            with translate_errors(), self._transaction(writes=True) as connection:
                self._lock_schema(connection)
                if self.is_shared:
                    connection.execute(_NO_CHANGES)
                migrate.upgrade(connection)
        with self.read() as connection:
            held = connection.scalar(select(schema.cluster.c.name))
        if held != name:
            raise ServiceError(
                f"the database holds cluster {held!r}, not {name!r}",
                hint="correct [database] url",
            )

    def check_version(self) -> str | None:
        """Return the version of its schema; nothing is changed.

        Raises:
            ServiceError: When it holds no cluster, or a newer program's.
        """
        with self.read() as connection:
            if self.is_shared:
                check_server(connection)
            version = migrate.version(connection)
        migrate.check_known(version)
        return version

    def revision(self) -> int:
        """Return the cluster's revision: it grows with every change."""
        with self.read() as connection:
            return int(connection.scalar(_REVISION) or 0)

    def state(self) -> State:
        """Return the revision and the schema, by one query.

        Raises:
            ServiceError: When the database cannot be read.
        """
        with self.read() as connection:
            row = connection.execute(_STATE).one_or_none()
        return State(0, None) if row is None else State(*row)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read, all from one state.

        Raises:
            ServiceError: When the database cannot be read.
        """
        with translate_errors(), self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def change(self, action: str, detail: str, *, by: str) -> Iterator[Change]:
        """Change the cluster: everything inside, or nothing when it raises.

        Args:
            action: What is done, for the audit log.
            detail: To what.
            by: The administrator, for the audit log.

        Raises:
            ServiceError: When the database cannot be written, another change takes
                longer than the busy time-out, or a newer program has upgraded it.
        """
        at = int(self._clock())
        with said_when_unknown() as commit:
            with translate_errors(), self._transaction(writes=True) as connection:
                change = self._begin(connection, (action, detail, by), at)
                yield change
                commit.has_begun = True
            if self.is_shared:
                self._tell(change.revision)

    def _tell(self, revision: int) -> None:
        """Tell nodes of a change that is committed.

        Not in its transaction: any role can fill the server's queue of notifications,
        and no change may fail for that. Nodes look by themselves, too.
        """
        with suppress(ServiceError), self.write_node_state() as connection:
            connection.execute(_NOTIFY, {"channel": CHANNEL, "revision": str(revision)})

    @contextmanager
    def write_node_state(self) -> Iterator[Connection]:
        """Write state that nodes report about themselves: no audit row, no revision.

        Raises:
            ServiceError: When the database cannot be written.
        """
        with translate_errors(), self._transaction(writes=True) as connection:
            yield connection

    def first_published(self, digest: str) -> int:
        """Return when a content was first published by any node: now, if it was not.

        A transaction of its own, so that nodes never wait for each other.

        Raises:
            ServiceError: When the database cannot be written.
        """
        with self.write_node_state() as connection:
            return trust_lists.first_published(connection, digest, int(self._clock()))

    def listen(self) -> "Listener":
        """Return a listener for change notifications of a shared database (blocking).

        Raises:
            ServiceError: When the server cannot be reached.
        """
        from tokenless.services.store.access.listening import Listener  # noqa: PLC0415 - an extra

        return Listener(self._engine)

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def _begin(
        self, connection: Connection, record: tuple[str, str, str], at: int
    ) -> Change:
        revision = connection.scalar(
            update(schema.cluster)
            .values(revision=schema.cluster.c.revision + 1)
            .returning(schema.cluster.c.revision)
        )
        if revision is None:
            raise ServiceError(
                "the database holds no cluster", hint="name another one, or restore it"
            )
        # Behind the lock on that row: an upgrade waits for it as well.
        migrate.check_still_known(connection)
        action, detail, by = record
        connection.execute(
            insert(schema.audit).values(
                revision=revision, at=at, by=by, action=action, detail=detail
            )
        )
        return Change(connection, revision, at)

    def _lock_schema(self, connection: Connection) -> None:
        if self.is_shared:
            check_server(connection)
            connection.execute(_LOCK, {"key": _FOUNDING})

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        self._check()
        slow = said_when_slow() if writes and self.is_shared else nullcontext()
        with slow, self._engine.connect() as connection:
            set_transaction_mode(connection, writes=writes)
            with connection.begin():
                yield connection
