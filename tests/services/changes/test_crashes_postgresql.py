"""PostgreSQL in mid-update: the administrator's process killed, the database stopped.

Both at every statement that writes and at every commit: what is left must be the old
state or the new one, in the database and in every file that a node says it has taken.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import count, zip_longest
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import event

from tests.rigs.clock import START, Clock
from tests.rigs.postgresql import Server, running_server
from tests.services.changes.test_crashes import (
    LEAST_STEPS,
    Kept,
    Operation,
    catch_up,
    check_whole,
    go_mixed,
    in_child,
    kept,
    regenerate_and_update,
    stop,
    stops,
)
from tests.services.conftest import LAB
from tokenless.protocol.codes import TrustStore
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.errors import ServiceError
from tokenless.services.store.access.failures import DatabaseAwayError
from tokenless.services.store.schema import metadata
from tokenless.services.store.trust_lists import newest_ctl

State = tuple[list[list[str]], dict[str, Kept]]

WRITES: Final = ("INSERT", "UPDATE", "DELETE", "SELECT pg_notify")


def interrupt(cluster: Cluster, happens: Callable[[int], None]) -> None:
    """Let something happen before each write or commit of a cluster."""
    steps = count(1)
    engine = cluster.store._engine
    event.listen(
        engine,
        "commit",
        lambda connection: (
            happens(next(steps))
            if connection.get_execution_options()["tokenless_writes"]
            else None
        ),
    )
    event.listen(
        engine,
        "before_cursor_execute",
        lambda *words: happens(next(steps)) if words[2].startswith(WRITES) else None,
    )


def deaths(
    data: Path, server: Server, database: str, operation: Operation
) -> Iterator[Cluster]:
    """Give a copy of a cluster for each step at which the operation was killed.

    Of steps one after the other that a kill would leave with the same files, and others
    with the same rows, it is the last: more of its transaction is not committed.
    """
    with copied(data, server, database) as (folder, url):
        numbers = last_steps(folder, url, operation)
    for number in numbers:
        with copied(data, server, database) as (folder, url):
            work = partial(operate, folder, url, operation, partial(die, number))
            how = os.waitpid(in_child(work), 0)[1]
            assert os.WIFSIGNALED(how), f"step {number}: status {how}"
            with closing(_opened(folder, url)) as cluster:
                yield cluster


@contextmanager
def copied(data: Path, server: Server, database: str) -> Iterator[tuple[Path, str]]:
    """Copy a cluster; yield its folder and the URL of its database."""
    folder = data.parent / "copy"
    shutil.copytree(data, folder)
    name = server.create_database(database)
    yield folder, server.url(name)
    server.drop_database(name)
    shutil.rmtree(folder)


def last_steps(folder: Path, url: str, operation: Operation) -> list[int]:
    """Do an operation once; return the steps before something changes for others."""
    work = partial(operate, folder, url, operation, lambda _number: stop())
    with (
        closing(stops(work)) as numbers,
        closing(_opened(folder, url)) as cluster,
    ):
        found = [(number, state(cluster)) for number in numbers]
    return [
        number
        for (number, here), (_, then) in zip_longest(found, found[1:], fillvalue=(0, 0))
        if here != then
    ]


def die(last: int, number: int) -> None:
    """Die at a step."""
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)


def operate(
    folder: Path, url: str, operation: Operation, happens: Callable[[int], None]
) -> None:
    """Open a cluster and do something with it, and something else at each step."""
    cluster = Cluster.open(folder, database_url=url, clock=Clock(START + 60))
    interrupt(cluster, happens)
    operation(cluster)


def state(cluster: Cluster) -> State:
    """Return all rows of a cluster, and all files of its folder."""
    with cluster.store.read() as connection:
        rows = [
            sorted(map(repr, connection.execute(table.select())))
            for table in metadata.sorted_tables
        ]
    return rows, kept(cluster.data)


def _opened(folder: Path, url: str) -> Cluster:
    return Cluster.open(folder, database_url=url, clock=Clock())


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
            interrupt(cluster, partial(stop_server, server, number))
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


def stop_server(server: Server, last: int, number: int) -> None:
    """Stop a server at a step."""
    if number == last:
        server.stop()


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
