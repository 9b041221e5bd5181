"""Serviceability > Control Center: orders that reach nobody, or not every server."""

import pytest
import trio

from tests.rigs.console_rig import add_users, console_of
from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import load_config
from tokenless.services.node.serve import serve_nodes

PATH = "/ccmservice/control-center"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"service": "Cisco Tftp", "order": "restart", "server": "elsewhere"},
            "no such",
        ),
        ({"service": "Cisco Tftp", "order": "restart"}, "on no such server that runs"),
        ({"service": "Cisco Tftp", "order": "destroy"}, "no such service"),
        ({"service": "Cisco Tomcat", "order": "restart"}, "no such service"),
        ({}, "no such service"),
    ],
)
async def test_an_order_that_reaches_nobody_is_refused(
    lab: Cluster, fields: dict[str, str], sentence: str
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = await alice.said(PATH, fields)
        assert sentence in page
        # No node runs: the page says it of each.
        assert page.count("is down") == len(lab.nodes)


async def test_a_server_that_is_down_is_named_where_all_are_restarted(
    lab: Cluster, nursery: trio.Nursery
) -> None:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    add_users(lab)
    publisher, subscriber = lab.nodes
    await nursery.start(serve_nodes, lab, [publisher.name])
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = await alice.said(PATH, {"service": "Cisco Tftp", "order": "restart"})
        assert f"was Successful on {publisher.name}" in page
        _, _, status = page.partition('class="status"')
        assert f"node {subscriber.name} is down" in status.partition("</section>")[0]
