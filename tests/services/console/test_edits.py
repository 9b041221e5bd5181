"""Two administrators at one phone, or at the parameters: nothing is undone unseen."""

import re

import pytest
from sqlalchemy import text

from tests.rigs.console_rig import Visitor, add_users, console_of
from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    CapfStatus,
    DeviceSecurity,
)
from tokenless.services.changes import capf, devices, security
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.devices import remove_device

NAME = "SEP001122334455"
PHONE = f"/ccmadmin/phones/{NAME}"
PARAMETERS = "/ccmadmin/enterprise-parameters"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_SELECT = re.compile(r'<select id="[^"]+" name="([^"]+)">(.*?)</select>', re.DOTALL)
_CHOSEN = re.compile(
    r'<option selected value="([^"]*)"|<option value="([^"]*)" selected'
)
_INPUT = re.compile(r'<input id="[^"]+" name="([^"]+)"[^>]*? value="([^"]*)"')
_TICKED = re.compile(r'name="([^"]+)" value="1" checked')


async def shown(visitor: Visitor, path: str) -> dict[str, str]:
    """Load a page; return its form as a browser sends it when nothing is touched."""
    page = (await visitor.get(path)).text
    form = page.partition('id="fields"')[2].partition("</form>")[0]
    fields = dict(_HIDDEN.findall(form)) | dict(_INPUT.findall(form))
    for name, options in _SELECT.findall(form):
        fields[name] = "".join(_CHOSEN.findall(options)[0])
    return fields | dict.fromkeys(_TICKED.findall(form), "1")


def order(lab: Cluster, **fields: object) -> None:
    change = DeviceChange(**fields)  # type: ignore[arg-type]
    devices.set_devices(lab, Selection(names=(NAME,)), change, by="bob")


async def test_an_old_page_does_not_undo_what_another_has_saved(lab: Cluster) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        old = await shown(alice, PARAMETERS)
        security.set_parameter(lab, "TLSCiphers", "strongest-rsa", by="bob")
        page = await alice.said(PARAMETERS, old | {"CAPFOperationExpiresIn": "7"})
        assert "Update Successful" in page
        assert lab.parameters()["TLSCiphers"] == "strongest-rsa"
        assert lab.parameters()["CAPFOperationExpiresIn"] == "7"
        # The same field, to two values: nobody wins unseen, and nothing is saved.
        fields = {"TLSCiphers": "medium-rsa", "CAPFOperationExpiresIn": "8"}
        page = await alice.said(PARAMETERS, old | fields)
        assert "somebody else has changed" in page
        assert lab.parameters()["TLSCiphers"] == "strongest-rsa"
        assert lab.parameters()["CAPFOperationExpiresIn"] == "7"


async def test_an_open_console_does_not_change_what_a_newer_program_upgraded(
    lab: Cluster,
) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        old = await shown(alice, PARAMETERS)
        with lab.store.write_node_state() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
        page = await alice.said(PARAMETERS, old | {"CAPFOperationExpiresIn": "7"})
    assert "the database has schema 0099" in page
    assert "nothing was changed; continue with the newer program that made it" in page
    assert lab.parameters()["CAPFOperationExpiresIn"] != "7"


async def test_an_operation_that_is_over_is_not_ordered_again(lab: Cluster) -> None:
    """The phone has enrolled while its page was open."""
    add_users(lab)
    order(lab, operation=CapfOperation.INSTALL, auth_mode=CapfAuthMode.NULL_STRING)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        old = await shown(alice, PHONE)
        assert old["operation"] == str(int(CapfOperation.INSTALL))
        finish(lab)
        page = await alice.said(PHONE, old | {"security": "3"})
        assert "Update Successful" in page
        assert "Upgrade Success" in page
    device = devices.find_device(lab, NAME)
    assert device.security_mode is DeviceSecurity.ENCRYPTED
    assert device.capf.operation is CapfOperation.NONE
    assert device.capf.status is CapfStatus.UPGRADE_SUCCESS


def finish(lab: Cluster) -> None:
    """Let CAPF note that it has done what was ordered."""
    capf.record(lab, [capf.Result(NAME, CapfOperation.INSTALL)])


async def test_a_phone_whose_operation_has_expired_can_be_saved(lab: Cluster) -> None:
    add_users(lab)
    order(lab, operation=CapfOperation.INSTALL, finish_by=int(lab.clock()) + 60)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = await shown(alice, PHONE)
        past = "1999:01:01:00:00"
        fields |= {"was-finish-by": past, "finish-by": past, "security": "2"}
        assert "Update Successful" in await alice.said(PHONE, fields)
    assert devices.find_device(lab, NAME).security_mode is DeviceSecurity.AUTHENTICATED


async def test_the_end_of_a_pending_operation_is_moved(lab: Cluster) -> None:
    add_users(lab)
    order(lab, operation=CapfOperation.INSTALL)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = await shown(alice, PHONE) | {"finish-by": "2040:01:02:03"}
        assert 'value="2040:01:02:03:00"' in await alice.said(PHONE, fields)
        fields = await shown(alice, PHONE) | {"operation": "1"}
        assert "Update Successful" in await alice.said(PHONE, fields)
        fields = await shown(alice, PHONE) | {"finish-by": "2040:01:02:03"}
        assert "no Certificate Operation is pending" in await alice.said(PHONE, fields)


async def test_a_string_that_is_taken_out_is_taken_out(lab: Cluster) -> None:
    add_users(lab)
    order(lab, auth_mode=CapfAuthMode.STRING, string="123456")
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = await shown(alice, PHONE)
        assert fields["string"] == "123456"
        null = str(int(CapfAuthMode.NULL_STRING))
        fields |= {"string": "", "auth-mode": null}
        assert "Update Successful" in await alice.said(PHONE, fields)
    assert devices.find_device(lab, NAME).capf.string == ""


async def test_each_key_order_has_its_size(lab: Cluster) -> None:
    add_users(lab)
    order(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        page = (await alice.get(PHONE)).text
        assert "RSA Key Size (Bits)" in page
        assert "EC Key Size (Bits)" in page
        fields = await shown(alice, PHONE)
        fields |= {"key-order": str(int(KeyType.EC)), "ec-size": "384"}
        assert "Update Successful" in await alice.said(PHONE, fields)
    held = devices.find_device(lab, NAME).capf
    assert (held.key_type, held.key_size) == (KeyType.EC, 384)


async def test_nothing_touched_is_nothing_changed(lab: Cluster) -> None:
    add_users(lab)
    order(lab, security_mode=DeviceSecurity.ENCRYPTED, encrypts_config=True)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        for path in (PHONE, PARAMETERS):
            before = lab.store.revision()
            fields = await shown(alice, path)
            page = await alice.said(path, fields | {"order": "save"})
            assert "No value was changed" in page
            assert lab.store.revision() == before
        unticked = await shown(alice, PHONE)
        assert unticked.pop("encrypts") == "1"
        assert "Update Successful" in await alice.said(PHONE, unticked)
    assert not devices.find_device(lab, NAME).encrypts_config


async def test_a_page_of_a_deleted_phone_does_not_bring_it_back(lab: Cluster) -> None:
    add_users(lab)
    order(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        old = await shown(alice, PHONE)
        with lab.store.change("test", "gone", by="bob") as change:
            remove_device(change.connection, NAME)
        page = await alice.said(PHONE, old | {"order": "save", "security": "3"})
        assert "there is no device" in page
    assert devices.list_devices(lab) == []


@pytest.mark.parametrize("order_", ["reset", "reset-all"])
async def test_a_reset_of_many_is_asked_about(lab: Cluster, order_: str) -> None:
    add_users(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        path = "/ccmadmin/phones?text=SEP"
        await alice.get(path)
        fields = {"phone": NAME, "order": order_}
        page = await alice.said(path, fields)
        assert "You are about to reset" in page
        assert f'name="phone" value="{NAME}"' in page
        assert 'action="/ccmadmin/phones?text=SEP"' in page
        assert "registered phones reached" not in page
        page = await alice.said(path, fields | {"sure": "yes"})
        assert "registered phones reached: 0" in page
        # Nothing was reached: that is no success.
        assert '<p class="success">' not in page


async def test_a_stop_and_the_defaults_are_asked_about(lab: Cluster) -> None:
    add_users(lab)
    security.set_parameter(lab, "TLSCiphers", "strongest-rsa", by="bob")
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = {"service": "Cisco Tftp", "order": "stop", "server": "x"}
        page = await alice.said("/ccmservice/control-center", fields)
        assert "You are about to stop Cisco Tftp on x" in page
        page = await alice.said(PARAMETERS, {"order": "default"})
        assert "Strongest- AES-256 SHA-384 only: RSA Preferred -&gt; All" in page
        assert lab.parameters()["TLSCiphers"] == "strongest-rsa"
        page = await alice.said(PARAMETERS, {"order": "default", "sure": "yes"})
        assert "Update Successful" in page
    assert lab.parameters()["TLSCiphers"] == "all-rsa"


async def test_another_operation_keeps_the_end_that_the_page_shows(
    lab: Cluster,
) -> None:
    add_users(lab)
    at = int(lab.clock()) + 90 * 86_400
    order(lab, operation=CapfOperation.DELETE, finish_by=at)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        install = str(int(CapfOperation.INSTALL))
        fields = await shown(alice, PHONE) | {"operation": install}
        assert "Update Successful" in await alice.said(PHONE, fields)
    held = devices.find_device(lab, NAME).capf
    assert (held.operation, held.finish_by) == (CapfOperation.INSTALL, at)


async def test_the_size_of_keys_that_are_not_made_is_not_said_to_be_saved(
    lab: Cluster,
) -> None:
    add_users(lab)
    order(lab)
    async with console_of(lab) as console:
        alice = await console.signed_in("alice")
        fields = await shown(alice, PHONE) | {"ec-size": "521"}
        assert "No value was changed" in await alice.said(PHONE, fields)
