"""What SIP phones report: the ITL that they hold, and alarms."""

from dataclasses import replace

import pytest

from tests.rigs.sip_desk import FORM, PHONE, phones, register
from tokenless.protocol.phones.alarms import (
    CONTENT_TYPE,
    HeldList,
    PhoneAlarm,
    TrustListReport,
)
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.messages import SipRequest
from tokenless.services.callmanager.sip.stations import SipSettings
from tokenless.services.store.registrations import ItlReport


def report_of(device: str = PHONE, digest: str = "ab" * 20) -> SipRequest:
    alarm = TrustListReport(device, HeldList(digest, "10.48.47.155")).alarm()
    request = register()
    kept = [
        (name, "102 REFER" if name == "CSeq" else value)
        for name, value in request.headers
        if name not in {"Content-Type", "Content-Length"}
    ]
    headers = (*kept, ("Content-Type", CONTENT_TYPE))
    return replace(request, method="REFER", headers=headers, body=alarm.encode())


def test_what_a_phone_says_of_its_itl_is_kept_while_it_is_registered() -> None:
    desk = phones()
    desk.office.settings = SipSettings(notes_itl=True)
    desk.ask(register())
    assert desk.ask(report_of()).status == 202
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.itl == ItlReport("10.48.47.155", "ab" * 20, 100)
    desk.ask(register())  # a refresh keeps it
    assert desk.office.registrar.find(PHONE) == found


@pytest.mark.parametrize("case", ["before-14", "other-peer", "stranger", "nonsense"])
def test_a_report_is_not_taken_from_just_anybody(case: str) -> None:
    desk = phones()
    desk.office.settings = SipSettings(notes_itl=case != "before-14")
    desk.ask(register())
    report = report_of("SEP00FF00FF00FF" if case == "stranger" else PHONE)
    if case == "nonsense":
        report = replace(report, body=b"<!DOCTYPE x><x/>")
    peer = Peer("AES128-SHA", "somebody") if case == "other-peer" else Peer()
    assert desk.ask(report, peer).status == 202
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.itl == ItlReport()


def booted(number: int) -> SipRequest:
    """Return the REGISTER of a phone that has booted so often."""
    form = replace(FORM, call_id=f"{number}@127.0.0.1")
    alarm = f"{number} Name={PHONE} ActiveLoad=x Last=initialized"
    return form.build(
        101, expires_s=3600, branch=f"z9hG4bK{number}", tag="t", alarm=alarm
    )


def test_alarms_are_taken_of_every_boot_and_only_so_many_of_one() -> None:
    desk = phones()

    def kept() -> list[str]:
        found = desk.office.registrar.find(PHONE)
        assert found is not None
        return [each.text.partition(":")[0] for each in found.alarms]

    for number in range(20):
        assert desk.ask(booted(number)).status == 200
    assert kept() == ["17", "18", "19"]
    for number in range(30, 50):
        body = PhoneAlarm(f"{number}:", {"DeviceName": PHONE}).encode()
        desk.ask(replace(report_of(), body=body))
    assert kept() == ["34", "35", "36"], "seven more of this boot"
