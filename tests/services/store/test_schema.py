"""The schema and its versions: made, upgraded, refused when unknown."""

import sqlite3
import threading
import time
from operator import itemgetter
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from tests.rigs.clock import Clock
from tests.rigs.postgresql import Server
from tests.rigs.together import together
from tests.services.conftest import LAB
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.store import migrate, schema
from tokenless.services.store.access.engine import open_engine
from tokenless.services.store.certificates import (
    STORES_FOR_PHONES,
    PlacementState,
    all_own,
    all_trusted,
    remove,
)

CAPF = TrustStore.CAPF


def test_steps_end_in_the_schema(lab: Cluster, shared: Cluster) -> None:
    for cluster in (lab, shared):
        with cluster.store.read() as connection:
            context = MigrationContext.configure(connection)
            assert compare_metadata(context, schema.metadata) == []
            assert migrate.version(connection) == migrate.NEWEST


def _described(connection: Connection) -> dict[str, list[str]]:
    """Return all that a database's tables are, in words."""
    seen = inspect(connection)
    texts = connection.execute(text("SELECT sql FROM sqlite_master WHERE type='index'"))
    return {"indexes": sorted(str(sql) for (sql,) in texts)} | {
        table: [
            str(seen.get_pk_constraint(table)),
            *(
                str(sorted(each.items(), key=itemgetter(0)))
                for each in seen.get_columns(table)
            ),
            *sorted(map(str, seen.get_foreign_keys(table))),
            *sorted(map(str, seen.get_unique_constraints(table))),
            *sorted(map(str, seen.get_check_constraints(table))),
        ]
        for table in seen.get_table_names()
    }


def test_a_new_file_has_what_the_steps_lead_to() -> None:
    described = []
    for make in (migrate.upgrade, migrate.take_steps):
        with create_engine("sqlite://").begin() as connection:
            make(connection)
            described.append(_described(connection))
            assert migrate.version(connection) == migrate.NEWEST
            make(connection)
            assert _described(connection) == described[-1]
    assert described[0] == described[1]
    assert len(described[0]) > len(schema.metadata.tables)


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
    with again.store.read() as connection:
        capf = {each.certificate.der for each in all_own(connection, store=CAPF)}
        for store in STORES_FOR_PHONES:
            # Phones with an LSC of this CAPF register: that is how it is judged.
            assert capf <= {
                each.certificate.der for each in all_trusted(connection, store)
            }
    assert len(capf) == 2
    assert again.store.first_published("early") == 7
    assert again.store.first_published("wrong") > 7
    security.update_ctl(again, by="bob")
    again.close()


_PUBLISHED_BEFORE = (
    "DROP TABLE published;"
    "CREATE TABLE published (digest VARCHAR(64) NOT NULL PRIMARY KEY, "
    "published_at INTEGER NOT NULL);"
    "INSERT INTO published VALUES ('early', 7), ('wrong', -1);"
)


_NO_PHONE_INTERACTION = (
    "DELETE FROM processconfig WHERE paramname = 'PhoneInteractionOnCertificateUpdate'"
)
_NO_ISSUERS_OF_LSCS = (
    "DELETE FROM placement WHERE store IN ('CallManager-trust', 'CAPF-trust')"
)
_DEVICES_BEFORE = "".join(
    f"ALTER TABLE device DROP COLUMN {column.name};"
    for column in schema.device.columns
    if column.name not in {"id", "name", "model", "pool_id", "security_mode"}
)


def _make_first_schema(file: Path) -> None:
    """Take back what came after the first schema."""
    connection = sqlite3.connect(file)
    connection.executescript(
        "DROP TABLE alembic_version;"
        f"{_NO_ISSUERS_OF_LSCS};"
        "DROP TABLE console_user;"
        f"{_NO_PHONE_INTERACTION};"
        "DROP TABLE registration;"
        "DROP TABLE tftp_itl;"
        "ALTER TABLE placement DROP COLUMN label;"
        "ALTER TABLE processnode DROP COLUMN db_role;"
        "ALTER TABLE processnode DROP COLUMN ports;"
        "ALTER TABLE processnode DROP COLUMN roles;"
        "ALTER TABLE processnode DROP COLUMN is_fips;"
        "ALTER TABLE device_pool DROP COLUMN time_zone;"
        "ALTER TABLE device_pool DROP COLUMN date_template;"
        "ALTER TABLE node_state DROP COLUMN applied_revision;"
        "ALTER TABLE node_state DROP COLUMN seen_at;"
        "ALTER TABLE cluster ADD COLUMN schema_version INTEGER NOT NULL DEFAULT 1;"
        f"{_PUBLISHED_BEFORE}{_DEVICES_BEFORE}"
    )
    connection.close()


@pytest.mark.parametrize(
    ("version", "interaction"),
    [("10.5(2)", "manual"), ("12.5(1)SU1", "manual"), ("14SU3", "automatic")],
)
def test_an_older_cluster_gets_what_its_release_does(
    lab: Cluster, version: str, interaction: str
) -> None:
    security.set_parameter(lab, "Version", version, by="alice")
    lab.close()
    _make_first_schema(lab.data / DATABASE_FILE)
    again = Cluster.open(lab.data, clock=Clock())
    assert again.parameters()["PhoneInteractionOnCertificateUpdate"] == interaction
    assert again.phone_interaction.value == interaction
    again.close()


def test_many_open_an_old_folder_at_once(lab: Cluster) -> None:
    lab.close()
    _make_first_schema(lab.data / DATABASE_FILE)
    for cluster in together(*[lambda: Cluster.open(lab.data)] * 4):
        assert not cluster.is_mixed
        cluster.close()


def test_a_newer_schema_is_refused_in_one_line(shared: Cluster, url: str) -> None:
    with shared.store.write_node_state() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    with pytest.raises(ServiceError) as caught:
        Cluster.open(shared.data, database_url=url)
    assert caught.value.explain() == (
        "the database has schema 0099, this program knows up to "
        f"{migrate.NEWEST}; use the newer program that made it"
    )


def test_what_was_opened_before_an_upgrade_changes_nothing(either: Cluster) -> None:
    """The newer program's tables; this one would write what they may not be for."""
    before = either.store.revision()
    with either.store.write_node_state() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
        # As a table may be by then: a change must not even come to it.
        connection.execute(text("ALTER TABLE audit RENAME TO records"))
    with pytest.raises(ServiceError) as caught:
        security.set_cluster_mode(either, SecurityMode.MIXED, by="alice")
    assert caught.value.explain() == (
        "the database has schema 0099, this program knows up to "
        f"{migrate.NEWEST}; nothing was changed; continue with the newer program that "
        "made it"
    )
    assert either.store.revision() == before
    assert not either.is_mixed


def test_a_change_that_an_upgrade_overtakes_is_refused(
    shared: Cluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the upgrade's end, and looks at the schema only then."""
    refused: list[ServiceError] = []

    def change() -> None:
        with pytest.raises(ServiceError) as caught:
            security.set_cluster_mode(shared, SecurityMode.MIXED, by="alice")
        refused.append(caught.value)

    waiting = threading.Thread(target=change)

    def steps_of_a_newer_program(connection: Connection) -> None:
        waiting.start()
        while not connection.scalar(_WAITING) and waiting.is_alive():
            time.sleep(0.01)
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))

    with shared.store.write_node_state() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0013'"))
    monkeypatch.setattr(migrate, "upgrade", steps_of_a_newer_program)
    Cluster.open(shared.data, database_url=url).close()
    waiting.join()
    assert "schema 0099" in str(refused[0])
    assert not shared.is_mixed


_WAITING = text("SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted")


def test_an_empty_database_is_no_cluster(shared: Cluster, postgresql: Server) -> None:
    empty = postgresql.url(postgresql.create_database())
    with pytest.raises(ServiceError, match="holds no cluster"):
        Cluster.open(shared.data, database_url=empty)


def test_a_second_cluster_in_one_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="already holds a cluster"):
        Cluster.open(tmp_path / "second", load_config(LAB), database_url=url)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_an_empty_database(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tokenless.services.cluster.initialise.save_config", fail)
    url = postgresql.url(postgresql.create_database())
    with pytest.raises(OSError, match="No space"):
        Cluster.open(tmp_path / "data", load_config(LAB), database_url=url)
    engine = open_engine(url, busy_timeout_s=1)
    with engine.connect() as connection:
        assert migrate.version(connection) is None
    engine.dispose()
    monkeypatch.undo()
    Cluster.open(tmp_path / "data", load_config(LAB), database_url=url).close()


def test_a_subscriber_still_publishes_after_an_upgrade(
    shared: Cluster, follower: Cluster, url: str
) -> None:
    with shared.store.write_node_state() as connection:
        for statement in (
            *_PUBLISHED_BEFORE.split(";")[:-1],
            "ALTER TABLE processnode DROP COLUMN ports",
            "ALTER TABLE processnode DROP COLUMN roles",
            "ALTER TABLE processnode DROP COLUMN is_fips",
            "ALTER TABLE device_pool DROP COLUMN time_zone",
            "ALTER TABLE device_pool DROP COLUMN date_template",
            "ALTER TABLE placement DROP COLUMN label",
            "DROP TABLE console_user",
            _NO_PHONE_INTERACTION,
            "DROP TABLE registration",
            "DROP TABLE tftp_itl",
            "ALTER TABLE node_state DROP COLUMN seen_at",
            *_DEVICES_BEFORE.split(";")[:-1],
            "ALTER TABLE processnode DROP CONSTRAINT tvs_port_is_one",
            "ALTER TABLE processnode DROP CONSTRAINT tftp_port_is_one",
            "UPDATE processnode SET tvs_port = -1",
            "UPDATE alembic_version SET version_num = '0002'",
        ):
            connection.execute(text(statement))
    Cluster.open(shared.data, database_url=url).close()
    assert shared.store.first_published("early") == 7
    assert follower.store.first_published("early") == 7
    assert follower.store.first_published("new") == shared.store.first_published("new")
    assert [node.tvs_port for node in shared.nodes] == [None, None]


def test_capf_is_trusted_once_in_either_database(either: Cluster) -> None:
    """The step adds what is missing, and only that; those of before stay trusted."""
    certificates.regenerate(either, either.publisher, CAPF, by="alice")
    with either.store.change("undo", "the step", by="test") as change:
        connection = change.connection
        connection.execute(text(_NO_ISSUERS_OF_LSCS))
        connection.execute(text("UPDATE alembic_version SET version_num = '0013'"))
        migrate.take_steps(connection)
        capf = {
            each.certificate.der
            for state in PlacementState
            for each in all_own(connection, store=CAPF, state=state)
        }
        for store in STORES_FOR_PHONES:
            found = [each.certificate.der for each in all_trusted(connection, store)]
            assert sorted(found) == sorted(capf)
    assert len(capf) == 3


def test_an_issuer_that_was_deleted_stays_away(either: Cluster) -> None:
    """Deleting it is how LSCs of a CAPF that is not trusted any more are ended."""
    old = certificates.regenerate(either, either.publisher, CAPF, by="alice")
    certificates.regenerate(either, either.publisher, CAPF, by="alice")
    with either.store.change("delete", "the old issuer", by="alice") as change:
        for store in STORES_FOR_PHONES:
            for each in all_trusted(change.connection, store):
                if each.certificate == old:
                    remove(change.connection, each)
        trusted = {store: all_trusted(change.connection, store) for store in TrustStore}
        change.connection.execute(
            text("UPDATE alembic_version SET version_num = '0013'")
        )
        migrate.take_steps(change.connection)
        for store in TrustStore:
            assert all_trusted(change.connection, store) == trusted[store]
