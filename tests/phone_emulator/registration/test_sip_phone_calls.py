"""The phone's side of a SIP call without I/O: both roles, keys."""

import pytest

from tests.phone_emulator.registration.sip_phones import (
    DEVICE,
    HERE,
    KEYS,
    SDP,
    SUITES,
    THERE,
    dialog,
    make_phone,
    offered,
    registered,
    request,
    said,
)
from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    ListenForMedia,
    SendMedia,
    StopMedia,
)
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
)
from tokenless.protocol.sip.sdp import AudioStream, Crypto, decode_audio
from tokenless.protocol.srtp import SrtpSuite


def call_info(level: str) -> tuple[str, str]:
    return "Call-Info", f"<urn:x-cisco-remotecc:callinfo>; security= {level}; isVoip"


def description(crypto: Crypto | None = None) -> bytes:
    cryptos = () if crypto is None else (crypto,)
    stream = AudioStream(THERE, 4000, cryptos=cryptos, is_secure=bool(cryptos))
    return stream.encode(origin="x", session=1)


def answered(
    phone: SipPhone, invite: SipRequest, level: str, body: bytes
) -> list[SipMessage]:
    headers = (SDP, call_info(level), ("Contact", "<sip:1000@pub:5060>"))
    answer = answer_to(invite, 200, "OK", headers, body=body, to_tag="7")
    phone.receive(answer.encode(), 0.0)
    return said(phone)


def test_the_name_of_a_call_begins_with_the_mac_address() -> None:
    """And ends with the IP address (REFERENCE-4 4.2)."""
    phone = registered(make_phone())
    invite, _ = offered(phone)
    name, _, host = invite.get("call-id").partition("@")
    assert name.startswith(DEVICE[-12:-4].lower() + "-")
    assert host == str(HERE)


def test_a_caller_offers_a_line_a_suite_and_takes_the_chosen_one() -> None:
    phone = registered(make_phone(suites=SUITES))
    invite, offer = offered(phone)
    assert [crypto.suite for crypto in offer.cryptos] == list(SUITES)
    assert len({crypto.keys.key for crypto in offer.cryptos}) == 2
    chosen = Crypto(2, SUITES[1], KEYS)
    (ack,) = answered(phone, invite, "Encrypted", description(chosen))
    assert isinstance(ack, SipRequest)
    assert ack.method == "ACK"
    events = phone.events()
    assert ListenForMedia(KEYS, SUITES[1]) in events
    assert SendMedia(THERE, 4000, offer.cryptos[1].keys, SUITES[1]) in events
    assert phone.call is not None
    assert phone.call.stage is CallStage.CONNECTED
    assert phone.call.security is SecurityStatus.ENCRYPTED


def test_an_answer_in_clear_is_taken_as_fallback() -> None:
    phone = registered(make_phone(suites=SUITES))
    invite, _ = offered(phone)
    answered(phone, invite, "Authenticated", description())
    assert SendMedia(THERE, 4000, None) in phone.events()
    assert phone.call is not None
    assert phone.call.security is SecurityStatus.AUTHENTICATED


@pytest.mark.parametrize(
    ("suites", "chosen"),
    [
        (SUITES, Crypto(7, SUITES[1], KEYS)),
        (SUITES, Crypto(1, SUITES[1], KEYS)),
        ((), Crypto(1, SUITES[1], KEYS)),
    ],
    ids=["a tag that was not offered", "another suite", "SAVP to an offer in clear"],
)
def test_an_answer_that_fits_no_offer_ends_the_call(
    suites: tuple[SrtpSuite, ...], chosen: Crypto
) -> None:
    phone = registered(make_phone(suites=suites))
    invite, _ = offered(phone)
    messages = answered(phone, invite, "Encrypted", description(chosen))
    assert [each.method for each in messages if isinstance(each, SipRequest)] == [
        "ACK",
        "BYE",
    ]
    events = phone.events()
    assert not [each for each in events if isinstance(each, SendMedia)]
    assert events[-2:] == [StopMedia(), CallShown(None)]


def test_a_refused_call_is_acknowledged_in_its_transaction() -> None:
    phone = registered(make_phone())
    invite, _ = offered(phone)
    phone.receive(answer_to(invite, 404, "Not Found", to_tag="7").encode(), 0.0)
    (ack,) = said(phone)
    assert isinstance(ack, SipRequest)
    assert (ack.method, ack.get("via")) == ("ACK", invite.get("via"))
    assert ack.get("to") == f"{invite.get('to')};tag=7"
    assert phone.call is not None
    assert phone.call.stage is CallStage.FAILED
    phone.hang_up()
    assert not said(phone)


@pytest.mark.parametrize(
    ("status", "expected"), [(180, []), (200, ["ACK", "BYE"]), (487, ["ACK"])]
)
def test_an_answer_that_crosses_the_cancel_of_a_caller(
    status: int, expected: list[str]
) -> None:
    """Otherwise the other phone stays in a call with nobody."""
    phone = registered(make_phone())
    invite, _ = offered(phone)
    phone.hang_up()
    assert phone.call is None
    request(phone, "CANCEL")
    phone.events()
    contact = ("Contact", "<sip:1000@pub:5060>")
    crossing = answer_to(invite, status, "x", (contact,), to_tag="7").encode()
    phone.receive(crossing, 0.0)
    sent = [each for each in said(phone) if isinstance(each, SipRequest)]
    assert [each.method for each in sent] == expected
    if status == 200:
        assert {each.uri for each in sent} == {"sip:1000@pub:5060"}
        assert all(each.get("to").endswith(";tag=7") for each in sent)
    assert phone.events() == []


def called(phone: SipPhone, body: bytes = b"") -> None:
    extra = (SDP,) if body else ()
    invite = SipRequest("INVITE", "sip:x@y", (*dialog("INVITE"), *extra), body)
    phone.receive(invite.encode(), 0.0)
    statuses = [each.status for each in said(phone) if isinstance(each, SipResponse)]
    assert statuses == [100, 180]
    phone.answer()
    phone.media_opened(HERE, 16500)


def test_a_called_phone_offers_in_its_200_and_has_the_answer_in_the_ack() -> None:
    phone = registered(make_phone(suites=SUITES))
    called(phone)
    (response,) = said(phone)
    offer = decode_audio(response.body)
    assert [crypto.suite for crypto in offer.cryptos] == list(SUITES)
    chosen = Crypto(2, SUITES[1], KEYS)
    ack = SipRequest("ACK", "sip:x@y", (*dialog("ACK"), SDP), description(chosen))
    phone.receive(ack.encode(), 0.0)
    assert SendMedia(THERE, 4000, offer.cryptos[1].keys, SUITES[1]) in phone.events()
    update = SipRequest(
        "UPDATE", "sip:x@y", (*dialog("UPDATE"), call_info("Encrypted"))
    )
    phone.receive(update.encode(), 0.0)
    assert phone.call is not None
    assert phone.call.security is SecurityStatus.ENCRYPTED
    said(phone)
    bye = SipRequest("BYE", "sip:x@y", dialog("BYE", 102))
    phone.receive(bye.encode(), 0.0)
    (answer,) = said(phone)
    assert isinstance(answer, SipResponse)
    assert answer.status == 200
    assert phone.call is None


@pytest.mark.parametrize("suites", [(), SUITES], ids=["clear", "encrypted"])
def test_an_offer_in_the_invite_is_answered_in_the_200(
    suites: tuple[SrtpSuite, ...],
) -> None:
    phone = registered(make_phone(suites=suites))
    theirs = Crypto(3, SUITES[1], KEYS)
    called(phone, description(theirs))
    (response,) = said(phone)
    answer = decode_audio(response.body)
    assert answer.is_secure is bool(suites)
    assert [each.tag for each in answer.cryptos] == ([3] if suites else [])
    events = phone.events()
    keys = answer.cryptos[0].keys if suites else None
    assert SendMedia(THERE, 4000, keys) in events


def test_a_second_call_hears_busy() -> None:
    phone = registered(make_phone())
    called(phone)
    said(phone)
    headers = tuple(
        (name, "call-2@pub" if name == "Call-ID" else value)
        for name, value in dialog("INVITE")
    )
    phone.receive(SipRequest("INVITE", "sip:x@y", headers).encode(), 0.0)
    (answer,) = said(phone)
    assert isinstance(answer, SipResponse)
    assert answer.status == 486


def test_a_caller_that_gives_up_ends_the_ringing() -> None:
    phone = registered(make_phone())
    invite = SipRequest("INVITE", "sip:x@y", dialog("INVITE"))
    phone.receive(invite.encode(), 0.0)
    said(phone)
    phone.receive(SipRequest("CANCEL", "sip:x@y", dialog("CANCEL")).encode(), 0.0)
    statuses = [each.status for each in said(phone) if isinstance(each, SipResponse)]
    assert statuses == [200, 487]
    assert phone.call is None
