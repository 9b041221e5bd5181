"""Device > Phone: the security fields, and what they refuse."""

import pytest

from tests.rigs.console_rig import add_users, console_of
from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)
from tokenless.services.changes import devices
from tokenless.services.cluster.cluster import Cluster

NAME = "SEP001122334455"
PATH = f"/ccmadmin/phones/{NAME}"
FIELDS = {
    "order": "save",
    "security": str(int(DeviceSecurity.ENCRYPTED)),
    "operation": str(int(CapfOperation.INSTALL)),
    "auth-mode": str(int(CapfAuthMode.STRING)),
    "string": "123456",
    "key-order": str(int(KeyType.RSA)),
    "rsa-size": "2048",
    "finish-by": "2030:12:31:23",
}


async def test_the_fields_of_a_phone_are_saved(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        assert "Update Successful" in await alice.said(PATH, {"order": "add"})
        page = await alice.said(PATH, FIELDS)
        for words in (
            "Update Successful",
            "Operation Pending",
            'value="123456"',
            'value="2030:12:31:23:00"',
            "Unknown",
        ):
            assert words in page
        ray = await console.signed_in("ray")
        # Whoever reads does not learn what lets a phone in.
        assert "123456" not in (await ray.get(PATH)).text
    device = devices.find_device(lab, NAME)
    assert device.security_mode is DeviceSecurity.ENCRYPTED
    assert device.capf.operation is CapfOperation.INSTALL
    assert (device.capf.string, device.capf.key_size) == ("123456", 2048)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"security": "9"}, "a value that no field has"),
        ({"operation": ""}, "a value that no field has"),
        ({"key-order": "2"}, "a value that no field has"),
        ({"rsa-size": "2047"}, "RSA keys cannot have 2047 bits"),
        ({"key-order": "1", "ec-size": "2048"}, "EC keys cannot have 2048 bits"),
        ({"string": "12"}, "4 to 10 digits"),
        ({"string": "<script>"}, "4 to 10 digits"),
        ({"finish-by": "tomorrow"}, "is not a time"),
        ({"finish-by": "1999:01:01:00"}, "in the past"),
    ],
)
async def test_a_value_that_cannot_be_changes_nothing(
    lab: Cluster, fields: dict[str, str], sentence: str
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await alice.said(PATH, {"order": "add"})
        before = devices.find_device(lab, NAME)
        page = await alice.said(PATH, FIELDS | fields)
        assert sentence in page
        assert "<script>" not in page
    assert devices.find_device(lab, NAME) == before


@pytest.mark.parametrize("name", ["SEP1", "../../etc", "SEPXXXXXXXXXXXX", "%00"])
async def test_a_name_that_is_no_phone_is_refused(lab: Cluster, name: str) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await alice.get("/ccmadmin/phones")
        response = await alice.post(f"/ccmadmin/phones/{name}", {"order": "add"})
        assert response.status_code in {303, 404, 405}
    assert devices.list_devices(lab) == []


async def test_resetting_nothing_is_refused(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = await alice.said("/ccmadmin/phones", {"order": "reset"})
        assert "no phone is ticked" in page


async def test_a_reset_leads_back_to_the_phones_that_were_found(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        await alice.said(PATH, {"order": "add"})
        page = await alice.get("/ccmadmin/phones?text=SEP0011&itl=")
        assert 'action="/ccmadmin/phones?text=SEP0011&amp;itl="' in page.text
        fields = {"phone": NAME, "sure": "yes"}
        done = await alice.post("/ccmadmin/phones?text=SEP0011&itl=", fields)
        assert done.headers["location"] == "/ccmadmin/phones?text=SEP0011"
