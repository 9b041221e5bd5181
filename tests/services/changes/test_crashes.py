"""kill -9 at every step of a change; administrators at the same time.

A child process stops right before each call that touches the disk or the database, and
its folder is copied: a kill would leave that, as the kernel has written all that it was
given. It must be the old state or the new one, in the database and in every file that a
node says it has taken.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Final

from tests.rigs.clock import START, Clock
from tests.services.conftest import taken
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import certificates, security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.cluster.distribution import install_ctl
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, create_token, open_token
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.scratch import remove_left_scratch
from tokenless.services.store import trust_lists
from tokenless.services.store.audit import read_audit
from tokenless.services.store.schema import ctl_file

STEPS: Final = frozenset(
    {
        "BufferedWriter.write",
        "Connection.commit",
        "fchmod",
        "fsync",
        "mkdir",
        "rename",
        "replace",
        "unlink",
    }
)
"""Functions written in C that change what a crash would leave."""

LEAST_STEPS: Final = 5

Operation = Callable[[Cluster], None]
Kept = tuple[int, bytes]


def stop() -> None:
    """Stop until this process is told to go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def stops(work: Callable[[], object]) -> Generator[int]:
    """Do some work in a child that stops before each step; give these their numbers."""
    child = in_child(work)
    has_ended = False
    try:
        for number in count(1):
            how = os.waitpid(child, os.WUNTRACED)[1]
            has_ended = not os.WIFSTOPPED(how)
            if how == 0:
                assert number > LEAST_STEPS, "the operation has more steps than that"
                return
            assert not has_ended, f"step {number}: status {how}"
            yield number
            os.kill(child, signal.SIGCONT)
    finally:
        if not has_ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def in_child(work: Callable[[], object]) -> int:
    """Begin some work in a child; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def stopping(work: Callable[[], object]) -> None:
    """Do some work; stop before each step."""

    def look(_frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call" and getattr(argument, "__qualname__", "") in STEPS:
            stop()

    sys.setprofile(look)
    work()
    sys.setprofile(None)


def deaths(folder: Path, scratch: Path, work: Callable[[], object]) -> Generator[Path]:
    """Do some work in a child; give copies of what a kill would leave of a folder.

    There is one for each step before which the child would be killed, unless it would
    leave the same files there as before an earlier step.
    """
    seen: list[dict[str, Kept]] = []
    with closing(stops(partial(stopping, work))) as numbers:
        for number in numbers:
            if (found := kept(folder)) not in seen:
                seen.append(found)
                copy = scratch / f"killed-{number}"
                shutil.copytree(folder, copy)
                yield copy
                shutil.rmtree(copy)


def kept(folder: Path) -> dict[str, Kept]:
    """Return what is in a folder: of each file its rights and what it holds."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
        # SQLite makes a new index when the first process opens a database.
        if path.suffix != ".db-shm"
    }


def check_whole(cluster: Cluster) -> None:
    """Check that what the cluster says of itself is so."""
    for placed in certificates.own(cluster):
        node = next(node for node in cluster.nodes if node.id == placed.node_id)
        node.keys.load(placed.store, placed.certificate)  # raises if it is another
    check_revisions(cluster)
    with cluster.store.read() as connection:
        lists = {
            row.revision: row.content for row in connection.execute(ctl_file.select())
        }
    for content in lists.values():
        check_list(content)
    for node, revision in zip(cluster.nodes, taken(cluster), strict=True):
        if revision:
            assert node.ctl_file.read_bytes() in {
                content for at, content in lists.items() if at >= revision
            }
        if node.itl_file.exists():
            check_list(node.itl_file.read_bytes())


def check_revisions(cluster: Cluster) -> None:
    """Check that every change is on record, and nothing else."""
    with cluster.store.read() as connection:
        revisions = [entry.revision for entry in read_audit(connection)]
    assert revisions == list(range(1, cluster.store.revision() + 1))


def check_list(data: bytes) -> None:
    trust_list = TrustList.decode(data)
    record = trust_list.signing_record()
    assert record is not None
    assert record.certificate is not None
    trust_list.verify(record.certificate.public_key)


def catch_up(cluster: Cluster) -> None:
    """Do what nodes do when they start."""
    for node in cluster.nodes:
        install_ctl(cluster, node)
        rebuild_itl(cluster, node)
    with cluster.store.read() as connection:
        newest = trust_lists.newest_ctl(connection)
    for node in cluster.nodes:
        data = node.ctl_file.read_bytes() if node.ctl_file.exists() else None
        assert data == (None if newest is None else newest.content)


def go_mixed(cluster: Cluster) -> None:
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="child")
    catch_up(cluster)


def regenerate_and_update(cluster: Cluster) -> None:
    certificates.regenerate(
        cluster, cluster.publisher, TrustStore.CALLMANAGER, key_size=1024, by="child"
    )
    security.update_ctl(cluster, by="child")
    catch_up(cluster)


def operate(data: Path, operation: Operation) -> None:
    """Open a cluster and do something with it."""
    operation(Cluster.open(data, clock=Clock(START + 60)))


def test_going_mixed_is_old_or_new_wherever_it_is_killed(
    lab: Cluster, tmp_path: Path
) -> None:
    lab.close()
    seen = set()
    work = partial(operate, lab.data, go_mixed)
    with closing(deaths(lab.data, tmp_path, work)) as copies:
        for copy in copies:
            cluster = Cluster.open(copy, clock=Clock())
            check_whole(cluster)
            with cluster.store.read() as connection:
                has_ctl = trust_lists.newest_ctl(connection) is not None
            assert cluster.is_mixed == has_ctl
            seen.add(has_ctl)
            catch_up(cluster)
            check_whole(cluster)
            cluster.close()
    assert seen == {False, True}


def test_a_regeneration_is_old_or_new_wherever_it_is_killed(
    lab: Cluster, tmp_path: Path
) -> None:
    go_mixed(lab)
    before = certificates.own_certificate(lab, lab.publisher, TrustStore.CALLMANAGER)
    lab.close()
    seen = set()
    work = partial(operate, lab.data, regenerate_and_update)
    with closing(deaths(lab.data, tmp_path, work)) as copies:
        for copy in copies:
            cluster = Cluster.open(copy, clock=Clock())
            check_whole(cluster)
            now = certificates.own_certificate(
                cluster, cluster.publisher, TrustStore.CALLMANAGER
            )
            seen.add(now == before)
            assert (
                before in [each.certificate for each in certificates.history(cluster)]
            ) == (now != before)
            security.update_ctl(cluster, by="afterwards")
            catch_up(cluster)
            check_whole(cluster)
            cluster.close()
    assert seen == {True, False}


def test_making_a_cluster_leaves_all_or_nothing(
    lab_folder: Path, tmp_path: Path
) -> None:
    with closing(Cluster.open(lab_folder)) as made_before:
        config = made_before.config
    home = tmp_path / "new"
    home.mkdir()
    make = partial(Cluster.open, home / "data", config, clock=Clock())
    made, left = [], list[dict[str, Kept]]()
    with closing(deaths(home, tmp_path, make)) as copies:
        for copy in copies:
            made.append((copy / "data").exists())
            remove_left_scratch(copy)
            assert made[-1] == any(copy.rglob("*.pem")), "keys are left"
            if (rest := kept(copy)) not in left:
                left.append(rest)
                cluster = Cluster.open(copy / "data", config, clock=Clock())
                check_whole(cluster)
                assert len(certificates.own(cluster)) == 11
                cluster.close()
    assert made == sorted(made)
    assert len(made) > 10
    assert made[-1]


def test_a_wrong_password_is_counted_wherever_it_is_killed(
    lab: Cluster, tmp_path: Path
) -> None:
    create_token(lab.tokens_folder, "A", now=START)
    lab.close()

    def unlock() -> None:
        open_token(lab.tokens_folder, "A").unlock(DEFAULT_PASSWORD)

    left = set()
    with closing(deaths(lab.data, tmp_path, unlock)) as copies:
        for copy in copies:
            token = open_token(copy / "tokens", "A")
            left.add(token.tries_left)
            token.unlock(DEFAULT_PASSWORD)
    assert left == {14, 15}


def regenerate_in_child(data: Path, name: str, rounds: int) -> int:
    """Have an administrator regenerate and update in a child; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        cluster = Cluster.open(data)
        for _ in range(rounds):
            certificates.regenerate(
                cluster,
                cluster.publisher,
                TrustStore.CALLMANAGER,
                key_size=1024,
                by=name,
            )
            security.update_ctl(cluster, by=name)
            for node in cluster.nodes:
                install_ctl(cluster, node)
        code = 0
    finally:
        os._exit(code)


def test_administrators_at_the_same_time_lose_nothing(lab: Cluster) -> None:
    before = lab.store.revision()
    rounds, people = 6, ("alice", "bob", "carol")
    security.set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    lab.close()
    children = [regenerate_in_child(lab.data, name, rounds) for name in people]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    cluster = Cluster.open(lab.data, clock=Clock())
    assert cluster.store.revision() == before + 1 + 2 * rounds * len(people)
    with cluster.store.read() as connection:
        by = [entry.by for entry in read_audit(connection)]
    assert all(by.count(name) == 2 * rounds for name in people)
    history = certificates.history(cluster, store=TrustStore.CALLMANAGER)
    assert len(history) == rounds * len(people)
    check_whole(cluster)
    security.update_ctl(cluster, by="last")
    catch_up(cluster)
    cluster.close()
