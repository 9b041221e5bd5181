"""A subscriber's host on PostgreSQL: it follows, and may change nothing."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.services.conftest import SUBSCRIBER, TRAVELS
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.handover import export_node, import_node
from tokenless.services.errors import ServiceError
from tokenless.services.node.runtime import check_ready
from tokenless.services.store import nodes, registrations
from tokenless.services.store.registrations import (
    RecordedState,
    RegistrationRow,
    TftpItl,
)


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
    assert node.keys.signer(TrustStore.CALLMANAGER, own).certificate == own
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
    with pytest.raises(ServiceError), follower.store.write_node_state() as connection:
        connection.execute(text(statement))


def test_a_subscriber_writes_its_own_rows_only(follower: Cluster) -> None:
    publisher = follower.publisher.id

    def touched(connection: Connection, statement: str) -> int:
        return connection.execute(text(statement)).rowcount

    with follower.store.write_node_state() as connection:
        assert touched(connection, "UPDATE processnode SET tvs_port = 1") == 1
        assert touched(connection, "UPDATE node_state SET ctl_revision = 1") == 1
        nodes.write_state(connection, publisher, ctl_revision=5)
        assert nodes.read_state(connection, publisher).ctl_revision == 0


def test_a_subscriber_says_of_its_own_phones_only(follower: Cluster) -> None:
    mine, others = follower.node(SUBSCRIBER).id, follower.publisher.id
    row = RegistrationRow("SEP00000000000A", RecordedState.REGISTERED, 5)
    itl = TftpItl("0" * 40, "0" * 128)
    with follower.store.write_node_state() as connection:
        registrations.write_registrations(connection, mine, [row])
        registrations.write_registrations(connection, mine, [row])
        nodes.write_state(connection, mine, seen_at=7)
        assert registrations.write_itl(connection, mine, itl, 7)
        assert registrations.end_registrations(connection, mine, 22, 9) == 1
        assert registrations.end_registrations(connection, others, 22, 9) == 0
        found = registrations.read_registrations(connection)
    assert {each.node_id: len(each.rows) for each in found} == {mine: 1, others: 0}
    with pytest.raises(ServiceError), follower.store.write_node_state() as connection:
        registrations.write_registrations(connection, others, [row])
    with pytest.raises(ServiceError), follower.store.write_node_state() as connection:
        registrations.write_itl(connection, others, itl, 7)


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
        assert "this host may only read" in line
        assert "\n" not in line
    own = certificates.own_certificate(follower, node, TrustStore.TVS)
    assert node.keys.path(TrustStore.TVS, own) in keys


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
    content = export_node(shared, node, TRAVELS)
    again, _ = import_node(tmp_path / "elsewhere", content, TRAVELS, database_url=url)
    again.close()
    there.keys.load(TrustStore.TVS, new)  # raises if it is another
    check_ready(follower, there)
