"""Transactions: whole or nothing, one after the other, on record."""

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary

from tests.rigs.clock import Clock
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.installation import DATABASE_FILE
from tokenless.services.errors import ServiceError
from tokenless.services.store import schema
from tokenless.services.store.audit import read_audit
from tokenless.services.store.certificates import own
from tokenless.services.store.database import Database
from tokenless.services.store.parameters import (
    Parameter,
    check_value,
    read_parameter,
    write_parameter,
)


def test_a_change_bumps_the_revision_and_leaves_an_audit_row(lab: Cluster) -> None:
    before = lab.store.revision()
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="alice")
    assert lab.store.revision() == before + 1
    with lab.store.read() as connection:
        entry = read_audit(connection)[-1]
    assert (entry.by, entry.action, entry.detail) == (
        "alice",
        "set cluster mode",
        "mixed",
    )
    assert entry.revision == before + 1
    assert entry.at == int(lab.clock())


def test_a_change_that_fails_leaves_nothing(lab: Cluster) -> None:
    before = lab.store.revision()
    failure = pytest.raises(ServiceError, match="cannot be")
    with failure, lab.store.change("x", "y", by="bob") as change:
        write_parameter(change.connection, Parameter.CLUSTER_SECURITY_MODE, "1")
        check_value(Parameter.ROLLBACK, "perhaps")
    assert lab.store.revision() == before
    assert not lab.is_mixed
    with lab.store.read() as connection:
        assert all(entry.by != "bob" for entry in read_audit(connection))


def test_a_reader_keeps_its_state_while_another_changes_it(either: Cluster) -> None:
    with either.store.read() as connection:
        assert read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE) == "0"
        security.set_cluster_mode(either, SecurityMode.MIXED, by="alice")
        assert read_parameter(connection, Parameter.CLUSTER_SECURITY_MODE) == "0"
    assert either.is_mixed


def test_two_administrators_wait_for_each_other(either: Cluster) -> None:
    other = Cluster.open(either.data, database_url=either.installation.database_url)
    begun, done = threading.Event(), threading.Event()

    def second() -> None:
        begun.set()
        security.set_parameter(other, "AutoRegistration", "False", by="second")
        done.set()

    thread = threading.Thread(target=second)
    with either.store.change("slow", "work", by="first") as change:
        thread.start()
        begun.wait()
        write_parameter(change.connection, Parameter.ROLLBACK, "True")
        assert not done.wait(0.2)
    thread.join()
    other.close()
    values = either.parameters()
    assert (values["AutoRegistration"], values[Parameter.ROLLBACK]) == ("False", "True")
    with either.store.read() as connection:
        assert [entry.by for entry in read_audit(connection)][-2:] == [
            "first",
            "second",
        ]


def test_who_waits_too_long_is_told_why(either: Cluster) -> None:
    impatient = Database(either.installation.database_url, busy_timeout_s=0.05)
    with (
        either.store.change("slow", "work", by="first"),
        pytest.raises(ServiceError, match=r"locked|lock timeout") as caught,
        impatient.change("x", "y", by="second"),
    ):
        pass
    impatient.close()
    assert "another administrator" in caught.value.explain()


def test_no_column_could_hold_a_private_key(lab: Cluster) -> None:
    binary = {
        f"{table.name}.{column.name}"
        for table in schema.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert binary == {
        "certificate.der",
        "ctl_file.content",
        "device.certificate",
        "reset_itl.content",
    }
    # One for each own certificate of each node.
    assert any(path.is_file() for path in lab.data.rglob("keys/*.pem"))
    database = b"".join(
        path.read_bytes() for path in lab.data.glob(f"{DATABASE_FILE}*")
    )
    assert b"PRIVATE KEY" not in database


def test_one_unit_has_one_certificate_in_use(lab: Cluster) -> None:
    with lab.store.read() as connection:
        current = own(connection, TrustStore.TVS, lab.publisher.id)
    assert current is not None
    connection_ = sqlite3.connect(lab.data / DATABASE_FILE)
    with pytest.raises(sqlite3.IntegrityError):
        connection_.execute(
            "insert into placement (certificate_id, store, node_id, state, placed_at) "
            "select certificate_id, store, node_id, state, placed_at from placement "
            "where store = 'TVS'"
        )
    connection_.close()


def test_a_database_of_another_version_is_refused(lab: Cluster) -> None:
    connection = sqlite3.connect(lab.data / DATABASE_FILE)
    connection.execute("update alembic_version set version_num = '0099'")
    connection.commit()
    connection.close()
    with pytest.raises(ServiceError, match="schema 0099"):
        Cluster.open(lab.data)


def test_a_damaged_database_is_refused(lab: Cluster, tmp_path: Path) -> None:
    _ = tmp_path
    lab.close()
    for path in lab.data.glob(f"{DATABASE_FILE}*"):
        path.write_bytes(b"no database" * 500)
    with pytest.raises(ServiceError, match="not a database"):
        Cluster.open(lab.data, clock=Clock())
