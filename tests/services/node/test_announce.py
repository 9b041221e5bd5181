"""What an administrator is told about each node after a change."""

import os
import signal
import socket
import threading
from collections.abc import Mapping

import pytest
import trio

from tokenless.services.changes import security
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import lagging, record_applied
from tokenless.services.errors import ServiceError
from tokenless.services.node.control import announce as announce_module
from tokenless.services.node.control.announce import Delivery, NodeDelivery, announce
from tokenless.services.node.control.requests import Request
from tokenless.services.node.control.server import serve_control
from tokenless.services.node.control.unix_socket import listen
from tokenless.services.node.serve import Serving, serve_nodes


@pytest.fixture
def mixed(cluster: Cluster) -> Cluster:
    """Return a cluster whose nodes have a list to take."""
    security.set_cluster_mode(cluster, SecurityMode.MIXED, by="test")
    return cluster


def outcomes(deliveries: list[NodeDelivery]) -> list[Delivery]:
    return [each.outcome for each in deliveries]


async def in_thread(cluster: Cluster) -> list[NodeDelivery]:
    return await trio.to_thread.run_sync(announce, cluster)


def test_without_any_server_the_folders_are_brought_up_to_date(mixed: Cluster) -> None:
    told: list[str] = []
    deliveries = announce(mixed, before=told.append)
    names = [node.name for node in mixed.nodes]
    assert deliveries == [NodeDelivery(name, Delivery.OFFLINE) for name in names]
    assert told == names
    assert [each.explain() for each in deliveries] == [None, None]
    assert all(node.ctl_file.exists() for node in mixed.nodes)


def test_ctrl_c_says_that_the_change_was_made_and_who_was_not_heard(
    mixed: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node that hangs is waited for; nobody may think that nothing is done."""
    accepted: list[socket.socket] = []
    with listen(mixed.publisher.control_socket) as hanging:

        def interrupt_once_asked() -> None:
            accepted.append(hanging.accept()[0])
            accepted[0].recv(1)
            os.kill(os.getpid(), signal.SIGINT)

        asked = threading.Thread(target=interrupt_once_asked)
        asked.start()
        with pytest.raises(KeyboardInterrupt):
            announce(mixed)
        asked.join()
    accepted[0].close()
    said = "".join(capsys.readouterr())
    assert "] interrupted after the change was made " in said
    assert "nodes that run take it by themselves; look with `tokenless health`" in said
    for node in mixed.nodes:
        assert node.name in said


def test_ctrl_c_names_no_node_that_has_the_change(
    mixed: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sync(node: Node, _: int) -> NodeDelivery:
        if node.id == mixed.publisher.id:
            return NodeDelivery(node.name, Delivery.APPLIED)
        raise KeyboardInterrupt

    monkeypatch.setattr(announce_module, "_sync", sync)
    with pytest.raises(KeyboardInterrupt):
        announce(mixed)
    said = "".join(capsys.readouterr())
    assert mixed.publisher.name not in said
    assert mixed.nodes[1].name in said


def test_a_folder_that_cannot_be_written_is_told(mixed: Cluster) -> None:
    node = mixed.publisher
    node.tftp_folder.rename(node.tftp_folder.with_suffix(".old"))
    node.tftp_folder.write_text("no folder")
    failed, taken = announce(mixed)
    assert (failed.outcome, taken.outcome) == (Delivery.FAILED, Delivery.OFFLINE)
    explained = failed.explain()
    assert explained is not None
    assert explained.startswith(f"node {node.name}: ")
    assert "Not a directory" in explained


async def test_nodes_that_run_have_applied_it(mixed: Cluster, served: Serving) -> None:
    assert len(served.runtimes) == 2
    assert await in_thread(mixed) == [
        NodeDelivery(node.name, Delivery.APPLIED) for node in mixed.nodes
    ]


async def test_a_node_that_does_not_answer_is_named(
    mixed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce_module, "_TIMEOUT_S", 0.1)
    node = mixed.publisher
    with listen(node.control_socket):
        silent, _ = await in_thread(mixed)
    assert silent.outcome is Delivery.FAILED
    assert silent.reason == (
        f"node {node.name} did not answer within 0.1 s; look at the log of its "
        "`tokenless serve`"
    )


async def test_beside_one_that_runs_another_is_down(
    mixed: Cluster, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, subscriber = mixed.nodes
    await nursery.start(serve_nodes, mixed, [publisher.name])
    # Nobody is elsewhere, so nobody is waited for.
    monkeypatch.delattr(announce_module, "lagging")
    applied, down = await in_thread(mixed)
    assert applied.outcome is Delivery.APPLIED
    assert down.explain() == (
        f"node {subscriber.name} is down; it gets the new file when it starts"
    )
    assert not subscriber.ctl_file.exists()


async def test_a_node_that_cannot_take_it_says_why(
    mixed: Cluster, nursery: trio.Nursery
) -> None:
    async def refuse(_request: Request) -> Mapping[str, object]:
        raise ServiceError("disk full")

    node = mixed.publisher
    await nursery.start(serve_control, node.name, node.control_socket, refuse)
    failed, _ = await in_thread(mixed)
    assert failed == NodeDelivery(node.name, Delivery.FAILED, "disk full")


@pytest.fixture
def elsewhere(mixed: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return a cluster whose subscriber is on another host, as far as can be seen."""
    monkeypatch.setattr(type(mixed.store), "is_shared", property(lambda _: True))
    monkeypatch.setattr(announce_module, "_ELSEWHERE_S", 0.2)
    mixed.nodes[1].served_elsewhere_marker.touch()
    return mixed


async def test_a_node_on_another_host_is_waited_for(
    elsewhere: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It records its revision behind the first look, as one does that was told."""
    monkeypatch.setattr(announce_module, "_ELSEWHERE_S", 30)
    publisher, subscriber = elsewhere.nodes
    revision, looks = elsewhere.store.revision(), list[frozenset[int]]()

    def look(cluster: Cluster, wanted: int) -> frozenset[int]:
        looks.append(lagging(cluster, wanted))
        record_applied(cluster, subscriber, revision)
        return looks[-1]

    monkeypatch.setattr(announce_module, "lagging", look)
    assert await in_thread(elsewhere) == [
        NodeDelivery(publisher.name, Delivery.DOWN),
        NodeDelivery(subscriber.name, Delivery.APPLIED),
    ]
    assert [subscriber.id in each for each in looks] == [True, False]


async def test_but_not_for_long(elsewhere: Cluster) -> None:
    assert outcomes(await in_thread(elsewhere)) == [Delivery.OFFLINE, Delivery.DOWN]
