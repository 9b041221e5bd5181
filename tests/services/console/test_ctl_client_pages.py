"""The CTL Client's windows: who may connect, and servers outside of the cluster."""

import pytest

from tests.rigs.console_rig import PASSWORD, Visitor, add_users, console_of
from tests.rigs.minting import server
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.services.changes import ctl_client, security
from tokenless.services.changes.console_users import MAX_FAILURES
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.pki.tokens import DEFAULT_PASSWORD, FileToken
from tokenless.services.store.audit import read_audit

PATH = "/ctl-client"


async def connect(
    visitor: Visitor, lab: Cluster, name: str = "alice", password: str = PASSWORD
) -> str:
    fields = {"server": lab.publisher.name, "name": name, "password": password}
    return await visitor.said(PATH, fields)


async def test_the_server_asks_for_an_administrator_of_its_own(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for name, password in (("alice", "wrong"), ("nobody", PASSWORD), ("", "")):
            assert "refuses the name" in await connect(alice, lab, name, password)
            assert "not connected" in (await alice.get(f"{PATH}/mode")).text
        assert "Your role is read" in await connect(alice, lab, "ray")
        assert "not connected" in (await alice.get(f"{PATH}/mode")).text
        page = await connect(alice, lab)
        assert "Update CTL File" in page
        assert "does not support" not in page
        security.set_parameter(lab, "Version", "14SU2", by="test")
        assert "does not support the CTL Client" in await connect(alice, lab)


async def test_guesses_at_the_server_lock_the_user_out(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for _ in range(MAX_FAILURES):
            await connect(alice, lab, "ray", "wrong")
        assert "refuses the name" in await connect(alice, lab, "ray")
        pages = [await connect(alice, lab, "nobody", "wrong") for _ in range(10)]
        assert "Too many sign-in attempts" in pages[-1]


async def test_a_console_without_users_asks_for_none(lab: Cluster) -> None:
    async with console_of(lab, asks_nobody=True) as console:
        guest = console.visitor()
        page = (await guest.get(PATH)).text
        assert "has no users" in page
        assert 'type="password"' not in page
        assert "Update CTL File" in await guest.said(
            PATH, {"server": lab.publisher.name}
        )


async def test_another_clusters_tftp_and_a_firewall_are_entries(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    tftp, firewall = server("tftp"), server("asa")
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await connect(alice, lab)
        await alice.said(f"{PATH}/mode", {"mode": "mixed"})
        for token in tokens[:2]:
            await alice.said(f"{PATH}/insert", {"token": token.name})
        for kind, address, made in (
            ("tftp", "192.0.2.9", tftp),
            ("firewall", "192.0.2.10", firewall),
            ("firewall", "192.0.2.11", firewall),
        ):
            page = await alice.said(
                f"{PATH}/add/{kind}",
                {"address": address},
                file=made.certificate.der,
            )
            assert address in page
        page = await alice.said(
            f"{PATH}/entries",
            {"order": "delete", "other": "FIREWALL 192.0.2.11"},
        )
        assert "192.0.2.11" not in page
        page = await alice.said(
            f"{PATH}/entries", {"order": "finish", "password": DEFAULT_PASSWORD}
        )
        assert page.count("Passed") == 2
    ctl = TrustList.decode(lab.publisher.ctl_file.read_bytes())
    placed = {
        (each.role, each.dns_name): each.certificate_der
        for each in ctl.records
        if each.role in {Role.TFTP, Role.CALLMANAGER}
    }
    assert placed == {
        (Role.TFTP, "192.0.2.9"): tftp.certificate.der,
        (Role.CALLMANAGER, "192.0.2.10"): firewall.certificate.der,
    }
    with lab.store.read() as connection:
        assert read_audit(connection)[-1].by == "alice"
    # The next update keeps them; the shell's CTL has the cluster's own servers only.
    again = ctl_client.update(lab, tokens[:2], by="test")
    assert [each.role for each in ctl_client.others_of(lab, again)] == [
        Role.TFTP,
        Role.FIREWALL,
    ]
    assert ctl_client.others_of(lab, again) == ctl_client.others_of(lab, ctl)


@pytest.mark.parametrize(
    ("kind", "address", "file", "sentence"),
    [
        ("tftp", "192.0.2.9", b"nonsense", "no certificate"),
        ("tftp", "not an address", None, "is not an IPv4 address"),
        ("tftp", "127.0.47.155", None, "is a node of this cluster"),
        ("tftp", "<script>", None, "is not an IPv4 address"),
        ("sast", "192.0.2.9", None, "only TFTP servers and firewalls"),
    ],
)
async def test_a_server_that_cannot_be_is_refused(
    lab: Cluster, kind: str, address: str, file: bytes | None, sentence: str
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await connect(alice, lab)
        data = server("tftp").certificate.der if file is None else file
        page = await alice.said(f"{PATH}/add/{kind}", {"address": address}, file=data)
        assert sentence in page
        assert "<script>" not in page
