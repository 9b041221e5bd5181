"""The phone's side of SIP without I/O: registration, resets, the end."""

import pytest

from tests.phone_emulator.registration.sip_phones import (
    DEVICE,
    dialog,
    make_phone,
    offered,
    registered,
    request,
    said,
)
from tests.rigs.uncollected import alive, uncollected
from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    MayComeBack,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
)
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.protocol.sip.messages import (
    SipRequest,
    SipResponse,
)
from tokenless.protocol.sip.register import accept, read_register, refuse


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


def test_nothing_of_an_ended_connection_stays() -> None:
    with uncollected():
        phone = registered(make_phone())
        phone.dial("1000")
        phone.closed("the server closed the connection", LastOut.CLOSED)
        del phone
        assert alive(SipPhone) == 0
