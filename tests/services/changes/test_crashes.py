"""kill -9 at every step of a change; administrators at the same time.

A child process is killed right before the n-th call that touches the disk or the
database, for every n, until one gets through. What it leaves must be the old state or
the new one, in the database and in every file that a node says it has taken.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
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

Operation = Callable[[Cluster], None]


def in_child(data: Path, operation: Operation, *, killed_at: int | None) -> int:
    """Run an operation in a child; return how it ended, as waitpid says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        cluster = Cluster.open(data, clock=Clock(START + 60))
        if killed_at is not None:
            sys.setprofile(_Killer(killed_at))
        operation(cluster)
        code = 0
    finally:
        os._exit(code)


class _Killer:
    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, _frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call" and getattr(argument, "__qualname__", "") in STEPS:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def deaths(data: Path, scratch: Path, operation: Operation) -> Iterator[Path]:
    """Give a copy of `data` for each step before which the operation was killed."""
    for number in count(1):
        copy = scratch / f"killed-{number}"
        shutil.copytree(data, copy)
        how = in_child(copy, operation, killed_at=number)
        if how == 0:
            assert number > 5, "the operation has more steps than that"
            return
        assert os.WIFSIGNALED(how), f"step {number}: status {how}"
        yield copy
        shutil.rmtree(copy)


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


def test_going_mixed_is_old_or_new_wherever_it_is_killed(
    lab: Cluster, tmp_path: Path
) -> None:
    lab.close()
    seen = set()
    for copy in deaths(lab.data, tmp_path, go_mixed):
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
    for copy in deaths(lab.data, tmp_path, regenerate_and_update):
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
    target = tmp_path / "new" / "data"

    def make(number: int) -> int:
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1]
        try:
            sys.setprofile(_Killer(number))
            Cluster.open(target, config, clock=Clock())
            sys.setprofile(None)
            os._exit(0)
        finally:
            os._exit(1)

    made = 0
    for number in count(1, 3):
        how = make(number)
        if target.exists():
            made += 1
            cluster = Cluster.open(target, clock=Clock())
            check_whole(cluster)
            assert len(certificates.own(cluster)) == 11
            cluster.close()
            shutil.rmtree(target)
        if how == 0:
            assert number > 10
            break
    assert made


def test_a_wrong_password_is_counted_wherever_it_is_killed(
    lab: Cluster, tmp_path: Path
) -> None:
    create_token(lab.tokens_folder, "A", now=START)
    lab.close()

    def unlock(cluster: Cluster) -> None:
        open_token(cluster.tokens_folder, "A").unlock(DEFAULT_PASSWORD)

    left = set()
    for copy in deaths(lab.data, tmp_path, unlock):
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
