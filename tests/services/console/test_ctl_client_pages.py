"""The CTL Client's windows: who may connect, and servers outside of the cluster."""

import re

import pytest
import trio

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
_REVISION = re.compile(r'name="revision" value="([0-9]+)"')


async def connect(
    visitor: Visitor, lab: Cluster, name: str = "alice", password: str = PASSWORD
) -> str:
    fields = {"server": lab.publisher.name, "name": name, "password": password}
    return await visitor.said(PATH, fields)


class Tab:
    """A tab of a browser, in which the CTL Client is connected."""

    def __init__(self, visitor: Visitor, windows: str) -> None:
        self.visitor = visitor
        self.windows = windows

    @classmethod
    async def connected(cls, visitor: Visitor, lab: Cluster) -> "Tab":
        fields = {"server": lab.publisher.name, "name": "alice", "password": PASSWORD}
        response = await visitor.post(PATH, fields)
        return cls(visitor, response.headers["location"].removesuffix("/mode"))

    async def see(self, window: str) -> str:
        """Return a window's page."""
        return (await self.visitor.get(f"{self.windows}/{window}")).text

    async def send(
        self, page: str, window: str, fields: dict[str, str], file: bytes | None = None
    ) -> str:
        """Send the form of a page that was seen; return what it leads to."""
        found = _REVISION.search(page)
        assert found is not None, page
        sent = {**fields, "revision": found.group(1)}
        return await self.visitor.said(f"{self.windows}/{window}", sent, file=file)

    async def said(
        self, window: str, fields: dict[str, str], file: bytes | None = None
    ) -> str:
        """See a window, and send its form."""
        query = f"?token={fields['token']}" if "token" in fields else ""
        page = await self.see(window + query)
        return await self.send(page, window, fields, file)


async def test_the_server_asks_for_an_administrator_of_its_own(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for name, password in (("alice", "wrong"), ("nobody", PASSWORD), ("", "")):
            assert "refuses the name" in await connect(alice, lab, name, password)
            assert "not connected" in (await alice.get(f"{PATH}/x/mode")).text
        assert "Your role is read" in await connect(alice, lab, "ray")
        assert "not connected" in (await alice.get(f"{PATH}/x/mode")).text
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
        tab = await Tab.connected(alice, lab)
        await tab.said("mode", {"mode": "mixed"})
        for token in tokens[:2]:
            await tab.said("insert", {"token": token.name})
        for kind, address, made in (
            ("tftp", "192.0.2.9", tftp),
            ("firewall", "192.0.2.10", firewall),
            ("firewall", "192.0.2.11", firewall),
        ):
            page = await tab.said(
                f"add/{kind}", {"address": address}, made.certificate.der
            )
            assert address in page
        page = await tab.said(
            "entries", {"order": "delete", "other": "FIREWALL 192.0.2.11"}
        )
        assert "192.0.2.11" not in page
        page = await tab.said(
            "entries", {"order": "finish", "password": DEFAULT_PASSWORD}
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
        tab = await Tab.connected(alice, lab)
        data = server("tftp").certificate.der if file is None else file
        seen = await tab.see("add/tftp")
        page = await tab.send(seen, f"add/{kind}", {"address": address}, data)
        assert sentence in page
        assert "<script>" not in page


async def test_two_tabs_of_one_session_do_not_mix_their_choices(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    """The second one's mode was signed by the first one's Finish."""
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        one = await Tab.connected(alice, lab)
        await one.said("mode", {"mode": "mixed"})
        for token in tokens[:2]:
            await one.said("insert", {"token": token.name})
        other = await Tab.connected(alice, lab)
        await other.said("mode", {"mode": "non-secure"})
        assert 'name="token"' not in await other.see("entries")
        page = await one.said(
            "entries", {"order": "finish", "password": DEFAULT_PASSWORD}
        )
        assert page.count("Passed") == 2
    assert lab.is_mixed


async def test_a_page_that_is_older_than_the_choices_signs_nothing(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    """As of a tab that was duplicated: what is signed is what its page shows."""
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        tab = await Tab.connected(alice, lab)
        await tab.said("mode", {"mode": "mixed"})
        for token in tokens[:2]:
            await tab.said("insert", {"token": token.name})
        shown = await tab.see("entries")
        await tab.said("mode", {"mode": "non-secure"})
        finish = {"order": "finish", "password": DEFAULT_PASSWORD}
        page = await tab.send(shown, "entries", finish)
        assert "was used since the page was loaded, so nothing was done" in page
        assert not lab.publisher.ctl_file.exists()
        assert (await tab.send(page, "entries", finish)).count("Passed") == 2


async def test_finish_that_is_clicked_twice_signs_once(
    lab: Cluster, tokens: list[FileToken]
) -> None:
    add_users(lab)
    pages = []
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        tab = await Tab.connected(alice, lab)
        await tab.said("mode", {"mode": "mixed"})
        for token in tokens[:2]:
            await tab.said("insert", {"token": token.name})
        shown = await tab.see("entries")
        finish = {"order": "finish", "password": DEFAULT_PASSWORD}

        async def click() -> None:
            pages.append(await tab.send(shown, "entries", finish))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(click)
            nursery.start_soon(click)
    assert sum("Passed" in page for page in pages) == 1
    with lab.store.read() as connection:
        done = [each.action for each in read_audit(connection)]
    assert done.count("CTL Client: set cluster mode mixed") == 1


async def test_no_more_servers_are_kept_than_a_file_may_have(lab: Cluster) -> None:
    add_users(lab)
    data = server("tftp").certificate.der
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        tab = await Tab.connected(alice, lab)
        page = ""
        for number in range(ctl_client.MAX_OTHERS + 1):
            page = await tab.said("add/tftp", {"address": f"192.0.2.{number}"}, data)
        assert f"over {ctl_client.MAX_OTHERS} servers" in page
        page = await tab.see("entries")
        assert page.count('name="other"') == ctl_client.MAX_OTHERS


async def test_a_session_keeps_the_latest_connections(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        tabs = [await Tab.connected(alice, lab) for _ in range(9)]
        assert "not connected" in await tabs[0].see("mode")
        for tab in tabs[1:]:
            assert "Update CTL File" in await tab.see("mode")
