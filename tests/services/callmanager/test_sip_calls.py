"""Calls of SIP phones, without sockets: dialogs, descriptions, keys, ends."""

from dataclasses import replace

import pytest

from tests.rigs.sip_calls import (
    HERE,
    KEYS,
    LONG,
    MODES,
    PORTS,
    SHORT,
    A,
    B,
    connect,
    renamed,
    statuses,
    two,
)
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.messages import (
    SipRequest,
    SipResponse,
    answer_to,
    branch_of,
)
from tokenless.protocol.sip.sdp import Crypto, decode_audio
from tokenless.protocol.srtp import SrtpSuite


@pytest.mark.parametrize("mode", MODES)
def test_a_call_shows_what_it_is_protected_by(mode: DeviceSecurity) -> None:
    a, b = two(mode)
    connected, acknowledged = connect(a, b)
    level = {1: "NotAuthenticated", 2: "Authenticated", 3: "Encrypted"}[mode]
    assert f"security= {level}; orientation= to" in connected.get("call-info")
    at_a, at_b = decode_audio(connected.body), decode_audio(acknowledged.body)
    assert (at_a.port, at_b.port) == (PORTS[B], PORTS[A])
    if mode is MODES.ENCRYPTED:
        assert [(each.tag, each.suite, each.keys) for each in at_a.cryptos] == [
            (1, LONG, KEYS[B])
        ]
        assert [each.keys for each in at_b.cryptos] == [KEYS[A]]
    else:
        assert not at_a.is_secure
        assert not at_b.is_secure
    if mode is not MODES.NON_SECURE:
        update = b.next_request("UPDATE")
        assert f"security= {level}; orientation= from" in update.get("call-info")
    assert a.inbox == b.inbox == []


def test_a_phone_can_reach_us_at_every_address_that_it_is_given() -> None:
    """Of any client: a node's name may be in no DNS (REFERENCE-4 4.2)."""
    a, b = two(MODES.NON_SECURE)
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    place = "127.0.0.1:5060"
    assert invite.get("via").startswith(f"SIP/2.0/TCP {place};branch=")
    assert invite.get("contact").startswith(f"<sip:1001@{place};transport=tcp>;")
    assert invite.get("from").startswith("<sip:1001@127.0.0.1>;tag=")
    assert invite.get("to") == "<sip:1000@127.0.0.1>"
    assert invite.get("call-id").endswith("@127.0.0.1")
    assert invite.get("remote-party-id").startswith(
        "<sip:1001@127.0.0.1>;party=calling"
    )
    b.lift(invite)
    trying, ringing, connected = (a.next_response() for _ in range(3))
    assert (trying.status, ringing.status, connected.status) == (100, 180, 200)
    for response in (ringing, connected):
        contact = response.get("contact")
        assert contact.startswith(f"<sip:1000@{place};transport=tcp>;")
        assert f'devicename.ccm.cisco.com="{B}"' in contact
    called = connected.get("remote-party-id")
    assert called.startswith("<sip:1000@127.0.0.1>;party=called")
    assert connected.get("server") == "Cisco-CUCM10.5"
    origin = connected.body.split(b"\r\n")[1]
    assert origin.startswith(b"o=CiscoSystemsCCM-SIP ")
    assert origin.endswith(b" 1 IN IP4 127.0.0.1")


def test_the_weaker_phone_decides() -> None:
    a, b = two(MODES.ENCRYPTED, MODES.NON_SECURE)
    connected, _ = connect(a, b)
    assert "security= NotAuthenticated" in connected.get("call-info")
    assert not decode_audio(connected.body).is_secure


@pytest.mark.parametrize(
    ("at_a", "at_b", "tags"),
    [
        ((LONG,), (LONG,), (1, 1)),
        ((SHORT, LONG), (LONG,), (2, 1)),
        ((SHORT, LONG), (LONG, SHORT), (2, 1)),
        ((LONG, SHORT), (SHORT,), (2, 1)),
    ],
)
def test_both_phones_get_the_best_common_suite_by_their_own_tags(
    at_a: tuple[SrtpSuite, ...],
    at_b: tuple[SrtpSuite, ...],
    tags: tuple[int, int],
) -> None:
    a, b = two(MODES.ENCRYPTED)
    a.suites, b.suites = at_a, at_b
    connected, acknowledged = connect(a, b)
    assert "security= Encrypted" in connected.get("call-info")
    best = LONG if LONG in set(at_a) & set(at_b) else SHORT
    bodies = connected.body, acknowledged.body
    for body, tag, keys in zip(bodies, tags, (KEYS[B], KEYS[A]), strict=True):
        audio = decode_audio(body)
        assert audio.is_secure
        assert audio.cryptos == (Crypto(tag, best, keys),)


def test_without_a_common_suite_the_call_is_authenticated() -> None:
    a, b = two(MODES.ENCRYPTED)
    a.suites, b.suites = (SHORT,), (LONG,)
    connected, acknowledged = connect(a, b)
    assert "security= Authenticated" in connected.get("call-info")
    assert not decode_audio(connected.body).is_secure
    assert not decode_audio(acknowledged.body).is_secure


@pytest.mark.parametrize("waits", [A, B])
def test_a_phone_that_waits_for_srtp_gets_no_rtp(waits: str) -> None:
    """As baresip, which offers another suite and would hear nothing over RTP."""
    a, b = two(MODES.ENCRYPTED)
    stubborn = a if waits == A else b
    a.suites = b.suites = (SHORT,)
    stubborn.suites, stubborn.says = (LONG,), ()
    a.say(a.request("INVITE", "1000", a.description))
    b.lift(b.next_request("INVITE"))
    assert statuses(a) == [100, 180, 488]
    assert [each.method for each in b.inbox if isinstance(each, SipRequest)] == [
        "ACK",
        "BYE",
    ]
    assert a.node.office.calls.switch.calls == set()


def test_an_ack_has_the_number_of_its_invite() -> None:
    """The first ACK was lost; an UPDATE has taken the next number since."""
    a, b = two(MODES.AUTHENTICATED)
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    b.lift(invite)
    b.lift(invite)
    b.next_request("ACK")
    assert b.next_request("UPDATE").get("cseq") == "102 UPDATE"
    again = b.next_request("ACK")
    assert again.get("cseq") == "101 ACK"
    assert decode_audio(again.body).port == PORTS[A]


def test_a_phone_that_allows_no_update_gets_none() -> None:
    a, b = two(MODES.AUTHENTICATED)
    b.says = (("Allow", "INVITE, ACK, BYE, CANCEL"),)
    connect(a, b)
    assert b.inbox == []


def test_an_sccp_caller_that_hangs_up_early_leaves_no_unacknowledged_200() -> None:
    a, b = two()
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    # Its channel is not open yet: the answer to the offer cannot be given.
    (call,) = a.node.office.calls.switch.calls
    call.caller.endpoint = None
    b.lift(invite)
    b.lift(invite)
    assert b.inbox == []
    call.hang_up(call.caller.leg)
    b.next_request("ACK")
    b.next_request("BYE")


@pytest.mark.parametrize("ends", [A, B])
def test_a_bye_ends_the_call_for_both(ends: str) -> None:
    a, b = two()
    connect(a, b)
    one, other = (a, b) if ends == A else (b, a)
    bye = one.request("BYE", "1000")
    if one is b:
        legs = b.node.office.calls.legs
        (call_id,) = [c for c, leg in legs.items() if leg.party.device == B]
        headers = tuple(
            (name, call_id if name == "Call-ID" else value)
            for name, value in bye.headers
        )
        bye = replace(bye, headers=headers)
    one.say(bye)
    assert one.next_response().status == 200
    assert other.next_request("BYE").get("reason") == "Q.850;cause=16"
    assert a.node.office.calls.legs == {}
    assert a.node.office.calls.switch.calls == set()


def test_a_caller_gives_up() -> None:
    a, b = two()
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    a.inbox.clear()
    a.say(a.request("CANCEL", "1000"))
    assert [each.status for each in a.inbox if isinstance(each, SipResponse)] == [
        487,
        200,
    ]
    cancel = b.next_request("CANCEL")
    assert branch_of(cancel) == branch_of(invite)
    assert a.node.office.calls.legs == {}


@pytest.mark.parametrize(
    ("status", "expected"), [(200, ["ACK", "BYE"]), (487, ["ACK"]), (180, [])]
)
def test_an_answer_that_crosses_a_cancel(status: int, expected: list[str]) -> None:
    """A phone that was lifted at that moment is not left in a call with nobody."""
    a, b = two()
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    a.say(a.request("CANCEL", "1000"))
    cancel = b.next_request("CANCEL")
    b.say(answer_to(cancel, 200, "OK"))
    assert b.inbox == []
    forger = replace(b, inbox=[])
    forger.say(answer_to(invite, 200, "OK", to_tag="x"), Peer("AES128-SHA", A))
    contact = ("Contact", f"<sip:lifted@{HERE}>")
    for _ in range(2):
        b.say(answer_to(invite, status, "x", (contact,), to_tag="b"))
    sent = [each for each in b.inbox if isinstance(each, SipRequest)]
    assert [each.method for each in sent] == expected
    assert all(each.get("to").endswith(";tag=b") for each in sent)
    assert all(each.uri == f"sip:lifted@{HERE}" for each in sent if status == 200)
    calls = a.node.office.calls
    assert (list(calls.cancelled) == []) is bool(expected)
    assert not calls.is_busy(B)
    calls.take_timeout(cancel)
    assert list(calls.cancelled) == []


@pytest.mark.parametrize("peer", [Peer(), Peer("AES128-SHA", "another phone")])
def test_another_phone_neither_ends_nor_answers_a_secure_call(peer: Peer) -> None:
    a, b = two(MODES.ENCRYPTED)
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    forger = replace(b, inbox=[], suites=(SHORT,))
    contact = ("Contact", "<sip:forger@127.0.0.1>")
    answered = answer_to(invite, 200, "OK", (contact,), body=b.description, to_tag="x")
    forger.say(answered, peer)
    forger.say(answer_to(invite, 486, "Busy Here", to_tag="x"), peer)
    forger.say(a.request("CANCEL", "1000"), peer)
    assert statuses(forger) == [481]
    assert statuses(a) == [100, 180]
    a.inbox.clear()
    b.lift(invite)
    assert a.next_response().status == 200
    forger.say(a.request("BYE", "1000"), peer)
    assert statuses(forger) == [481, 481]
    assert len(a.node.office.calls.switch.calls) == 1


def test_a_call_id_is_not_to_be_guessed() -> None:
    a, b = two()
    seen = set()
    for number in range(3):
        a.say(renamed(a.request("INVITE", "1000", a.description), f"call {number}"))
        seen.add(b.next_request("INVITE").get("call-id").partition("-")[2])
        a.say(renamed(a.request("CANCEL", "1000"), f"call {number}"))
        b.next_request("CANCEL")
    assert len(seen) == 3
    assert all(len(each.partition("@")[0]) == 16 for each in seen)


def test_a_called_phone_refuses() -> None:
    a, b = two()
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    a.inbox.clear()
    b.say(answer_to(invite, 486, "Busy Here", to_tag="b"))
    b.next_request("ACK")
    assert a.next_response().status == 486


def test_an_answer_without_a_usable_description_ends_the_call() -> None:
    a, b = two()
    a.say(a.request("INVITE", "1000", a.description))
    invite = b.next_request("INVITE")
    a.inbox.clear()
    b.say(answer_to(invite, 200, "OK", body=b"v=0\r\n", to_tag="b"))
    b.next_request("ACK")
    b.next_request("BYE")
    assert a.next_response().status == 488


@pytest.mark.parametrize(
    ("number", "body", "status"),
    [("9999", None, 404), ("1001", None, 486), ("1000", b"v=0\r\n", 400)],
)
def test_invites_that_cannot_be_served(
    number: str, body: bytes | None, status: int
) -> None:
    a, _ = two()
    a.say(a.request("INVITE", number, a.description if body is None else body))
    assert isinstance(a.inbox[-1], SipResponse)
    assert a.inbox[-1].status == status
    assert a.node.office.calls.legs == {}


def test_nobody_calls_in_the_name_of_a_secure_phone() -> None:
    a, b = two(MODES.ENCRYPTED)
    for peer in (Peer(), Peer("AES128-SHA", B)):
        a.say(a.request("INVITE", "1000", a.description), peer)
        assert a.next_response().status == 403
    assert b.inbox == []


def test_a_phone_in_a_call_is_busy() -> None:
    a, b = two()
    connect(a, b)
    again = a.request("INVITE", "1000", a.description)
    a.say(again)
    assert a.next_response().status == 488, "it is the same dialog"
    headers = tuple(
        (name, "another" if name == "Call-ID" else value)
        for name, value in again.headers
    )
    a.say(replace(again, headers=headers))
    assert [each.status for each in a.inbox if isinstance(each, SipResponse)] == [
        100,
        486,
    ]


def test_dialogs_that_nobody_has() -> None:
    a, _ = two()
    for method, count in (("BYE", 1), ("CANCEL", 1), ("UPDATE", 1), ("ACK", 0)):
        a.say(a.request(method, "1000"))
        assert len(a.inbox) == count
        a.inbox.clear()
    a.say(SipResponse(200, "OK", (("Call-ID", "nobody's"), ("CSeq", "1 INVITE"))))
    assert a.inbox == []
