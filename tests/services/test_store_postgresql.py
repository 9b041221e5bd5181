"""PostgreSQL: the same schema, one administrator at a time, roles, plain failures."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from protocol.codes import TrustStore
from services.cluster import certificates, security
from services.cluster.cluster import Cluster
from services.cluster.handover import export_node, import_node
from services.cluster.security import SecurityMode
from services.cluster.site import CONFIG_FILE, DATABASE_FILE
from services.config import load_config
from services.errors import ServiceError
from services.node.readiness import check_ready
from services.store import migrate, nodes, schema
from services.store.audit import read_audit
from services.store.database import Database
from services.store.engine import open_engine, without_password
from services.store.failures import DatabaseAwayError
from services.store.roles import grant
from tests.clock import Clock
from tests.postgresql import PASSWORD, Server, running_server
from tests.services.conftest import LAB

SUBSCRIBER = "cucm-1051-a-sub1"
ROLE = "subscriber"


@pytest.fixture(scope="session")
def shared_folder(
    postgresql: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return a data folder and its database, for copying."""
    postgresql.create_role(ROLE)
    folder = tmp_path_factory.mktemp("shared") / "data"
    name = postgresql.create_database()
    url = postgresql.url(name)
    Cluster.open(folder, load_config(LAB), database_url=url, clock=Clock()).close()
    return folder, name


@pytest.fixture
def url(postgresql: Server, shared_folder: tuple[Path, str]) -> str:
    """Return a database of the test's own that holds the lab."""
    return postgresql.url(postgresql.create_database(shared_folder[1]))


@pytest.fixture
def shared(
    shared_folder: tuple[Path, str], url: str, tmp_path: Path, clock: Clock
) -> Iterator[Cluster]:
    """Return a cluster on PostgreSQL that the test may change."""
    data = tmp_path / "shared"
    shutil.copytree(shared_folder[0], data)
    cluster = Cluster.open(data, database_url=url, clock=clock)
    yield cluster
    cluster.close()


@pytest.fixture
def follower(shared: Cluster, postgresql: Server, tmp_path: Path) -> Iterator[Cluster]:
    """Return the cluster as the subscriber's host sees it, with its own role."""
    node = shared.node(SUBSCRIBER)
    with shared.store.change("grant", ROLE, by="test") as change:
        grant(change.connection, node.id, ROLE)
    url = postgresql.url(_database_of(shared), ROLE)
    content = export_node(shared, node, "travels")
    cluster, _ = import_node(
        tmp_path / "elsewhere", content, "travels", database_url=url
    )
    yield cluster
    cluster.close()


def _database_of(cluster: Cluster) -> str:
    with cluster.store.read() as connection:
        return str(connection.scalar(text("SELECT current_database()")))


def test_steps_end_in_the_schema(lab: Cluster, shared: Cluster) -> None:
    for cluster in (lab, shared):
        with cluster.store.read() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, schema.metadata) == []
            assert migrate.version(connection) == migrate.NEWEST


def test_the_first_schema_is_upgraded(lab: Cluster) -> None:
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="alice")
    revision = lab.store.revision()
    lab.close()
    _make_first_schema(lab.data / DATABASE_FILE)
    again = Cluster.open(lab.data, clock=Clock())
    assert again.is_mixed
    assert again.store.revision() == revision
    with again.store.read() as connection:
        assert migrate.version(connection) == migrate.NEWEST
        assert (
            compare_metadata(MigrationContext.configure(connection), schema.metadata)
            == []
        )
    security.update_ctl(again, by="bob")
    again.close()


def _make_first_schema(file: Path) -> None:
    """Take back what came after the first schema."""
    connection = sqlite3.connect(file)
    connection.executescript(
        "DROP TABLE alembic_version;"
        "ALTER TABLE processnode DROP COLUMN db_role;"
        "ALTER TABLE node_state DROP COLUMN applied_revision;"
        "ALTER TABLE cluster ADD COLUMN schema_version INTEGER NOT NULL DEFAULT 1;"
    )
    connection.close()


def test_many_open_an_old_folder_at_once(lab: Cluster) -> None:
    lab.close()
    _make_first_schema(lab.data / DATABASE_FILE)
    opened: list[Cluster] = []
    threads = [
        threading.Thread(target=lambda: opened.append(Cluster.open(lab.data)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for cluster in opened:
        cluster.close()


def test_a_newer_schema_is_refused_in_one_line(shared: Cluster, url: str) -> None:
    with shared.store.note() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    with pytest.raises(ServiceError) as caught:
        Cluster.open(shared.data, database_url=url)
    assert caught.value.explain() == (
        "the database has schema 0099, this program knows up to "
        f"{migrate.NEWEST}; use the newer program that made it"
    )


def test_an_empty_database_is_no_cluster(shared: Cluster, postgresql: Server) -> None:
    empty = postgresql.url(postgresql.create_database())
    with pytest.raises(ServiceError, match="holds no cluster"):
        Cluster.open(shared.data, database_url=empty)


def test_a_second_cluster_in_one_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="holds a cluster already"):
        Cluster.open(tmp_path / "second", load_config(LAB), database_url=url)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_an_empty_database(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.cluster.initialise.save_config", fail)
    url = postgresql.url(postgresql.create_database())
    with pytest.raises(OSError, match="No space"):
        Cluster.open(tmp_path / "data", load_config(LAB), database_url=url)
    engine = open_engine(url, busy_timeout_s=1)
    with engine.connect() as connection:
        assert migrate.version(connection) is None
    engine.dispose()
    monkeypatch.undo()
    Cluster.open(tmp_path / "data", load_config(LAB), database_url=url).close()


def test_the_password_is_not_kept(shared: Cluster) -> None:
    saved = (shared.data / CONFIG_FILE).read_text()
    assert PASSWORD not in saved
    assert "postgresql+psycopg://tokenless@" in saved
    assert without_password("postgresql://a:b@h/d?password=c&sslmode=require") == (
        "postgresql+psycopg://a@h/d?sslmode=require"
    )


@pytest.mark.parametrize(
    "wrong", ["postgresql://a:hidden@h:port/d", "mysql://a:hidden@h/d", "hidden"]
)
def test_a_wrong_url_is_not_repeated(wrong: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Database(wrong)
    assert "hidden" not in caught.value.explain()
    assert "\n" not in caught.value.explain()


def test_two_administrators_wait_for_each_other(shared: Cluster, url: str) -> None:
    other = Cluster.open(shared.data, database_url=url)
    begun, done = threading.Event(), threading.Event()

    def second() -> None:
        begun.set()
        security.set_parameter(other, "AutoRegistration", "False", by="second")
        done.set()

    thread = threading.Thread(target=second)
    with shared.store.change("slow", "work", by="first"):
        thread.start()
        begun.wait()
        assert not done.wait(0.2)
    thread.join()
    other.close()
    with shared.store.read() as connection:
        assert [entry.by for entry in read_audit(connection)][-2:] == [
            "first",
            "second",
        ]


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

    threads = [threading.Thread(target=work, args=(name,)) for name in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with shared.store.read() as connection:
        entries = read_audit(connection)
    assert [entry.revision for entry in entries] == list(range(1, len(entries) + 1))
    assert shared.store.revision() == before + rounds * len(people)


def test_who_waits_too_long_is_told_why(shared: Cluster, url: str) -> None:
    impatient = Database(url, busy_timeout_s=0.05)
    with (
        shared.store.change("slow", "work", by="first"),
        pytest.raises(ServiceError, match="lock timeout") as caught,
        impatient.change("x", "y", by="second"),
    ):
        pass
    impatient.close()
    assert "another administrator" in caught.value.explain()


def test_a_reader_keeps_its_state(shared: Cluster) -> None:
    with shared.store.read() as connection:
        before = nodes.read_nodes(connection)
        shared.record_ports({SUBSCRIBER: {"tftp": 7001}})
        assert nodes.read_nodes(connection) == before
    assert shared.node(SUBSCRIBER).tftp_port == 7001


def test_a_subscriber_follows_with_its_own_role(
    shared: Cluster, follower: Cluster
) -> None:
    assert not follower.store.may_change
    assert [node.name for node in follower.nodes if node.is_here] == [SUBSCRIBER]
    assert not shared.node(SUBSCRIBER).is_here
    before = shared.store.revision()
    follower.record_ports({SUBSCRIBER: {"tftp": 7001, "tvs": 7002}})
    assert shared.node(SUBSCRIBER).tvs_port == 7002
    assert shared.store.revision() == before
    node = follower.node(SUBSCRIBER)
    own = certificates.own_certificate(follower, node, TrustStore.CALLMANAGER)
    assert node.keys.signer(TrustStore.CALLMANAGER, own)
    assert follower.store.first_published("content") == shared.store.first_published(
        "content"
    )


FORBIDDEN = [
    "UPDATE cluster SET revision = revision + 1",
    "INSERT INTO audit VALUES (99, 99, 0, 'x', 'y', 'z')",
    "DELETE FROM audit",
    "UPDATE processconfig SET paramvalue = '1'",
    "INSERT INTO ctl_file VALUES (99, '', 0)",
    "UPDATE ctl_file SET content = ''",
    "INSERT INTO reset_itl VALUES (99, 1, '')",
    "INSERT INTO certificate VALUES (99, 'x', '')",
    "INSERT INTO placement VALUES (99, 1, 'Phone-SAST-trust', NULL, 'current', 0, 0)",
    "DELETE FROM placement_role",
    "UPDATE processnode SET address = '127.0.0.1'",
    "UPDATE processnode SET db_role = current_user",
    "INSERT INTO processnode VALUES (9, 'x', 'y', false, 'z')",
    "UPDATE published SET published_at = 0",
    "DELETE FROM published",
    "UPDATE alembic_version SET version_num = '0099'",
    "DROP TABLE audit",
    "ALTER TABLE node_state DISABLE ROW LEVEL SECURITY",
    "CREATE TABLE mine (id integer)",
    "GRANT SELECT ON audit TO PUBLIC WITH GRANT OPTION",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_a_subscriber_writes_nothing_that_is_the_publishers(
    follower: Cluster, statement: str
) -> None:
    with pytest.raises(ServiceError), follower.store.note() as connection:
        connection.execute(text(statement))


def test_a_subscriber_writes_its_own_rows_only(follower: Cluster) -> None:
    publisher = follower.publisher.id

    def touched(connection: Connection, statement: str) -> int:
        return connection.execute(text(statement)).rowcount

    with follower.store.note() as connection:
        assert touched(connection, "UPDATE processnode SET tvs_port = 1") == 1
        assert touched(connection, "UPDATE node_state SET ctl_revision = 1") == 1
        nodes.write_state(connection, publisher, ctl_revision=5)
        assert nodes.read_state(connection, publisher).ctl_revision == 0


def test_an_administrators_command_on_a_subscriber_is_refused_in_one_line(
    follower: Cluster,
) -> None:
    node = follower.node(SUBSCRIBER)
    keys = set(node.keys_folder.iterdir())
    for refused in (
        lambda: security.set_cluster_mode(follower, SecurityMode.MIXED, by="x"),
        lambda: certificates.regenerate(
            follower, node, TrustStore.TVS, key_size=1024, by="x"
        ),
    ):
        with pytest.raises(ServiceError) as caught:
            refused()
        line = caught.value.explain()
        assert "this host may only follow" in line
        assert "\n" not in line
    own = certificates.own_certificate(follower, node, TrustStore.TVS)
    assert node.keys.path(TrustStore.TVS, own) in keys


def test_a_file_of_a_node_opens_with_its_password_only(
    shared: Cluster, tmp_path: Path
) -> None:
    content = export_node(shared, shared.node(SUBSCRIBER), "right")
    assert b"ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert PASSWORD.encode() not in content
    for damaged in (
        content,
        content[:-2],
        b"{}",
        content.replace(b"node 1", b"node 9"),
    ):
        with pytest.raises(ServiceError):
            import_node(tmp_path / "new", damaged, "wrong")
    outside = json.loads(content)
    outside["keys"]["../../TVS-AA.pem"] = next(iter(outside["keys"].values()))
    with pytest.raises(ServiceError, match="impossible names"):
        import_node(tmp_path / "new", json.dumps(outside).encode(), "right")
    outside = json.loads(content) | {"folder": "../x"}
    with pytest.raises(ServiceError):
        import_node(tmp_path / "new", json.dumps(outside).encode(), "right")
    assert not (tmp_path / "new").exists()


def test_a_regenerated_key_travels_the_same_way(
    shared: Cluster, follower: Cluster, tmp_path: Path, url: str
) -> None:
    node = shared.node(SUBSCRIBER)
    new = certificates.regenerate(
        shared, node, TrustStore.TVS, key_size=1024, by="alice"
    )
    there = follower.node(SUBSCRIBER)
    with pytest.raises(ServiceError, match="not on this machine"):
        there.keys.load(TrustStore.TVS, new)
    with pytest.raises(ServiceError, match="not on this machine"):
        check_ready(follower, there)
    content = export_node(shared, node, "again")
    again, _ = import_node(tmp_path / "elsewhere", content, "again", database_url=url)
    again.close()
    assert there.keys.load(TrustStore.TVS, new)
    check_ready(follower, there)


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
