"""A node says what its database does not take, and a schema that it does not know."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from tests.rigs.waiting import until
from tests.services.conftest import taken
from tokenless.protocol.codes import TrustStore
from tokenless.services.callmanager import records
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.logs import get_logger
from tokenless.services.metrics import exposition
from tokenless.services.monitoring.health import Health, NodeHealth, Verdict
from tokenless.services.node.schema_watch import SchemaWatch
from tokenless.services.node.serve import Serving
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.node.taken_lists import TakenLists
from tokenless.services.store import migrate

Log = pytest.CaptureFixture[str]
REFUSAL = (
    "CREATE TRIGGER no_record BEFORE UPDATE ON node_state "
    "BEGIN SELECT RAISE(ABORT, 'no record is taken'); END"
)


def run(cluster: Cluster, statement: str) -> None:
    with cluster.store.write_node_state() as connection:
        connection.execute(text(statement))


def publisher(serving: Serving) -> NodeHealth:
    return serving.health().nodes[0]


def series(name: str, labels: str) -> str:
    prefix = f"tokenless_{name}{{{labels}}} "
    (line,) = [each for each in exposition().splitlines() if each.startswith(prefix)]
    return line.removeprefix(prefix)


def identity(file: Path) -> tuple[int, int]:
    """Return what changes when a file is written again; reading does not."""
    found = file.stat()
    return found.st_ino, found.st_mtime_ns


@pytest.fixture
def _seen_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SEEN_EVERY_S", 0.01)


@pytest.mark.usefixtures("_seen_often")
async def test_registrations_that_cannot_be_written_are_said(
    cluster: Cluster, served: Serving, capsys: Log
) -> None:
    name = served.runtimes[0].node.name
    labels = f'node="{name}",record="registrations"'
    assert (publisher(served).verdict, publisher(served).unwritten) == (Verdict.OK, {})
    run(cluster, REFUSAL)
    await until(lambda: all(each.unwritten for each in served.health().nodes))
    health = publisher(served)
    assert health.verdict is Verdict.DEGRADED
    assert list(health.unwritten) == ["registrations"]
    assert "no record is taken" in health.unwritten["registrations"]
    # Its lists are those of now.
    assert health.stale_since is None
    assert series("records_written", labels) == "0.0"
    told = msgspec.json.encode(served.health())
    assert msgspec.json.decode(told, type=Health) == served.health()

    run(cluster, "DROP TRIGGER no_record")
    await until(lambda: served.health().verdict is Verdict.OK)
    assert series("records_written", labels) == "1.0"
    log = "".join(capsys.readouterr())
    assert log.count("registrations are written again") == len(served.runtimes)


async def test_a_restart_does_not_forget_what_the_database_does_not_take(
    cluster: Cluster, served: Serving
) -> None:
    """The first write of the new run was seconds away, and `health` said ok."""
    run(cluster, REFUSAL)
    for runtime in served.runtimes:
        await runtime._services[ServiceName.CALLMANAGER].restart()
        assert "no record is taken" in runtime.health.unwritten["registrations"]


async def test_what_is_not_known_yet_is_not_ok(
    cluster: Cluster, served: Serving
) -> None:
    runtime = served.runtimes[0]
    with cluster.store.write_node_state():
        # Another one's transaction: SQLite has one writer, and this one waits.
        await runtime._services[ServiceName.CALLMANAGER].restart()
        health = runtime.health
        assert health.verdict is Verdict.DEGRADED
        assert health.unwritten == {
            "registrations": "nothing has been written since the service started"
        }
    await until(lambda: runtime.health.verdict is Verdict.OK)


async def test_a_list_that_cannot_be_recorded_is_taken_all_the_same(
    cluster: Cluster, served: Serving, capsys: Log
) -> None:
    """Its file was written again at each look, and the revision never applied."""
    run(cluster, REFUSAL.replace("UPDATE ON", "UPDATE OF ctl_revision ON"))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    revision = cluster.store.revision()
    followers = [each.follower for each in served.runtimes]
    await until(lambda: all(each.applied == revision for each in followers))
    file = served.runtimes[0].node.ctl_file
    written = identity(file)
    assert "no record is taken" in publisher(served).unwritten["lists"]
    assert publisher(served).verdict is Verdict.DEGRADED
    security.set_parameter(cluster, "AutoRegistration", "False", by="test")
    revision = cluster.store.revision()
    await until(lambda: all(each.applied == revision for each in followers))
    assert identity(file) == written
    assert taken(cluster) == [0, 0]

    run(cluster, "DROP TRIGGER no_record")
    await until(lambda: served.health().verdict is Verdict.OK)
    assert 0 not in taken(cluster)
    log = "".join(capsys.readouterr())
    assert log.count("taken are recorded again") == len(served.runtimes)


def test_the_note_of_an_older_list_does_not_come_after_a_newer_ones(
    cluster: Cluster,
) -> None:
    lists = TakenLists(cluster, cluster.publisher, get_logger())
    run(cluster, REFUSAL.replace("UPDATE ON", "UPDATE OF ctl_revision ON"))
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    assert lists.take_ctl()
    assert "no record is taken" in str(lists.trouble.reason)
    run(cluster, "DROP TRIGGER no_record")
    certificates.regenerate(
        cluster, cluster.publisher, TrustStore.CALLMANAGER, by="test"
    )
    security.update_ctl(cluster, by="test")
    assert lists.take_ctl()
    newest = taken(cluster)
    lists.record_again()
    assert taken(cluster) == newest
    assert lists.trouble.reason is None


async def test_a_schema_that_a_newer_program_made_is_said(
    cluster: Cluster, served: Serving, capsys: Log
) -> None:
    labels = f'node="{served.runtimes[0].node.name}"'
    assert series("schema_known", labels) == "1.0"
    run(cluster, "UPDATE alembic_version SET version_num = '0099'")
    await until(lambda: all(each.newer_schema for each in served.health().nodes))
    health = publisher(served)
    assert health.verdict is Verdict.DEGRADED
    assert health.newer_schema == (
        f"the database has schema 0099, this program knows up to {migrate.NEWEST}; "
        "upgrade this node's program and restart it"
    )
    assert health.stale_since is None
    assert series("schema_known", labels) == "0.0"

    with cluster.store.write_node_state() as connection:
        again = text("UPDATE alembic_version SET version_num = :newest")
        connection.execute(again, {"newest": migrate.NEWEST})
    await until(lambda: served.health().verdict is Verdict.OK)
    assert publisher(served).newer_schema is None
    assert series("schema_known", labels) == "1.0"
    log = "".join(capsys.readouterr())
    said = log.count("the schema is newer than this program")
    assert said == len(served.runtimes)


def test_a_schema_is_known_before_the_first_look(lab: Cluster) -> None:
    """Opening a cluster checks its schema; no alert may fire at a start."""
    SchemaWatch(lab.store, "begins", get_logger())
    assert series("schema_known", 'node="begins"') == "1.0"


def test_a_subscriber_sees_the_schema_of_a_shared_database(
    shared: Cluster, follower: Cluster
) -> None:
    watch = SchemaWatch(follower.store, "sub", get_logger())
    assert watch.revision() == shared.store.revision()
    assert watch.newer is None
    run(shared, "UPDATE alembic_version SET version_num = '0099'")
    watch.revision()
    assert "schema 0099" in str(watch.newer)
