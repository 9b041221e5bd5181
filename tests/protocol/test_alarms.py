"""Alarms of phones: what they say of their lists, and hostile documents."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.alarms import HeldList, PhoneAlarm, TrustListReport

DIGEST = "5be7" * 10
ITL = HeldList(DIGEST, "10.48.47.155")


def test_a_report_comes_back_as_it_was_sent() -> None:
    report = TrustListReport("SEP00000000000A", ITL)
    data = report.alarm().encode()
    assert b"Not Installed" in data  # its CTL
    assert TrustListReport.of(PhoneAlarm.decode(data)) == report


def test_an_alarm_of_another_kind_says_nothing_of_lists() -> None:
    alarm = PhoneAlarm("LastOutOfServiceInformation", {"DeviceName": "SEP1"})
    assert TrustListReport.of(PhoneAlarm.decode(alarm.encode())) is None
    assert TrustListReport.of(PhoneAlarm.decode(b"<other/>")) is None


@pytest.mark.parametrize("said", ["Not Installed", "nonsense", "5b", "x" * 40, ""])
def test_what_is_no_digest_is_no_list(said: str) -> None:
    alarm = PhoneAlarm("", {"DeviceName": "SEP1", "ITL_Signature": said})
    report = TrustListReport.of(PhoneAlarm.decode(alarm.encode()))
    assert report == TrustListReport("SEP1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>" * 40 + b"</a>" * 40,
        b"<a>" + b" " * 9000 + b"</a>",
        b'<?xml version="1.0" encoding="utf-99"?><a/>',
    ],
)
def test_hostile_documents_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        PhoneAlarm.decode(data)


@given(st.binary(max_size=200))
def test_random_bytes_cause_protocol_errors_only(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        PhoneAlarm.decode(data)
