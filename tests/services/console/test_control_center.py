"""Serviceability > Control Center: orders that reach nobody are refused."""

import pytest

from tests.rigs.console_rig import add_users, console_of
from tokenless.services.cluster.cluster import Cluster

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
