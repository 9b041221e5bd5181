"""A commit that is broken off: the command says that it does not know the end."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import text

from tests.rigs.postgresql import Server
from tests.rigs.waiting import wait_until
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store import database
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.database import Database

UNKNOWN = "interrupted while the database took the change"
HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_catalog.pg_sleep(3600); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION hold()
"""
"""As a standby would: the commit has reached the server, and does not end."""


SLOW_NOTIFY = text(
    "SELECT pg_catalog.pg_sleep(3600),"
    " CAST(:channel AS pg_catalog.text), CAST(:revision AS pg_catalog.text)"
)


def held(look: psycopg.Connection) -> int | None:
    """Return the process of the server that holds a commit."""
    row = look.execute(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'PgSleep'"
    ).fetchone()
    return None if row is None else int(row[0])


@contextmanager
def once_held(
    cluster: Cluster, server: Server, act: Callable[[psycopg.Connection], object]
) -> Iterator[None]:
    """Hold the block's commit, then do something."""
    with cluster.store.write_node_state() as connection:
        connection.execute(text(HOLD))
        name = str(connection.scalar(text("SELECT current_database()")))
    with when_held(server, name, act):
        yield


@contextmanager
def when_held(
    server: Server, name: str, act: Callable[[psycopg.Connection], object]
) -> Iterator[None]:
    """Do something once the block is held by a database."""

    def watch() -> None:
        with server.superuser(name) as look:
            wait_until(lambda: held(look) is not None)
            act(look)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def change(cluster: Cluster) -> None:
    with cluster.store.change("change", "something", by="test"):
        pass


def interrupt(_: psycopg.Connection) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_in_a_commit_says_that_the_end_is_not_known(
    shared: Cluster, postgresql: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        once_held(shared, postgresql, interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        change(shared)
    assert UNKNOWN in "".join(capsys.readouterr())


def test_ctrl_c_after_a_commit_says_it_too(
    shared: Cluster,
    postgresql: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nodes are told in a transaction of its own, which may wait for a standby, too."""
    monkeypatch.setattr(database, "_NOTIFY", SLOW_NOTIFY)
    before = shared.store.revision()
    with shared.store.read() as connection:
        name = str(connection.scalar(text("SELECT current_database()")))
    with when_held(postgresql, name, interrupt), pytest.raises(KeyboardInterrupt):
        change(shared)
    assert UNKNOWN in "".join(capsys.readouterr())
    assert shared.store.revision() == before + 1


def test_ctrl_c_in_the_commit_of_a_new_cluster_says_it(
    postgresql: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    name = postgresql.create_database()
    store = Database(postgresql.url(name))

    def make() -> None:
        with store.create_cluster("lab", by="test") as made:
            made.connection.execute(text(HOLD))
            store._begin(made.connection, ("change", "something", "test"), 1)

    with when_held(postgresql, name, interrupt), pytest.raises(KeyboardInterrupt):
        make()
    assert UNKNOWN in "".join(capsys.readouterr())
    store.close()


def test_ctrl_c_before_a_commit_changes_nothing_and_says_no_more(
    shared: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shared.store.revision()
    with (
        pytest.raises(KeyboardInterrupt),
        shared.store.change("change", "something", by="test"),
    ):
        raise KeyboardInterrupt
    assert UNKNOWN not in "".join(capsys.readouterr())
    assert shared.store.revision() == before


def test_a_connection_that_breaks_in_a_commit_says_to_look(
    shared: Cluster, postgresql: Server
) -> None:
    def end(look: psycopg.Connection) -> None:
        look.execute("SELECT pg_terminate_backend(%s)", [held(look)])

    with (
        once_held(shared, postgresql, end),
        pytest.raises(DatabaseAwayError) as caught,
    ):
        change(shared)
    said = caught.value.explain()
    assert said.endswith("look whether the change was made before you repeat it")
