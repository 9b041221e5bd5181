"""The phone's side of SCCP without sockets: registration, keep-alives, silence."""

from ipaddress import IPv4Address

import pytest

from tests.rigs.uncollected import alive, uncollected
from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    MayComeBack,
    RegistrationState,
    RegistrationStateChanged,
    ResetOrdered,
)
from tokenless.phone_emulator.registration.talkers.sccp_phone import (
    SccpIdentity,
    SccpPhone,
)
from tokenless.protocol.sccp import answers, requests
from tokenless.protocol.sccp.frames import SccpStream, encode_frame
from tokenless.protocol.sccp.layout import Message

ME = SccpIdentity("SEP001122334455", 437, "SCCP75.9-3-1SR4-1S", IPv4Address("10.0.0.7"))


def sent(phone: SccpPhone) -> list[object]:
    return [each.message for each in SccpStream().receive(phone.output())]


def tell(phone: SccpPhone, *messages: Message, now: float = 1.0) -> None:
    phone.receive(b"".join(encode_frame(each, 0) for each in messages), now)


def registered() -> SccpPhone:
    phone = SccpPhone(ME)
    phone.register(LastOut.INITIALIZED, 0.0)
    phone.output()
    tell(phone, answers.RegisterAck(keepalive_s=30, max_protocol=20))
    phone.events()
    return phone


def test_it_says_why_it_starts_and_registers() -> None:
    phone = SccpPhone(ME)
    phone.register(LastOut.INITIALIZED, 0.0)
    alarm, register, port = sent(phone)
    assert isinstance(alarm, requests.Alarm)
    assert alarm.text == (
        "25: Name=SEP001122334455 Load=SCCP75.9-3-1SR4-1S Last=Initialized"
    )
    assert isinstance(register, requests.Register)
    assert (register.device_type, register.protocol_version) == (437, 20)
    assert register.mac == bytes.fromhex("001122334455") + bytes(6)
    assert isinstance(port, requests.IpPort)
    assert phone.state is RegistrationState.REGISTERING


def test_it_asks_once_it_is_registered() -> None:
    phone = registered()
    tell(phone, answers.CapabilitiesReq(), answers.LineStat(1, "1001", "", ""))
    capabilities, *questions = sent(phone)
    assert isinstance(capabilities, requests.CapabilitiesRes)
    assert [type(each) for each in questions] == [
        requests.ButtonTemplateReq,
        requests.SoftKeyTemplateReq,
        requests.SoftKeySetReq,
        requests.ConfigStatReq,
        requests.LineStatReq,
        requests.ForwardStatReq,
        requests.RegisterAvailableLines,
        requests.TimeDateReq,
    ]
    assert phone.number == "1001"


def test_a_refusal_has_the_server_s_words() -> None:
    phone = SccpPhone(ME)
    phone.register(LastOut.INITIALIZED, 0.0)
    tell(phone, answers.RegisterReject("Device Unknown"))
    assert phone.events()[-1] == RegistrationStateChanged(
        RegistrationState.REJECTED, "Device Unknown", LastOut.REJECTED
    )
    assert phone.deadline is None


def test_it_keeps_itself_alive_and_gives_a_silent_server_up() -> None:
    phone = registered()
    assert phone.deadline == 31.0
    for now in (31.0, 61.0):
        phone.tick(now)
        assert sent(phone) == [requests.KeepAlive()]
        tell(phone, answers.KeepAliveAck(), now=now)
    for now in (91.0, 121.0, 151.0):
        phone.tick(now)
    assert phone.state is RegistrationState.REGISTERED
    phone.tick(181.0)
    assert phone.events() == [
        RegistrationStateChanged(
            RegistrationState.LOST,
            "3 keep-alives were not answered",
            LastOut.KEEPALIVE_FAILURE,
        )
    ]


def test_it_does_nothing_before_its_time() -> None:
    phone = registered()
    phone.tick(30.9)
    assert sent(phone) == []


def test_a_server_that_does_not_answer_a_register_is_lost() -> None:
    phone = SccpPhone(ME)
    phone.register(LastOut.INITIALIZED, 0.0)
    phone.tick(10.0)
    assert phone.state is RegistrationState.LOST


@pytest.mark.parametrize(
    ("kind", "last"), [(1, LastOut.RESET), (2, LastOut.RESTART), (3, LastOut.RESTART)]
)
def test_orders_to_reset(kind: int, last: LastOut) -> None:
    phone = registered()
    tell(phone, answers.Reset(kind))
    assert phone.events() == [ResetOrdered(last)]


def test_a_standby_connection_only_lives() -> None:
    phone = SccpPhone(ME)
    phone.stand_by(0.0)
    assert sent(phone) == [requests.KeepAlive()]
    tell(phone, answers.KeepAliveAck())
    assert phone.state is RegistrationState.IDLE
    phone.tick(60.0)
    assert sent(phone) == [requests.KeepAlive()]


def test_a_token_lets_it_come_back_or_makes_it_wait() -> None:
    phone = SccpPhone(ME)
    phone.ask_to_come_back(0.0)
    assert isinstance(sent(phone)[0], requests.RegisterTokenReq)
    tell(phone, answers.RegisterTokenReject(90), now=5.0)
    phone.tick(65.0)  # the server counts on a phone that waits
    assert sent(phone) == [requests.KeepAlive()]
    tell(phone, answers.KeepAliveAck(), now=65.0)
    assert phone.deadline == 95.0
    phone.tick(95.0)
    assert isinstance(sent(phone)[0], requests.RegisterTokenReq)
    tell(phone, answers.RegisterTokenAck(), now=95.0)
    assert phone.events() == [MayComeBack()]


def test_a_server_that_does_not_answer_a_token_request_is_lost() -> None:
    phone = SccpPhone(ME)
    phone.ask_to_come_back(0.0)
    phone.tick(10.0)
    assert phone.events() == [
        RegistrationStateChanged(
            RegistrationState.LOST,
            "the server did not answer RegisterTokenReq",
            LastOut.TCP_TIMEOUT,
        )
    ]


def test_a_phone_that_is_registered_needs_no_token() -> None:
    phone = registered()
    tell(phone, answers.RegisterTokenAck())
    assert phone.events() == []


def test_a_farewell_is_answered() -> None:
    phone = registered()
    phone.unregister()
    assert sent(phone) == [requests.Unregister()]
    tell(phone, answers.UnregisterAck())
    assert phone.state is RegistrationState.UNREGISTERED


@pytest.mark.parametrize("how", ["closed", "garbage"])
def test_a_broken_connection_is_a_lost_server(how: str) -> None:
    phone = registered()
    if how == "closed":
        phone.closed("the server closed the connection", LastOut.CLOSED)
    else:
        phone.receive(b"\xff" * 12, 2.0)
    assert phone.state is RegistrationState.LOST


def test_messages_that_nobody_knows_are_ignored() -> None:
    phone = registered()
    phone.receive(b"\x04\0\0\0" + bytes(4) + b"\xff\x07\0\0", 2.0)
    assert phone.events() == []


def test_nothing_of_an_ended_connection_stays() -> None:
    with uncollected():
        phone = registered()
        phone.dial("1000")
        phone.closed("the server closed the connection", LastOut.CLOSED)
        del phone
        assert alive(SccpPhone) == 0
