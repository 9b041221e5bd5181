"""Database connections: SQLite on one machine, PostgreSQL on several.

SQLite is opened with a write-ahead log: readers never wait, and writers queue up
(`BEGIN IMMEDIATE`) for as long as `busy_timeout_s`. On PostgreSQL they queue up by the
lock of the cluster's row, for as long (`lock_timeout`).
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from tokenless.ground.files import PRIVATE, is_synced, make_private
from tokenless.services.errors import ConfigurationError, ServiceError
from tokenless.services.store.access.failures import DatabaseAwayError

POSTGRESQL: Final = "postgresql"
SQLITE: Final = "sqlite"
CHANNEL: Final = "tokenless_revision"
"""The channel on which PostgreSQL tells nodes of a change."""

_WRITES: Final = "tokenless_writes"
_HINT: Final = "write postgresql+psycopg://USER@HOST/DATABASE"
_REACH: Final = {
    # A host that has gone, or a cut link, is noticed within seconds; a bad link has
    # the time to lose the same segment three times.
    "connect_timeout": 10,
    "keepalives_idle": 2,
    "keepalives_interval": 2,
    "keepalives_count": 4,
    "tcp_user_timeout": 10_000,
    "application_name": "tokenless",
    "client_encoding": "utf8",
}
_NOTICED_THERE: Final = {
    # By the server, too: a host that vanishes in mid-change must not keep the lock for
    # which every other administrator waits (two hours, as Linux has it).
    "tcp_keepalives_idle": 2,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 4,
    "tcp_user_timeout": 10_000,
}


def parse_url(url: str) -> URL:
    """Read a database URL.

    Raises:
        ConfigurationError: When it is none, or one of another kind of database. The
            message does not repeat it: it may have a password in it.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise ConfigurationError("database.url: not a URL", hint=_HINT) from None
    match kind:
        case "sqlite":
            return parsed
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case _:
            raise ConfigurationError(
                f"database.url: {kind} is not a database of this program", hint=_HINT
            )


def without_password(url: str) -> str:
    """Return a URL as it may be stored and shown.

    Raises:
        ConfigurationError: When it is none.
    """
    parsed = parse_url(url)
    # libpq has `password`, `sslpassword`, and may get more of them.
    query = {key: value for key, value in parsed.query.items() if "pass" not in key}
    bare = URL.create(  # `set` takes None for "as it is"
        parsed.drivername,
        username=parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
        query=query,
    )
    return bare.render_as_string(hide_password=False)


def open_engine(url: str, *, busy_timeout_s: float, founds: bool = False) -> Engine:
    """Make what gives connections; none is made yet.

    Args:
        url: Of the database.
        busy_timeout_s: How long a change waits for those before it.
        founds: Whether a new cluster is made: else SQLite's file must be there.

    Raises:
        ConfigurationError: When the URL cannot be used, or its driver is missing.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == SQLITE:
        engine = create_engine(parsed, connect_args={"timeout": busy_timeout_s})
        _prepare_sqlite(engine)
        if parsed.database not in (None, "", ":memory:"):
            _watch_file(engine, Path(str(parsed.database)), founds=founds)
        return engine
    session = _NOTICED_THERE | {"lock_timeout": max(1, int(busy_timeout_s * 1000))}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    try:
        return create_engine(
            parsed,
            # A connection that died with its server is replaced, not used.
            pool_pre_ping=True,
            connect_args=_REACH | {"options": options},
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        raise ConfigurationError(
            "PostgreSQL needs the driver psycopg", hint="install tokenless[postgres]"
        ) from None


def set_transaction_mode(connection: Connection, *, writes: bool) -> None:
    """Set whether the connection's next transaction reads or writes.

    Readers see one state throughout. Writers see what those before them have committed:
    the lock that they take first excludes all others.
    """
    connection.execution_options(**{_WRITES: writes})
    if connection.dialect.name == POSTGRESQL:
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        connection.execution_options(
            isolation_level=level, postgresql_readonly=not writes
        )


def _watch_file(engine: Engine, path: Path, *, founds: bool) -> None:
    """Notice that the database's file is gone, or is another one.

    An open file goes on working when its name is taken from it: everything would seem
    well, and every change would be lost. Where there is no file, SQLite makes one,
    in the place where the right one has to be put back.
    """
    opened: list[tuple[int, int]] = []

    def check() -> None:
        if opened and _identity(path) != opened[0]:
            happened = "replaced" if path.exists() else "deleted"
            raise DatabaseAwayError(
                f"the cluster's database {path} was {happened} while it was in use",
                hint="put the file back, or restore a backup and start the services "
                "again",
            )

    @event.listens_for(engine, "do_connect")
    def before(*_: object) -> None:
        check()
        if not opened:
            if not (founds or path.exists()):
                raise ServiceError(
                    f"the cluster's database {path} is not there",
                    hint="put the file back, or restore a backup",
                )
            _keep_private(path)

    @event.listens_for(engine, "connect")
    def after(*_: object) -> None:
        identity = _identity(path)
        if not opened and identity is not None:
            opened.append(identity)

    @event.listens_for(engine, "checkout")
    def at_use(*_: object) -> None:
        check()


def _keep_private(path: Path) -> None:
    """Let only the owner read what has the passwords of phones and administrators.

    What cannot be done is left to SQLite, which says why it cannot open the file.
    """
    with suppress(OSError):
        make_private(path)
        for beside in ("-wal", "-shm"):  # of an earlier version
            with suppress(FileNotFoundError):
                path.with_name(path.name + beside).chmod(PRIVATE)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _prepare_sqlite(engine: Engine) -> None:
    synchronous = "FULL" if is_synced() else "OFF"

    @event.listens_for(engine, "connect")
    def configure(raw: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's own
        # The driver would begin by itself, too late and in the wrong mode.
        raw.isolation_level = None
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute(f"PRAGMA synchronous = {synchronous}")
        raw.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
