"""Serviceability > Control Center: orders that reach nobody, or not every server."""

import re

import pytest
import trio

from tests.rigs.console_rig import add_users, console_of
from tests.rigs.node_rig import FREE_PORTS, LAB
from tokenless.services.admin.certificate_text import local_time_at
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


async def test_a_service_says_since_when_it_runs(
    lab: Cluster, nursery: trio.Nursery
) -> None:
    lab.take_settings(load_config(LAB, FREE_PORTS))
    add_users(lab)
    publisher, _ = lab.nodes
    await nursery.start(serve_nodes, lab, [publisher.name])
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = (await alice.get(PATH)).text
        for column in ("Service Name", "Activation Status", "Start Time", "Up Time"):
            assert f'<th scope="col">{column}</th>' in page
        assert row_of(page, "Cisco Tftp")[1:3] == ["STARTED", "Activated"]
        assert row_of(page, "Cisco Tftp")[3] == local_time_at(lab.clock())
        assert row_of(page, "Cisco Tftp")[4].startswith("0 days 00:0")
        # A network service is never deactivated.
        assert row_of(page, "Cisco Trust Verification Service")[2] == "-"
        fields = {"service": "Cisco Tftp", "order": "stop", "sure": "yes"}
        page = await alice.said(PATH, fields | {"server": publisher.name})
        assert row_of(page, "Cisco Tftp")[1:5] == ["STOPPED", "Activated", "-", "-"]


def row_of(page: str, service: str) -> list[str]:
    """Return the cells of a service of the first server."""
    row = page.partition(f"<tr><td>{service}</td>")[2].partition("</tr>")[0]
    cells = re.findall(r"<td>(.*?)</td>", row)
    return [service, *(re.sub("<[^>]+>", "", cell) for cell in cells)]
