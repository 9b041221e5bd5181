"""A subscriber's role in an attacker's hands: what it writes, holds, floods, plants."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
import trio
from psycopg import errors
from sqlalchemy import text

from tests.rigs.postgresql import Server
from tests.services.conftest import ROLE, SUBSCRIBER
from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.node.follower import follow_notifications
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.store import nodes
from tokenless.services.store.access import roles
from tokenless.services.store.access.engine import CHANNEL
from tokenless.services.store.access.roles import grant


@contextmanager
def attacker(server: Server, url: str) -> Iterator[psycopg.Connection]:
    """Log in as the subscriber's role, with a client of the attacker's own."""
    database = url.rpartition("/")[2]
    plain = server.url(database, ROLE).replace("+psycopg", "")
    with closing(psycopg.connect(plain, autocommit=True)) as connection:
        yield connection


OUT_OF_BOUNDS = [
    "INSERT INTO published VALUES ('x', current_user, -1)",
    "INSERT INTO published VALUES ('x', current_user, 4294967296)",
    "UPDATE processnode SET tvs_port = -1",
    "UPDATE processnode SET tftp_port = 0",
    "UPDATE processnode SET tvs_port = 65536",
]
NOT_ITS_OWN = "INSERT INTO published VALUES ('x', 'tokenless', 1)"


@pytest.mark.usefixtures("follower")
@pytest.mark.parametrize("statement", OUT_OF_BOUNDS)
def test_what_no_phone_takes_is_not_stored(
    postgresql: Server, url: str, statement: str
) -> None:
    with (
        attacker(postgresql, url) as connection,
        pytest.raises(errors.CheckViolation),
    ):
        connection.execute(statement.encode())


@pytest.mark.usefixtures("follower")
def test_nobody_publishes_in_anothers_name(postgresql: Server, url: str) -> None:
    with (
        attacker(postgresql, url) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(NOT_ITS_OWN)


def test_what_an_older_schema_let_through_is_not_believed(shared: Cluster) -> None:
    node = shared.node(SUBSCRIBER)
    with shared.store.write_node_state() as connection:
        for each in ("published", "processnode"):
            names = connection.scalars(
                text(
                    "SELECT conname FROM pg_constraint WHERE contype = 'c' "
                    "AND conrelid = CAST(:name AS regclass)"
                ),
                {"name": each},
            ).all()
            for name in names:
                connection.execute(text(f"ALTER TABLE {each} DROP CONSTRAINT {name}"))
        connection.execute(text("UPDATE processnode SET tvs_port = -1, tftp_port = 0"))
        connection.execute(text("INSERT INTO published VALUES ('x', 'other', -1)"))
        row = nodes.read_node(connection, node.id)
    assert (row.tftp_port, row.tvs_port) == (None, None)
    assert shared.store.first_published("x") > 0


def test_the_publishers_own_word_counts_for_it(
    shared: Cluster, follower: Cluster, postgresql: Server, url: str
) -> None:
    before = shared.store.first_published("content")
    with attacker(postgresql, url) as connection:
        connection.execute("INSERT INTO published VALUES ('content', current_user, 7)")
    assert shared.store.first_published("content") == before
    assert follower.store.first_published("other") == shared.store.first_published(
        "other"
    )


@pytest.mark.usefixtures("follower")
def test_rows_left_uncommitted_hold_up_no_start(
    shared: Cluster, postgresql: Server, url: str
) -> None:
    files = NodeFiles(shared, shared.publisher)
    assert files.find("XMLDefault.cnf.xml.sgn")
    with shared.store.write_node_state() as connection:
        digests = connection.scalars(text("SELECT digest FROM published")).all()
        connection.execute(text("DELETE FROM published"))
    with attacker(postgresql, url) as connection:
        connection.autocommit = False
        for digest in digests:
            connection.execute(
                "INSERT INTO published VALUES (%s, current_user, 1)", (digest,)
            )
        assert NodeFiles(shared, shared.publisher).find("XMLDefault.cnf.xml.sgn")
        assert connection.info.transaction_status.name == "INTRANS"


def test_no_change_fails_because_nobody_can_be_told(
    shared: Cluster, postgresql: Server, url: str
) -> None:
    """As when a role has filled the server's queue of notifications (8 GB)."""
    database = url.rpartition("/")[2]
    told = "EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC"
    postgresql.execute(f"REVOKE {told}", database)
    revision = shared.store.revision()
    security.set_cluster_mode(shared, SecurityMode.MIXED, by="test")
    assert shared.store.revision() == revision + 1
    with (
        pytest.raises(ServiceError, match="pg_notify"),
        shared.store.write_node_state() as note,
    ):
        note.execute(text("SELECT pg_catalog.pg_notify('a', 'b')"))


async def test_a_flood_of_notifications_is_a_few_looks(
    shared: Cluster, follower: Cluster, postgresql: Server, url: str
) -> None:
    assert not follower.store.may_change
    looks = 0

    def poke() -> None:
        nonlocal looks
        looks += 1

    def flood() -> None:
        with attacker(postgresql, url) as connection:
            for _ in range(2000):
                connection.execute(f"NOTIFY {CHANNEL}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_notifications, shared.store, poke)
        await trio.to_thread.run_sync(flood)
        security.set_cluster_mode(shared, SecurityMode.MIXED, by="test")
        nursery.cancel_scope.cancel()
    assert 0 < looks < 500


PLANTED = """
CREATE FUNCTION public.pg_notify(varchar, varchar) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN EXECUTE 'GRANT ALL ON ALL TABLES IN SCHEMA public TO subscriber'; END $$
"""


def test_a_grant_closes_an_open_schema(
    shared: Cluster, follower: Cluster, postgresql: Server, url: str
) -> None:
    """Such as PostgreSQL 14 had, and what pg_upgrade makes of it."""
    database = url.rpartition("/")[2]
    postgresql.execute(f"GRANT CREATE ON SCHEMA public TO PUBLIC, {ROLE}", database)
    with pytest.raises(ServiceError, match="every role may create"):
        Cluster.open(shared.data, database_url=url)
    with attacker(postgresql, url) as connection:
        connection.execute(PLANTED)
        connection.execute("DROP FUNCTION public.pg_notify")
        with shared.store.change("grant", ROLE, by="test") as change:
            grant(change.connection, follower.node(SUBSCRIBER).id, ROLE)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(PLANTED)
    Cluster.open(shared.data, database_url=url).close()


@pytest.mark.usefixtures("follower")
def test_a_planted_function_is_neither_called_nor_overlooked(
    shared: Cluster, postgresql: Server, url: str
) -> None:
    database = url.rpartition("/")[2]
    postgresql.execute("GRANT CREATE ON SCHEMA public TO PUBLIC", database)
    with attacker(postgresql, url) as connection:
        connection.execute(PLANTED)
        connection.execute(
            "CREATE FUNCTION public.has_table_privilege(varchar, varchar) "
            "RETURNS boolean LANGUAGE sql AS 'SELECT false'"
        )
        # The publisher was open already.
        assert shared.store.may_change
        security.set_cluster_mode(shared, SecurityMode.MIXED, by="test")
        row = connection.execute(
            "SELECT has_table_privilege('audit', 'DELETE')"
        ).fetchone()
        assert row == (False,)
    postgresql.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    with pytest.raises(ServiceError, match="another role has made"):
        Cluster.open(shared.data, database_url=url)


def test_an_older_server_is_refused(
    shared: Cluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "LEAST_VERSION", 99)
    with pytest.raises(ServiceError, match=r"99 or newer|runs on PostgreSQL \d\d"):
        Cluster.open(shared.data, database_url=url)
