"""Registration of SIP phones: refresh, farewell, refusals, orders."""

from dataclasses import replace

from tests.rigs.sip_desk import DEVICES, FORM, PHONE, SECURE, phones, register
from tests.rigs.uncollected import alive, uncollected
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    Peer,
    RegisterFailure,
    UnregisterReason,
)
from tokenless.protocol.sccp.answers import ResetType
from tokenless.protocol.sip.messages import SipRequest
from tokenless.protocol.sip.stream import SipStream
from tokenless.services.callmanager.sip.stations import SipStation


def test_a_phone_registers_refreshes_and_leaves() -> None:
    desk = phones()
    assert desk.ask(register()).get("expires") == "120"
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.address == "127.0.0.9"
    desk.now = 100
    assert desk.ask(register()).status == 200
    desk.now = 200
    desk.office.expire(desk.now)
    assert desk.office.registrar.find(PHONE) is not None
    assert desk.ask(register(expires_s=0)).get("expires") == "0"
    (absence,) = desk.office.registrar.absences()
    assert absence.reason is UnregisterReason.DEVICE_UNREGISTERED
    assert desk.office.stations == {}


def test_a_changed_profile_counts_from_the_next_registration_on() -> None:
    desk = phones()
    devices = {PHONE: DEVICES[PHONE]}
    desk.office.registrar.find_device = devices.get
    assert desk.ask(register()).status == 200
    devices[PHONE] = replace(DEVICES[PHONE], security_mode=DeviceSecurity.ENCRYPTED)
    assert desk.ask(register()).status == 200
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    # In a call it is what it registered as: no key goes out in clear.
    assert desk.office.party_of(found).security is DeviceSecurity.NON_SECURE
    # A phone that has booted begins anew, be it in the same second.
    booted = replace(FORM, call_id="00112233-6677@127.0.0.1")
    again = booted.build(101, expires_s=3600, branch="z9hG4bK3", tag="t")
    assert desk.ask(again).status == 403
    secure = Peer("AES128-SHA", PHONE)
    assert desk.ask(again, secure).status == 200
    assert desk.ask(register()).status == 403
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.peer == secure


def test_a_device_that_was_deleted_is_not_refreshed() -> None:
    desk = phones()
    devices = {PHONE: DEVICES[PHONE]}
    desk.office.registrar.find_device = devices.get
    assert desk.ask(register()).status == 200
    del devices[PHONE]
    assert desk.ask(register()).status == 403


def test_a_registration_that_is_not_refreshed_ends() -> None:
    desk = phones()
    desk.ask(register())
    desk.office.expire(119)
    assert desk.office.registrar.find(PHONE) is not None
    desk.office.expire(120)
    (absence,) = desk.office.registrar.absences()
    assert absence.reason is UnregisterReason.KEEPALIVE_TIMEOUT


def test_a_secure_device_in_clear_gets_the_observed_warning() -> None:
    refused = phones().ask(register(SECURE))
    assert refused.status == 403
    assert refused.get("warning") == (
        '399 pub "Device security mismatch: expected TLS, received TCP/UDP"'
    )


def test_a_register_in_clear_neither_shadows_nor_ends_a_secure_one() -> None:
    desk = phones()
    tls = Peer("AES128-SHA", SECURE)
    assert desk.ask(register(SECURE), tls).status == 200
    assert desk.ask(register(SECURE)).status == 403
    assert desk.ask(register(SECURE, expires_s=0)).status == 403
    other = Peer("AES128-SHA", PHONE)
    assert desk.ask(register(SECURE, expires_s=0), other).status == 403
    found = desk.office.registrar.find(SECURE)
    assert found is not None
    assert found.peer == tls
    assert list(desk.office.registrar.absences()) == []


def test_a_standby_node_greets_back() -> None:
    desk = phones()
    assert desk.ask(register(expires_s=0)).get("expires") == "0"
    assert list(desk.office.registrar.absences()) == []


def test_a_register_without_device_is_bad() -> None:
    request = register()
    headers = tuple(each for each in request.headers if each[0] != "Contact")
    assert phones().ask(replace(request, headers=headers)).status == 400


def test_an_unknown_method_is_not_allowed() -> None:
    response = phones().ask(replace(register(), method="PUBLISH"))
    assert response.status == 405
    assert "REGISTER" in response.get("allow")


def test_a_phone_is_told_to_restart() -> None:
    desk = phones()
    desk.ask(register())
    desk.office.registrar.dismiss(PHONE, UnregisterReason.CALLMANAGER_RESTART)
    (sent,) = desk.sent
    (notify,) = SipStream().receive(sent)
    assert isinstance(notify, SipRequest)
    assert (notify.method, notify.get("event")) == ("NOTIFY", "service-control")
    assert notify.get("contact") == "<sip:127.0.0.1:5060>"
    assert notify.get("via").startswith("SIP/2.0/TCP 127.0.0.1:5060;")
    assert notify.body == b"action=restart\r\n"
    assert desk.office.stations == {}
    desk.ask(register())
    station = desk.office.registrar.station(PHONE)
    assert isinstance(station, SipStation)
    station.reset(ResetType.APPLY_CONFIG)
    assert b"action=apply-config" in desk.sent[-1]


def test_an_unknown_device_is_remembered_as_such() -> None:
    desk = phones()
    assert desk.ask(register("SEPFFFFFFFFFFFF")).status == 403
    (absence,) = desk.office.registrar.absences()
    assert absence.failure is RegisterFailure.NO_ENTRY_IN_DATABASE


def test_nothing_of_an_ended_registration_stays() -> None:
    with uncollected():
        desk = phones()
        desk.ask(register())
        assert alive(SipStation) == 1
        desk.ask(register(expires_s=0))
        assert alive(SipStation) == 0
