"""CAPF, registrations and a call."""

import pytest
from services import changes
from tokenless.phone_emulator import CallLevel, NodeService

pytestmark = pytest.mark.anyio


@pytest.fixture
def mixed(tokenless_cluster):
    changes.to_mixed_mode(tokenless_cluster)
    return tokenless_cluster


async def test_capf_gives_a_phone_its_certificate(mixed, tokenless_phone):
    phone = tokenless_phone(model="8861")
    phone.secure()
    report = await phone.boot_async()
    report.assert_ok()
    assert report.capf["result"] == "installed"
    assert (phone.folder / "lsc.pem").is_file()


async def test_a_phone_registers_secure_at_each_node(mixed, tokenless_phone):
    phone = tokenless_phone(model="7975")
    phone.secure()
    (await phone.boot_async()).assert_ok()
    report = await phone.register_async()
    report.assert_registered(secure=True)
    assert report.node == mixed.publisher
    mixed.stop_service(NodeService.CALLMANAGER)
    report = await phone.register_async()
    report.assert_registered(secure=True)
    assert report.node != mixed.publisher


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_call_is_encrypted(mixed, tokenless_phone):
    caller, called = tokenless_phone(model="8861"), tokenless_phone(model="7975")
    for phone in caller, called:
        phone.secure()
        (await phone.boot_async()).assert_ok()
    assert (await caller.call_async(called)).level == CallLevel.ENCRYPTED


async def test_a_node_is_killed(mixed, tokenless_phone):
    """Only the lab can do that: elsewhere it is skipped."""
    mixed.kill_node(mixed.publisher)
    phone = tokenless_phone()
    (await phone.boot_async()).assert_ok()
    assert (await phone.register_async()).node != mixed.publisher
