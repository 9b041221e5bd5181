"""PostgreSQL: administrators at the same time, passwords, plain failures."""

import select
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text

from tests.rigs.postgresql import PASSWORD, running_server
from tests.rigs.together import together
from tests.rigs.waiting import wait_until
from tests.services.conftest import LAB
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.store import nodes
from tokenless.services.store.access import slow
from tokenless.services.store.access.engine import open_engine, without_password
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.access.listening import Listener
from tokenless.services.store.audit import read_audit
from tokenless.services.store.database import Database


def test_the_password_is_not_kept(shared: Cluster) -> None:
    saved = (shared.data / CONFIG_FILE).read_text()
    assert PASSWORD not in saved
    assert "postgresql+psycopg://tokenless@" in saved
    full = "postgresql://a:b@h/d?password=c&sslmode=require&sslpassword=e"
    assert without_password(full) == ("postgresql+psycopg://a@h/d?sslmode=require")


@pytest.mark.parametrize(
    "wrong", ["postgresql://a:hidden@h:port/d", "mysql://a:hidden@h/d", "hidden"]
)
def test_a_wrong_url_is_not_repeated(wrong: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Database(wrong)
    assert "hidden" not in caught.value.explain()
    assert "\n" not in caught.value.explain()


def test_a_connection_that_cannot_listen_is_closed(url: str) -> None:
    engine = open_engine(url, busy_timeout_s=5)
    given: list[psycopg.Connection] = []

    @event.listens_for(engine, "checkout")
    def spoil(raw: psycopg.Connection, _record: object, _proxy: object) -> None:
        given.append(raw)
        raw.execute("BEGIN")

    with pytest.raises(DatabaseAwayError, match="notifications of changes"):
        Listener(engine)
    assert [each.closed for each in given] == [True]


def test_administrators_at_the_same_time_lose_nothing(
    shared: Cluster, url: str
) -> None:
    before = shared.store.revision()
    rounds, people = 8, ("alice", "bob", "carol")

    def work(name: str) -> None:
        cluster = Cluster.open(shared.data, database_url=url)
        for number in range(rounds):
            security.set_cluster_mode(cluster, SecurityMode(number % 2), by=name)
        cluster.close()

    together(*[partial(work, name) for name in people])
    with shared.store.read() as connection:
        entries = read_audit(connection)
    assert [entry.revision for entry in entries] == list(range(1, len(entries) + 1))
    assert shared.store.revision() == before + rounds * len(people)


def test_a_stopped_server_is_one_clear_line(tmp_path: Path) -> None:
    with running_server() as server:
        url = server.url(server.create_database())
        cluster = Cluster.open(tmp_path / "data", load_config(LAB), database_url=url)
        before = cluster.store.revision()
        with pytest.raises(DatabaseAwayError) as caught:
            _rename_while(server.stop, cluster)
        assert "\n" not in caught.value.explain()
        with pytest.raises(DatabaseAwayError, match="refused") as caught:
            security.set_cluster_mode(cluster, SecurityMode.MIXED, by="z")
        assert "start PostgreSQL" in caught.value.explain()
        assert PASSWORD not in caught.value.explain()
        server.start()
        assert cluster.store.revision() == before
        assert cluster.publisher.name != "lost"
        security.set_cluster_mode(cluster, SecurityMode.MIXED, by="z")
        assert cluster.is_mixed
        cluster.close()


def _rename_while(happens: Callable[[], None], cluster: Cluster) -> None:
    with cluster.store.change("x", "y", by="z") as change:
        happens()
        nodes.rename_node(change.connection, 1, "lost")


def test_the_password_may_come_from_libpq(
    shared: Cluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = without_password(url)
    with pytest.raises(ServiceError, match="no password supplied") as caught:
        Cluster.open(shared.data, database_url=bare)
    assert ".pgpass" in caught.value.explain()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    Cluster.open(shared.data, database_url=bare).close()


def test_who_listens_is_told_of_changes_and_of_the_end(shared: Cluster) -> None:
    listener = shared.store.listen()
    assert not listener.take()
    security.set_cluster_mode(shared, SecurityMode.MIXED, by="z")
    assert select.select([listener], [], [], 30)[0]
    assert listener.take()
    with suppress(DatabaseAwayError), shared.store.read() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    with pytest.raises(DatabaseAwayError, match="connection to the database was lost"):
        _take_all(listener)
    listener.close()


def _take_all(listener: Listener) -> None:
    while select.select([listener], [], [], 30)[0]:
        listener.take()


def test_nobody_listens_to_a_server_that_is_away() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseAwayError, match="notifications of changes"):
        database.listen()
    database.close()


def test_who_waits_long_for_a_change_is_told(
    shared: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow, "PATIENCE_S", 0.01)
    said = ""

    def has_said() -> bool:
        nonlocal said
        said += "".join(capsys.readouterr())
        return "waiting for the database to take a change" in said

    def waits() -> None:
        with shared.store.change("second", "", by="test"):
            pass

    with shared.store.change("first", "", by="test"):
        second = threading.Thread(target=waits)
        second.start()
        wait_until(has_said)
    second.join()
    assert "waits for a standby" in said
