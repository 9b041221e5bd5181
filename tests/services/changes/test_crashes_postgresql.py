"""PostgreSQL in mid-update: the administrator's process killed, the database stopped.

Both at every statement that writes and at every commit: what is left must be the old
state or the new one, in the database and in every file that a node says it has taken.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import event

from tests.rigs.clock import START, Clock
from tests.rigs.postgresql import Server, running_server
from tests.services.changes.test_crashes import (
    Operation,
    catch_up,
    check_whole,
    go_mixed,
    regenerate_and_update,
)
from tests.services.conftest import LAB
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.trust_lists import newest_ctl

WRITES: Final = ("INSERT", "UPDATE", "DELETE", "SELECT pg_notify")
LEAST_STEPS: Final = 5


def interrupt(cluster: Cluster, at: int, happens: Callable[[], None]) -> None:
    """Let something happen before the n-th write or commit of a cluster."""
    steps = count(1)

    def step() -> None:
        if next(steps) == at:
            happens()

    engine = cluster.store._engine
    event.listen(
        engine,
        "commit",
        lambda connection: (
            step() if connection.get_execution_options()["tokenless_writes"] else None
        ),
    )
    event.listen(
        engine,
        "before_cursor_execute",
        lambda *words: step() if words[2].startswith(WRITES) else None,
    )


def deaths(
    data: Path, server: Server, database: str, operation: Operation
) -> Iterator[Cluster]:
    """Give a copy of a cluster for each step at which the operation was killed."""
    for number in count(1):
        copy = data.parent / f"killed-{number}"
        shutil.copytree(data, copy)
        copied = server.create_database(database)
        url = server.url(copied)
        how = in_child(copy, url, operation, number)
        if how == 0:
            assert number > LEAST_STEPS, "the operation has more steps than that"
            return
        assert os.WIFSIGNALED(how), f"step {number}: status {how}"
        cluster = Cluster.open(copy, database_url=url, clock=Clock())
        yield cluster
        cluster.close()
        server.drop_database(copied)


def in_child(data: Path, url: str, operation: Operation, killed_at: int) -> int:
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        cluster = Cluster.open(data, database_url=url, clock=Clock(START + 60))
        interrupt(cluster, killed_at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        operation(cluster)
        code = 0
    finally:
        os._exit(code)


def make(folder: Path, server: Server) -> tuple[Cluster, str]:
    """Make the lab; return it and its database."""
    database = server.create_database()
    url = server.url(database)
    config = load_config(LAB, {"certificates": {"regenerated_key_size": 1024}})
    return Cluster.open(folder, config, database_url=url, clock=Clock()), database


def has_ctl(cluster: Cluster) -> bool:
    with cluster.store.read() as connection:
        return newest_ctl(connection) is not None


def test_going_mixed_is_old_or_new_wherever_it_is_killed(
    postgresql: Server, tmp_path: Path
) -> None:
    lab, database = make(tmp_path / "data", postgresql)
    lab.close()
    seen = set()
    for cluster in deaths(tmp_path / "data", postgresql, database, go_mixed):
        check_whole(cluster)
        assert cluster.is_mixed == has_ctl(cluster)
        seen.add(cluster.is_mixed)
        catch_up(cluster)
        check_whole(cluster)
    assert seen == {False, True}


def test_a_regeneration_is_old_or_new_wherever_it_is_killed(
    postgresql: Server, tmp_path: Path
) -> None:
    lab, database = make(tmp_path / "data", postgresql)
    go_mixed(lab)
    store = TrustStore.CALLMANAGER
    before = certificates.own_certificate(lab, lab.publisher, store)
    lab.close()
    seen = set()
    for cluster in deaths(
        tmp_path / "data", postgresql, database, regenerate_and_update
    ):
        check_whole(cluster)
        now = certificates.own_certificate(cluster, cluster.publisher, store)
        seen.add(now == before)
        security.update_ctl(cluster, by="afterwards")
        catch_up(cluster)
        check_whole(cluster)
    assert seen == {True, False}


def test_a_database_stopped_in_mid_update_has_the_old_state_or_the_new(
    tmp_path: Path,
) -> None:
    with running_server() as server:
        cluster, database = make(tmp_path / "data", server)
        cluster.close()
        for number in count(1):
            url = server.url(database)
            cluster = Cluster.open(tmp_path / "data", database_url=url, clock=Clock())
            revision = cluster.store.revision()
            interrupt(cluster, number, server.stop)
            if (line := _go_mixed_or_say_why_not(cluster)) is None:
                assert number > LEAST_STEPS
                if not server.is_running:
                    server.start()  # it was stopped at a write after the change's own
                break
            assert "\n" not in line
            server.start()
            assert not cluster.is_mixed
            assert not has_ctl(cluster)
            assert cluster.store.revision() == revision
            check_whole(cluster)
            cluster.close()
        assert cluster.is_mixed
        check_whole(cluster)
        cluster.close()


def _go_mixed_or_say_why_not(cluster: Cluster) -> str | None:
    try:
        security.set_cluster_mode(cluster, SecurityMode.MIXED, by="alice")
    except DatabaseAwayError as error:
        return error.explain()
    return None


def test_two_that_make_the_same_folder_get_the_same_cluster(
    postgresql: Server, tmp_path: Path
) -> None:
    url = postgresql.url(postgresql.create_database())

    def open_in_child() -> int:
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            config = load_config(LAB)
            Cluster.open(tmp_path / "data", config, database_url=url).close()
            code = 0
        finally:
            os._exit(code)

    children = [open_in_child() for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    cluster = Cluster.open(tmp_path / "data", database_url=url, clock=Clock())
    check_whole(cluster)
    cluster.close()


def test_a_role_that_is_not_there_is_one_line(
    postgresql: Server, tmp_path: Path
) -> None:
    url = postgresql.url(postgresql.create_database(), "absent")
    with pytest.raises(ServiceError) as caught:
        Cluster.open(tmp_path / "data", load_config(LAB), database_url=url)
    assert "correct the role, its password" in caught.value.explain()
    assert "\n" not in caught.value.explain()
