"""`tokenless test-agent`: a node obeys the tests of another project."""

import os
import signal
import sys
from pathlib import Path

import click

from tokenless.services.cli.cluster.administration import using_cluster
from tokenless.services.cli.failures import logged_failures
from tokenless.services.cli.options import config_option, data_option
from tokenless.services.logs import configure_logs
from tokenless.services.test_agent.agent import NodeAgent, choose_node


@click.command("test-agent")
@data_option
@config_option
@click.option(
    "--node",
    help="The node, by its name or, where one is served here, by any; default: the "
    "one that is served here.",
)
def test_agent(data: Path, config: Path | None, node: str | None) -> None:
    """Obey pytest fixtures that run elsewhere.

    `pytest --tokenless-exec` runs it on each node. Orders and answers are JSON lines on
    standard input and output. Between tests, and when standard
    input ends, it puts the cluster back as it was.
    """
    configure_logs()
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))  # puts the node back first
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with logged_failures(), using_cluster(data, config) as cluster, answers:
        agent = NodeAgent(cluster, choose_node(cluster, node))
        agent.serve(sys.stdin.buffer, answers)
