"""A look at the database notices a schema that a newer program has made."""

import structlog
from sqlalchemy import text
from structlog.testing import capture_logs

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.metrics import SCHEMA_KNOWN
from tokenless.services.node.schema_watch import SchemaWatch
from tokenless.services.store import migrate

NEWER = (
    f"the database has schema 0099, this program knows up to {migrate.NEWEST}; upgrade "
    "this node's program and restart it"
)


def become(lab: Cluster, version: str) -> None:
    with lab.store.write_node_state() as connection:
        update = text("UPDATE alembic_version SET version_num = :version")
        connection.execute(update, {"version": version})


def known(node: str) -> float:
    return float(SCHEMA_KNOWN.labels(node)._value.get())


def test_a_newer_schema_is_said_as_long_as_it_is_there(lab: Cluster) -> None:
    with capture_logs() as told:
        watch = SchemaWatch(lab.store, "watched", structlog.get_logger())
        assert (watch.newer, known("watched")) == (None, 1.0)
        assert watch.revision() == lab.store.revision()
        assert (watch.newer, known("watched")) == (None, 1.0)
        for _ in range(2):
            become(lab, "0099")
            for _ in range(3):
                assert watch.revision() == lab.store.revision()
                assert (watch.newer, known("watched")) == (NEWER, 0.0)
            become(lab, migrate.NEWEST)
            watch.revision()
            assert (watch.newer, known("watched")) == (None, 1.0)
    assert told == 2 * [
        {
            "event": "the schema is newer than this program",
            "log_level": "error",
            "reason": NEWER,
        }
    ]


def test_a_schema_that_nobody_names_is_not_newer(lab: Cluster) -> None:
    watch = SchemaWatch(lab.store, "watched", structlog.get_logger())
    with lab.store.write_node_state() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    assert watch.revision() == lab.store.revision()
    assert watch.newer is None
