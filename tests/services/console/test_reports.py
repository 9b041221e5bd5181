"""Unified Reporting: what is compared, and what cannot be."""

from tests.rigs.console_rig import add_users, console_of
from tokenless.services.changes.security import SecurityMode, set_cluster_mode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.control.announce import announce

PATH = "/cucreports"


async def test_a_ctl_that_cannot_be_read_is_not_called_the_same(lab: Cluster) -> None:
    add_users(lab)
    publisher, subscriber = lab.nodes
    subscriber.ctl_file.parent.mkdir(parents=True, exist_ok=True)
    subscriber.ctl_file.write_bytes(b"no list")
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        page = (await ray.get(PATH)).text
        assert f"cannot be read here: the CTL of {subscriber.name}." in page
        set_cluster_mode(lab, SecurityMode.MIXED, by="test")
        announce(lab)
        page = (await ray.get(PATH)).text
        assert "cannot be read here" not in page
        assert "not the same on all servers" not in page
        publisher.ctl_file.unlink()
        assert "not the same on all servers" in (await ray.get(PATH)).text
