"""The lab, served in this process on free ports."""

import pytest
import trio

from tests.rigs.node_rig import FREE_PORTS, LAB, Ask
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.control.client import request
from tokenless.services.node.control.requests import Request
from tokenless.services.node.serve import Serving, serve_nodes


@pytest.fixture
def cluster(lab: Cluster) -> Cluster:
    """Return a cluster whose services take free ports."""
    lab.take_settings(load_config(LAB, FREE_PORTS))
    return lab


@pytest.fixture
async def served(cluster: Cluster, nursery: trio.Nursery) -> Serving:
    """Return all nodes of the cluster, being served."""
    serving: Serving = await nursery.start(serve_nodes, cluster)
    return serving


@pytest.fixture
def ask(cluster: Cluster) -> Ask:
    """Return a way to ask the publisher's server, as an administrator's process."""
    node = cluster.publisher

    async def ask(what: Request) -> dict[str, object]:
        return await trio.to_thread.run_sync(
            lambda: request(node.name, node.control_socket, what)
        )

    return ask
