"""SIP phones at real sockets: TCP and UDP, refresh, farewell, attacks."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest
import structlog
import trio

from tests.rigs.waiting import until
from tokenless.protocol.phones.alarms import (
    CONTENT_TYPE,
    HeldList,
    PhoneAlarm,
    TrustListReport,
)
from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import (
    DeviceProfile,
    Peer,
    RegisterFailure,
    Signalling,
    UnregisterReason,
)
from tokenless.protocol.sccp.answers import ResetType
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.register import RegisterForm
from tokenless.protocol.sip.sdp import AudioStream
from tokenless.protocol.sip.stream import SipStream
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.sip.datagrams import SipDatagrams
from tokenless.services.callmanager.sip.guest import SipGuest, answer, expire
from tokenless.services.callmanager.sip.source import Source
from tokenless.services.callmanager.sip.stations import (
    SipCallControl,
    SipCount,
    SipSettings,
    SipStation,
)
from tokenless.services.callmanager.switch import CallFailure, Leg, Switch
from tokenless.services.limited_log import LimitedLog
from tokenless.services.store.registrations import ItlReport
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import Port, StreamSettings

PHONE, SECURE = "SEP001122334455", "SEP0011223344AA"
FORM = RegisterForm(
    server="127.0.0.1",
    number="1001",
    device=PHONE,
    model=684,
    user_agent="Cisco-CP8851/12.1.1",
    call_id="00112233-4455@127.0.0.1",
    contact="127.0.0.1:50060",
    transport="tcp",
    user="8a6f6ee2-0000-4000-8000-000000000001",
)
NUMBERS = {PHONE: "1001", SECURE: "1000"}
DEVICES = {
    PHONE: DeviceProfile(PHONE, Signalling.SIP, device_types=(684,)),
    SECURE: DeviceProfile(SECURE, Signalling.SIP, DeviceSecurity.ENCRYPTED),
}


def office_of() -> SipCallControl:
    registrar = Registrar(DEVICES.get, clock=lambda: 100, max_devices=10)
    office: SipCallControl

    def leg_of(number: str) -> Leg | CallFailure:
        for registration in registrar.registrations():
            if NUMBERS[registration.device] == number:
                return office.leg_of(registration)
        return CallFailure.UNKNOWN_NUMBER

    office = SipCallControl(
        registrar,
        SipSettings(),
        node="pub",
        cells=dict.fromkeys(SipCount, 0),
        switch=Switch(leg_of),
        number_of=NUMBERS.__getitem__,
    )
    return office


def register(device: str = PHONE, *, expires_s: int = 3600) -> SipRequest:
    form = replace(FORM, device=device)
    return form.build(101, expires_s=expires_s, branch="z9hG4bK1", tag="t")


@dataclass
class Phones:
    """An office and what was sent to a phone, without sockets."""

    office: SipCallControl
    sent: list[bytes]
    now: float = 0.0
    address: str = "127.0.0.9"

    def ask(self, message: SipMessage, peer: Peer = Peer()) -> SipResponse:  # noqa: B008
        log = LimitedLog(structlog.get_logger(), 0, summary="more")
        source = Source(self.address, peer, self.sent.append, log)
        response = answer(self.office, message, source, self.now)
        assert response is not None
        return response


def phones() -> Phones:
    return Phones(office_of(), [])


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


def test_a_phone_registers_refreshes_and_leaves() -> None:
    desk = phones()
    assert desk.ask(register()).get("expires") == "120"
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.address == "127.0.0.9"
    desk.now = 100
    assert desk.ask(register()).status == 200
    desk.now = 200
    expire(desk.office, desk.now)
    assert desk.office.registrar.find(PHONE) is not None
    assert desk.ask(register(expires_s=0)).get("expires") == "0"
    (absence,) = desk.office.registrar.absences()
    assert absence.reason is UnregisterReason.DEVICE_UNREGISTERED
    assert desk.office.stations == {}


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
    expire(desk.office, 119)
    assert desk.office.registrar.find(PHONE) is not None
    expire(desk.office, 120)
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


@asynccontextmanager
async def running() -> AsyncIterator[tuple[SipCallControl, tuple[str, int]]]:
    office = office_of()

    def make_guest(tools: GuestTools) -> SipGuest:
        return SipGuest(office, tools, clock=time.monotonic)

    server = StreamServer(
        StreamSettings("SIP", (Port("127.0.0.1", 0, None),)),
        make_guest,
        guest_cells=len(SipCount),
    )
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(server.serve)
        yield office, address
        nursery.cancel_scope.cancel()


async def test_over_tcp() -> None:
    async with running() as (office, address):
        stream, sip = await trio.open_tcp_stream(*address), SipStream()
        async with stream:
            data = b"\r\n\r\n" + register().encode()
            await stream.send_all(data[:100])
            await stream.send_all(data[100:] + register().encode())
            received: list[SipMessage] = []
            while len(received) < 2:
                received += sip.receive(await stream.receive_some())
        statuses = [each.status for each in received if isinstance(each, SipResponse)]
        assert statuses == [200, 200]
        assert office.cells[SipCount.REGISTERED] == 1
        assert office.cells[SipCount.REFRESHED] == 1
        assert office.registrar.find(PHONE) is not None, "it outlives its connection"


async def test_garbage_over_tcp_ends_its_connection() -> None:
    async with running() as (_, address), await trio.open_tcp_stream(*address) as bad:
        await bad.send_all(b"GET / HTTP/1.1\r\n\r\n")
        assert await bad.receive_some() == b""


@asynccontextmanager
async def datagrams(
    server: SipDatagrams | None = None,
) -> AsyncIterator[tuple[SipCallControl, socket.socket]]:
    office, server = office_of(), server or SipDatagrams("127.0.0.1", 0)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setblocking(False)
    client.connect(server.address)
    with client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                lambda: server.serve(
                    office,
                    clock=time.monotonic,
                    log=structlog.get_logger(),
                    log_lines_per_s=1,
                )
            )
            yield office, client
            nursery.cancel_scope.cancel()
    server.close()


async def reply(client: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(client)
    return client.recv(8192)


async def test_over_udp() -> None:
    async with datagrams() as (office, client):
        client.send(b"\xff\x00 not SIP")
        client.send(register().encode())
        (response,) = SipStream().receive(await reply(client))
        assert isinstance(response, SipResponse)
        assert response.status == 200
        assert response.body, (
            "real phones' requests are long enough for the whole answer"
        )
        assert office.registrar.find(PHONE) is not None


async def test_a_phone_cannot_stop_the_node_by_what_it_says_of_itself() -> None:
    """An answer, or an order, that could not be read back ended the whole service."""
    async with datagrams() as (office, client):
        client.send(register().encode())
        await reply(client)
        contact = register().get("contact")
        many = tuple(("Via", f"SIP/2.0/UDP a;branch=z9hG4bK{n}") for n in range(96))
        named = (
            ("From", "<sip:1001@pub>;tag=f"),
            ("To", "<sip:9999@pub>"),
            ("Call-ID", "many"),
            ("CSeq", "101 INVITE"),
            ("Contact", contact),
        )
        offer = AudioStream(IPv4Address("127.0.0.1"), 16384)
        body = offer.encode(origin="x", session=1)
        invite = SipRequest("INVITE", "sip:9999@pub", (*many[:94], *named), body)
        client.send(invite.encode())
        answered = await reply(client)
        while not answered.startswith(b"SIP/2.0 404"):
            answered = await reply(client)
        client.send(register().encode())
        assert (await reply(client)).startswith(b"SIP/2.0 200")
        assert office.registrar.find(PHONE) is not None


async def test_a_datagram_that_fails_is_logged_and_the_next_one_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a fault of this program would end CallManager of the node."""
    async with datagrams() as (office, client):
        with monkeypatch.context() as patch, structlog.testing.capture_logs() as lines:
            patch.setattr(office, "new_tag", lambda: 1 // 0)
            client.send(replace(register(), method="OPTIONS").encode())
            await until(lambda: bool(lines))
        (line,) = lines
        assert line["log_level"] == "error"
        assert line["exc_info"]
        client.send(register().encode())
        assert (await reply(client)).startswith(b"SIP/2.0 200")


async def test_a_forged_datagram_gains_little() -> None:
    async with datagrams() as (_, client):
        short = replace(register(), body=b"")
        lean = tuple(
            each
            for each in short.headers
            if each[0]
            not in {"Supported", "User-Agent", "Content-Type", "Max-Forwards"}
        )
        request = replace(short, headers=lean).encode()
        client.send(request)
        answered = await reply(client)
        assert answered.startswith(b"SIP/2.0 200")
        assert len(answered) < 2 * len(request)


async def test_over_udp_an_order_is_sent_again_until_the_phone_answers() -> None:
    server = SipDatagrams("127.0.0.1", 0)
    async with datagrams(server) as (office, client):
        client.send(register().encode())
        await reply(client)
        office.stations[PHONE].reset(ResetType.RESTART)
        first, second = await reply(client), await reply(client)
        assert first == second
        order = decode_message(second)
        assert isinstance(order, SipRequest)
        assert order.get("via").startswith("SIP/2.0/UDP ")
        assert server._transactions.deadline() is not None
        client.send(answer_to(order, 200, "OK").encode())
        await until(lambda: server._transactions.deadline() is None)
