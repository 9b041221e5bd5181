"""Tests of another project that run, unchanged, against the cluster of compose.yaml.

"A cluster that runs elsewhere" of docs/in-your-tests.md, under podman and Docker. Part
of `make image`.
"""

import random
import sys
import time

import pytest

from tests.rigs.outside import Project
from tests.rigs.waiting import wait_until
from tests.system.image.page import blocks, section
from tests.system.image.stack import ADDRESSES, Stack

pytestmark = pytest.mark.timeout(1800)

KILLS = 3
LONG = """
import pathlib, threading

def test_long(tokenless_cluster):
    tokenless_cluster.create_token("A")
    tokenless_cluster.create_token("B")
    tokenless_cluster.ctl_client("A", "B", mode="mixed-mode")
    tokenless_cluster.restart_tftp()
    pathlib.Path("changed").touch()
    threading.Event().wait()
"""


@pytest.fixture(scope="module")
def cluster(stack: Stack) -> Stack:
    """Return the stack, up: the first block of the page's section."""
    commands, _ = blocks(section("A cluster: `compose.yaml`"))[0]
    stack.type(commands)
    return stack


def by_compose(cluster: Stack) -> tuple[str, ...]:
    """Return options that name the nodes as compose does."""
    tftp = ",".join(f"{host}={address}" for host, address in ADDRESSES.items())
    return (f"--tokenless-tftp={tftp}", f"--tokenless-exec={cluster.reach}")


def by_container(cluster: Stack) -> tuple[str, ...]:
    """Return options that name the nodes as the engine does."""
    tftp = ",".join(
        f"{cluster.container_of(host)}={address}" for host, address in ADDRESSES.items()
    )
    reach = f"{cluster.engine.program} exec -i {{node}}"
    return (f"--tokenless-tftp={tftp}", f"--tokenless-exec={reach}")


def test_all_flows_against_compose(
    cluster: Stack, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """What only a lab can do is skipped; two workers take turns."""
    before = cluster.state()
    options = ("-n", "2", "-rs", "--durations=20")
    command = project.pytest(*by_compose(cluster), *options)
    said = cluster.engine.run(*command)
    with capsys.disabled():
        sys.stdout.write(said)
    assert "8 passed, 1 skipped" in said
    assert "kill_node" in said
    assert cluster.state() == before


def test_tests_that_are_killed_leave_nothing_to_the_next(
    cluster: Stack, project: Project
) -> None:
    """In a test that has changed the cluster, and at any moment of a run."""
    before = cluster.state()
    next_run = project.pytest(*by_container(cluster), "tests/test_flows.py")
    (project.folder / "test_long.py").write_text(LONG)
    long = project.pytest(*by_container(cluster), "test_long.py")
    with cluster.engine.started(*long) as tests:
        wait_until((project.folder / "changed").exists)
        assert cluster.state() != before
        tests.kill()
    began = time.monotonic()
    assert "4 passed" in cluster.engine.run(*next_run)
    whole_s = time.monotonic() - began
    assert cluster.state() == before
    moments = random.Random(0)
    for _ in range(KILLS):
        with cluster.engine.started(*next_run, "-n", "2") as tests:
            time.sleep(moments.uniform(0, whole_s))
            tests.kill()
        assert "4 passed" in cluster.engine.run(*next_run)
        assert cluster.state() == before
