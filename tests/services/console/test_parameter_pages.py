"""Enterprise Parameters: what is saved, refused, and set back; resetting all phones."""

import ssl

import pytest

from tests.rigs.console_rig import add_users, console_of
from tokenless.protocol.phones.device_security import CapfOperation
from tokenless.services.callmanager.settings import ciphers_of
from tokenless.services.changes import devices, security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.audit import read_audit
from tokenless.services.store.parameters import TlsCiphers

PATH = "/ccmadmin/enterprise-parameters"
DAY_S = 86_400


async def test_parameters_are_saved_with_the_users_name(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = (await alice.get(PATH)).text
        for words in (
            "Cluster Security Mode",
            "CAPF Phone Port",
            "3804",
            "TFTP File Signature Algorithm",
            "Strongest- AES-256 SHA-384 only: RSA Preferred",
            "LBM Security Mode",
            "Nothing here acts on them",
        ):
            assert words in page
        fields = {"TLSCiphers": "strongest-rsa", "CAPFOperationExpiresIn": "3"}
        assert "Update Successful" in await alice.said(PATH, fields)
        assert lab.parameters()["TLSCiphers"] == "strongest-rsa"
        assert "No value was changed" in await alice.said(PATH, fields)
        # The same as the shell's: an operation that is scheduled now ends in 3 days.
        (device,) = devices.set_devices(
            lab,
            Selection(("SEP001122334455",)),
            DeviceChange(operation=CapfOperation.INSTALL),
            by="test",
        )
        assert device.capf.finish_by == int(lab.clock()) + 3 * DAY_S
        page = await alice.said(PATH, fields | {"order": "default", "sure": "yes"})
        assert "Update Successful" in page
    assert lab.parameters()["TLSCiphers"] == "all-rsa"
    assert lab.parameters()["CAPFOperationExpiresIn"] == "10"
    with lab.store.read() as connection:
        last = read_audit(connection)[-1]
    assert (last.by, last.action) == ("alice", "set parameter")


@pytest.mark.parametrize(
    "fields",
    [
        {"CAPFOperationExpiresIn": "0"},
        {"CAPFOperationExpiresIn": "366"},
        {"CAPFOperationExpiresIn": "-1"},
        {"CAPFOperationExpiresIn": "٣"},
        {"CAPFOperationExpiresIn": "<script>"},
        {"TLSCiphers": "none"},
        {"AutoRegistration": "perhaps", "TLSCiphers": "medium-rsa"},
    ],
)
async def test_a_value_that_cannot_be_changes_nothing(
    lab: Cluster, fields: dict[str, str]
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        before = lab.store.revision()
        alice = await console.signed_in("alice")
        page = await alice.said(PATH, fields)
        assert "cannot be" in page
        assert "<script>" not in page
        assert lab.store.revision() == before


async def test_phone_interaction_is_there_from_12_5_on(lab: Cluster) -> None:
    name = "PhoneInteractionOnCertificateUpdate"
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        assert name not in (await alice.get(PATH)).text
        security.set_parameter(lab, "Version", "14SU3", by="test")
        assert "Reset phones manually" in (await alice.get(PATH)).text
        assert "Update Successful" in await alice.said(PATH, {name: "manual"})
        assert lab.parameters()[name] == "manual"
        await alice.said(PATH, {"order": "default", "sure": "yes"})
    assert lab.parameters()[name] == "automatic"


async def test_the_security_mode_is_not_a_field(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = await alice.said(PATH, {"ClusterSecurityMode": "1"})
        assert "No value was changed" in page
    assert not lab.is_mixed


async def test_a_reset_of_all_is_asked_about_and_says_what_it_reached(
    lab: Cluster,
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = (await alice.get(f"{PATH}/reset")).text
        assert "You are about to reset all devices in the system." in page
        page = await alice.said(f"{PATH}/reset")
        # No node runs here: each is named.
        assert page.count("is down") == len(lab.nodes)
        assert "registered phones reached: 0" in page


def offered(choice: TlsCiphers) -> list[str]:
    """Return the suites up to TLS 1.2 that OpenSSL offers for a choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers_of(choice) + ":@SECLEVEL=0")
    return [
        each["name"]
        for each in context.get_ciphers()
        if not each["name"].startswith("TLS_")
    ]


def test_ciphers_are_what_their_names_say() -> None:
    assert offered(TlsCiphers.STRONGEST_RSA) == ["ECDHE-RSA-AES256-GCM-SHA384"]
    for choice in TlsCiphers:
        names = offered(choice)
        is_all = choice in {TlsCiphers.ALL_RSA, TlsCiphers.ALL_ECDSA}
        # Phones with TLS 1.0, and authenticated ones, find a suite with All only.
        assert ("NULL-SHA" in names) == is_all
        assert ("AES128-SHA" in names) == is_all
        ecdsa = choice.value.endswith("ecdsa")
        assert ("ECDSA" in names[0]) == ecdsa
        if choice.value.startswith("strongest"):
            assert all("AES256" in name for name in names)
