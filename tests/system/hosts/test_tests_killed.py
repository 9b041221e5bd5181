"""The tests that have a cluster are killed: its hosts put it back, in their order."""

from subprocess import PIPE, Popen

import msgspec

from tests.system.hosts.agreement import check_agreement
from tests.system.hosts.changes import (
    REGENERATE_TVS,
    RESTART_TFTP,
    check_all_boot_well,
)
from tests.system.hosts.host import NodeHost, finished
from tests.system.hosts.scene import Scene
from tokenless.services.test_agent.requests import Begin, Request, Type


def started(node: NodeHost) -> Popen[str]:
    """Start a node's agent of tests; it has its node for itself."""
    agent = node.start("test-agent", stdin=PIPE)
    assert agent.stdout is not None
    assert node.node in agent.stdout.readline()
    ask(agent, Begin())
    return agent


def ask(agent: Popen[str], request: Request) -> None:
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write(f"{msgspec.json.encode(request).decode()}\n")
    agent.stdin.flush()
    answer = agent.stdout.readline()
    assert msgspec.json.decode(answer)["ok"], answer


def test_the_subscriber_waits_until_the_database_is_put_back(scene: Scene) -> None:
    """Its Cisco Tftp would otherwise start with what the tests have left."""
    before = scene.sums()
    publisher, subscriber = map(started, scene.nodes)
    ask(publisher, Type(REGENERATE_TVS))
    for agent in (publisher, subscriber):
        ask(agent, Type(RESTART_TFTP))
    assert scene.sums() != before
    assert subscriber.stdin is not None
    assert subscriber.stderr is not None
    subscriber.stdin.close()
    subscriber.stdin = None
    assert any("waits for the publisher" in line for line in subscriber.stderr)
    assert finished(publisher, "").returncode == 0
    assert subscriber.wait() == 0
    assert scene.sums() == before
    check_all_boot_well(scene)
    check_agreement(scene)
