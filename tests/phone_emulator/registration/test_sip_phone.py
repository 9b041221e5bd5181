"""The phone's side of SIP without I/O: registration, calls in both roles, keys."""

from ipaddress import IPv4Address
from itertools import count

import pytest

from tests.rigs.uncollected import alive, uncollected
from tokenless.phone_emulator.registration.talkers.events import (
    CallShown,
    CallStage,
    LastOut,
    ListenForMedia,
    MayComeBack,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
    SendMedia,
    StopMedia,
)
from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.protocol.sccp.call import SecurityStatus
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
)
from tokenless.protocol.sip.register import accept, read_register, refuse
from tokenless.protocol.sip.sdp import AudioStream, Crypto, decode_audio
from tokenless.protocol.sip.stream import SipStream
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite

DEVICE = "SEP0011223344AA"
HERE, THERE = IPv4Address("127.0.0.1"), IPv4Address("127.0.0.9")
SUITES = (SrtpSuite.AES_CM_128_HMAC_SHA1_80, SrtpSuite.AES_CM_128_HMAC_SHA1_32)
KEYS = SrtpKeys(bytes(range(16)), bytes(range(14)))
SDP = ("Content-Type", "application/sdp")


def make_phone(
    *, suites: tuple[SrtpSuite, ...] = (), transport: str = "tcp"
) -> SipPhone:
    drawn = count(1)
    return SipPhone(
        SipIdentity(
            device=DEVICE,
            model=685,
            load="sip88xx.12-7-1",
            user_agent="Cisco-CP8861/10.3.1",
            server="pub",
            address=HERE,
            port=5070,
            transport=transport,
            suites=suites,
            clock=lambda: 1764365405.7,
        ),
        random_bytes=lambda length: bytes([next(drawn) % 256]) * length,
    )


def said(phone: SipPhone) -> list[SipMessage]:
    return SipStream().receive(phone.output())


def request(phone: SipPhone, method: str) -> SipRequest:
    (found,) = [
        each
        for each in said(phone)
        if isinstance(each, SipRequest) and each.method == method
    ]
    return found


def registered(phone: SipPhone, expires_s: int = 120) -> SipPhone:
    phone.register(LastOut.INITIALIZED, 0.0)
    asked = request(phone, "REGISTER")
    answer = accept(
        asked, expires_s=expires_s, server="CUCM", tag="1", received="127.0.0.1"
    )
    phone.receive(answer.encode(), 0.0)
    assert phone.state is RegistrationState.REGISTERED
    phone.events()
    return phone


def test_it_registers_with_its_alarm_and_refreshes_in_time() -> None:
    phone = make_phone()
    phone.register(LastOut.CLOSED, 0.0)
    asked = read_register(request(phone, "REGISTER"))
    assert (asked.device, asked.model, asked.alarm) == (DEVICE, 685, 14)
    assert asked.last == "cm-closed-tcp"
    phone = registered(make_phone(), expires_s=120)
    assert phone.deadline is not None
    assert 60 <= phone.deadline < 120
    phone.tick(phone.deadline)
    assert read_register(request(phone, "REGISTER")).expires_s > 0


def test_requests_have_the_date_of_the_phone() -> None:
    date = "Fri, 28 Nov 2025 21:30:05 GMT"
    phone = make_phone()
    phone.register(LastOut.INITIALIZED, 0.0)
    assert request(phone, "REGISTER").get("date") == date
    invite, _ = offered(registered(make_phone()))
    assert invite.get("date") == date


def test_a_refusal_has_the_words_of_the_warning() -> None:
    phone = make_phone()
    phone.register(LastOut.INITIALIZED, 0.0)
    why = "Device security mismatch: expected TLS, received TCP/UDP"
    refusal = refuse(request(phone, "REGISTER"), node="pub", why=why, tag="1")
    phone.receive(refusal.encode(), 0.0)
    assert phone.events()[-1] == RegistrationStateChanged(
        RegistrationState.REJECTED, why, LastOut.REJECTED
    )
    assert phone.deadline is None


def test_a_registration_for_no_time_is_none() -> None:
    phone = make_phone()
    phone.register(LastOut.INITIALIZED, 0.0)
    asked = request(phone, "REGISTER")
    answer = accept(asked, expires_s=0, server="CUCM", tag="1", received="127.0.0.1")
    phone.receive(answer.encode(), 0.0)
    assert phone.state is RegistrationState.REJECTED


@pytest.mark.parametrize("is_registered", [False, True])
def test_a_silent_server_is_given_up(is_registered: bool) -> None:
    phone = make_phone()
    if is_registered:
        registered(phone)
    else:
        phone.register(LastOut.INITIALIZED, 0.0)
    for _ in range(4):
        if phone.deadline is not None:
            phone.tick(phone.deadline)
    last = LastOut.KEEPALIVE_FAILURE if is_registered else LastOut.TCP_TIMEOUT
    lost = phone.events()[-1]
    assert isinstance(lost, RegistrationStateChanged)
    assert (lost.state, lost.last) == (RegistrationState.LOST, last)


def test_over_udp_a_register_is_said_again() -> None:
    phone = make_phone(transport="udp")
    phone.register(LastOut.INITIALIZED, 0.0)
    (first,) = phone.datagrams()
    assert phone.deadline == 0.5
    phone.tick(0.5)
    assert phone.datagrams() == [first]
    assert phone.deadline == 1.5


def test_a_standby_server_gets_expires_0_and_registers_nobody() -> None:
    phone = make_phone()
    phone.stand_by(0.0)
    asked = request(phone, "REGISTER")
    assert read_register(asked).expires_s == 0
    answer = accept(asked, expires_s=0, server="CUCM", tag="1", received="127.0.0.1")
    phone.receive(answer.encode(), 1.0)
    assert phone.state is RegistrationState.IDLE
    assert phone.deadline == 61.0
    phone.ask_to_come_back(2.0)
    asked = request(phone, "REGISTER")
    answer = accept(asked, expires_s=0, server="CUCM", tag="1", received="127.0.0.1")
    phone.receive(answer.encode(), 2.0)
    assert phone.events() == [MayComeBack()]


def test_an_old_answer_counts_for_nothing() -> None:
    phone = make_phone()
    phone.stand_by(0.0)
    old = request(phone, "REGISTER")
    phone.register(LastOut.INITIALIZED, 0.0)
    answer = accept(old, expires_s=0, server="CUCM", tag="1", received="127.0.0.1")
    phone.receive(answer.encode(), 0.0)
    assert phone.state is RegistrationState.REGISTERING


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("reset", ResetOrdered(LastOut.RESET)),
        ("restart", ResetOrdered(LastOut.RESTART)),
        ("apply-config", ResetOrdered(LastOut.RESTART)),
        ("check-version", None),
        ("nonsense", None),
    ],
)
def test_a_notify_orders_a_reset(action: str, event: ResetOrdered | None) -> None:
    phone = registered(make_phone())
    headers = (*dialog("NOTIFY"), ("Event", "service-control"))
    order = SipRequest("NOTIFY", "sip:x@y", headers, f"action={action}\r\n".encode())
    phone.receive(order.encode(), 0.0)
    (answer,) = said(phone)
    assert isinstance(answer, SipResponse)
    assert answer.status == 200
    assert phone.events() == ([] if event is None else [event])


def test_what_is_not_sip_ends_the_connection() -> None:
    phone = registered(make_phone())
    phone.receive(b"HTTP/1.1 400 Bad Request\r\n\r\n", 0.0)
    (lost,) = phone.events()
    assert isinstance(lost, RegistrationStateChanged)
    assert lost.last is LastOut.ABORTED


def dialog(method: str, number: int = 101) -> tuple[tuple[str, str], ...]:
    return (
        ("Via", "SIP/2.0/TCP pub;branch=z9hG4bK1"),
        ("From", "<sip:1000@pub>;tag=9"),
        ("To", "<sip:1001@pub>"),
        ("Call-ID", "call-1@pub"),
        ("CSeq", f"{number} {method}"),
        ("Contact", "<sip:1000@pub>"),
    )


def call_info(level: str) -> tuple[str, str]:
    return "Call-Info", f"<urn:x-cisco-remotecc:callinfo>; security= {level}; isVoip"


def description(crypto: Crypto | None = None) -> bytes:
    cryptos = () if crypto is None else (crypto,)
    stream = AudioStream(THERE, 4000, cryptos=cryptos, is_secure=bool(cryptos))
    return stream.encode(origin="x", session=1)


def offered(phone: SipPhone) -> tuple[SipRequest, AudioStream]:
    phone.dial("1000")
    assert ListenForMedia(None) in phone.events()
    phone.media_opened(HERE, 16500)
    invite = request(phone, "INVITE")
    return invite, decode_audio(invite.body)


def answered(
    phone: SipPhone, invite: SipRequest, level: str, body: bytes
) -> list[SipMessage]:
    headers = (SDP, call_info(level), ("Contact", "<sip:1000@pub:5060>"))
    answer = answer_to(invite, 200, "OK", headers, body=body, to_tag="7")
    phone.receive(answer.encode(), 0.0)
    return said(phone)


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


def test_nothing_of_an_ended_connection_stays() -> None:
    with uncollected():
        phone = registered(make_phone())
        phone.dial("1000")
        phone.closed("the server closed the connection", LastOut.CLOSED)
        del phone
        assert alive(SipPhone) == 0
