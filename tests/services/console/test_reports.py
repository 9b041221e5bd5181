"""Unified Reporting: what is compared, and what cannot be."""

from tests.rigs.console_rig import add_users, console_of
from tokenless.services.changes.security import SecurityMode, set_cluster_mode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.node.control.announce import announce
from tokenless.services.publishing.itl import rebuild_itl

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


async def test_a_list_with_another_signature_is_not_called_signed(
    lab: Cluster,
) -> None:
    add_users(lab)
    set_cluster_mode(lab, SecurityMode.MIXED, by="test")
    announce(lab)
    publisher, subscriber = lab.nodes
    for node in lab.nodes:
        rebuild_itl(lab, node)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        page = (await ray.get(PATH)).text
        signed = page.count("(signed this file)")
        assert "could not be verified" not in page
        for file in (publisher.ctl_file, subscriber.itl_file):
            data = bytearray(file.read_bytes())
            data[-1] ^= 1  # of the last record
            file.write_bytes(data)
        page = (await ray.get(PATH)).text
    assert page.count("(signed this file)") == signed - 2
    assert page.count("CTLFile.tlv could not be verified") == 1
    assert page.count("ITLFile.tlv could not be verified") == 1


async def test_a_phone_of_two_protocols_has_two_rows(lab: Cluster) -> None:
    """A missing row would say that a 7975 with SIP has no Security By Default."""
    add_users(lab)
    async with console_of(lab) as console:
        ray = await console.signed_in("ray")
        page = (await ray.get(PATH)).text
    for row in ("7975</td><td>SCCP", "7975</td><td>SIP", "8861</td><td>SIP"):
        assert f"<tr><td>{row}</td><td>Security By Default</td>" in page
    assert "<td>8861</td><td>SCCP" not in page
    assert "<td>7960</td>" not in page
