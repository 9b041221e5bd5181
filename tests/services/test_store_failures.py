"""What a database refuses is known by its codes, whatever language it speaks."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from tests.rigs.postgresql import Server, admit_tls_only, running_server
from tokenless.services.errors import ServiceError
from tokenless.services.store.access.engine import open_engine
from tokenless.services.store.access.failures import (
    DatabaseAwayError,
    explain,
    translate_errors,
)

_Raised = Callable[[str], psycopg.Error]


def _as_sqlalchemy_has_it(error: Exception) -> DBAPIError:
    base = sqlite3.Error if isinstance(error, sqlite3.Error) else psycopg.Error
    made = DBAPIError.instance("SELECT 1", {}, error, base)
    assert isinstance(made, DBAPIError)
    return made


@pytest.mark.parametrize(
    ("raised", "german", "hint"),
    [
        (
            errors.InsufficientPrivilege,
            "keine Berechtigung für Tabelle audit",
            "this host may only read",
        ),
        (
            errors.LockNotAvailable,
            "storniere Anfrage wegen Zeitüberschreitung einer Sperre",
            "another administrator",
        ),
        (
            errors.UndefinedTable,
            "Relation »cluster« existiert nicht",
            "no cluster of this version",
        ),
        (
            errors.DiskFull,
            "konnte Datei nicht erweitern: Auf dem Gerät ist kein Platz mehr",
            "free space on the disk",
        ),
        (
            errors.InvalidCatalogName,
            "Datenbank »weg« existiert nicht",
            "correct the role",
        ),
        (
            errors.FeatureNotSupported,
            "kann Transaktionsmodus nicht auf Read Write setzen",
            "a copy that can only be read",
        ),
        (
            errors.InsufficientPrivilege,
            "keine Berechtigung für Tabelle alembic_version",
            "`tokenless node grant`",
        ),
        (errors.UndefinedObject, "Rolle »sub1« existiert nicht", "CREATE ROLE"),
        (errors.DataCorrupted, "ungültige Seite in Block 7", "from a backup"),
    ],
)
def test_a_server_that_speaks_german_keeps_its_hints(
    raised: _Raised, german: str, hint: str
) -> None:
    error = explain(_as_sqlalchemy_has_it(raised(german)))

    assert not isinstance(error, DatabaseAwayError)
    assert german in str(error)
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("raised", "german"),
    [
        (
            errors.AdminShutdown,
            "breche Verbindung ab aufgrund von Anweisung des Administrators",
        ),
        (errors.CannotConnectNow, "das Datenbanksystem startet"),
        (errors.ConnectionFailure, "Verbindung unterbrochen"),
        (psycopg.OperationalError, "Verbindung verweigert"),
    ],
)
def test_a_server_that_goes_away_in_german_is_away(
    raised: _Raised, german: str
) -> None:
    error = explain(_as_sqlalchemy_has_it(raised(german)))

    assert isinstance(error, DatabaseAwayError)
    assert "start PostgreSQL" in (error.hint or "")


def test_words_that_name_another_failure_change_nothing() -> None:
    """A name in the database may hold any words."""
    said = 'permission denied for table "connection could not connect: disk full"'
    error = explain(_as_sqlalchemy_has_it(errors.UndefinedTable(said)))

    assert "no cluster of this version" in (error.hint or "")


@pytest.mark.parametrize(
    ("password", "database", "hint"),
    [
        ("wrong", "postgres", "correct the role, its password or the database"),
        (None, "postgres", ".pgpass"),
        ("right", "nowhere", "correct the role, its password or the database"),
    ],
)
def test_a_server_that_does_not_let_us_in(
    postgresql: Server, password: str | None, database: str, hint: str
) -> None:
    """No SQLSTATE comes with these."""
    url = postgresql.url(database)
    if password == "wrong":
        url = postgresql.url(database, password="wrong")
    given = url.replace("+psycopg", "")
    if password is None:
        given = given.replace(":owners%20secret", "")
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(given).close()
    error = explain(_as_sqlalchemy_has_it(caught.value))

    assert not isinstance(error, DatabaseAwayError)
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("role", "query", "hint"),
    [
        ("crowded", "", "the role's CONNECTION LIMIT"),
        ("tokenless", "?sslmode=require", "correct sslmode"),
        ("tokenless", "?sslmode=verify-full&sslrootcert=/no/file", "correct sslmode"),
        ("tokenless", "?target_session_attrs=standby", "can only be read"),
        ("tokenless", "?nonsense=1", "correct [database] url"),
    ],
)
def test_what_the_url_or_the_servers_settings_forbid(
    postgresql: Server, role: str, query: str, hint: str
) -> None:
    if role == "crowded":
        postgresql.create_role(role)
        postgresql.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
    engine = open_engine(postgresql.url("postgres", role) + query, busy_timeout_s=1)
    try:
        with pytest.raises(ServiceError) as caught, translate_errors():
            engine.connect()
    finally:
        engine.dispose()
        if role == "crowded":
            postgresql.execute(f"DROP ROLE {role}")
    assert not isinstance(caught.value, DatabaseAwayError)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("has_tls", [False, True])
def test_a_host_that_the_server_does_not_admit(*, has_tls: bool) -> None:
    """Nothing is wrong with the password, and PostgreSQL runs."""
    with running_server() as server:
        if has_tls:
            admit_tls_only(server)
        (server.data / "pg_hba.conf").write_text("local all all trust\n")
        server.stop()
        server.start()
        engine = open_engine(server.url("postgres"), busy_timeout_s=1)
        with pytest.raises(ServiceError, match="no pg_hba") as caught:  # noqa: SIM117
            with translate_errors():
                engine.connect()
        engine.dispose()
        assert not isinstance(caught.value, DatabaseAwayError)
        assert "admit this host" in (caught.value.hint or "")


def test_a_wrong_password_where_only_tls_is_admitted() -> None:
    """Without `sslmode`, libpq tries again without TLS: the last refusal is another."""
    with running_server() as server:
        admit_tls_only(server)
        server.stop()
        server.start()
        given = server.url("postgres", password="wrong").replace("+psycopg", "")
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(given).close()
        error = explain(_as_sqlalchemy_has_it(caught.value))
        assert "password authentication failed" in str(error)
        assert not isinstance(error, DatabaseAwayError)
        assert "correct the role, its password" in (error.hint or "")


@pytest.mark.parametrize(
    ("content", "statement", "hint"),
    [
        (b"this is no database at all, nor was it", "SELECT 1", "from a backup"),
        (b"", "SELECT * FROM cluster", "no cluster of this version"),
    ],
)
def test_a_file_that_holds_no_cluster(
    tmp_path: Path, content: bytes, statement: str, hint: str
) -> None:
    file = tmp_path / "cluster.sqlite"
    file.write_bytes(content * 100)
    with (
        closing(sqlite3.connect(file)) as connection,
        pytest.raises(ServiceError) as caught,
        translate_errors(),
    ):
        _run(connection, statement)

    assert hint in caught.value.explain()


def _run(connection: sqlite3.Connection, statement: str) -> None:
    try:
        connection.execute(statement).fetchall()
        connection.execute("PRAGMA schema_version").fetchall()
    except sqlite3.Error as error:
        raise _as_sqlalchemy_has_it(error) from error


def test_a_read_only_database(tmp_path: Path) -> None:
    file = tmp_path / "cluster.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE cluster (id)")
    reader = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    with (
        closing(reader),
        pytest.raises(ServiceError, match="readonly") as caught,
        translate_errors(),
    ):
        _run(reader, "INSERT INTO cluster VALUES (1)")

    assert "make the data folder writable" in caught.value.explain()
