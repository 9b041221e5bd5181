"""Two SIP phones in a call, without sockets."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import structlog

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import DeviceProfile, Peer, Signalling
from tokenless.protocol.sip.messages import (
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.register import DEVICE_PARAMETER, RegisterForm
from tokenless.protocol.sip.sdp import AudioStream, Crypto
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite
from tokenless.services.callmanager.leg import CallFailure, Leg
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.sip.dialog import Source
from tokenless.services.callmanager.sip.guest import answer
from tokenless.services.callmanager.sip.stations import (
    SipCallControl,
    SipCount,
    SipSettings,
)
from tokenless.services.callmanager.switch import Switch
from tokenless.services.limited_log import LimitedLog

A, B = "SEP00000000000A", "SEP00000000000B"
NUMBERS = {A: "1001", B: "1000"}
SHORT, LONG = SrtpSuite.AES_CM_128_HMAC_SHA1_32, SrtpSuite.AES_CM_128_HMAC_SHA1_80
KEYS = {A: SrtpKeys(b"a" * 16, b"a" * 14), B: SrtpKeys(b"b" * 16, b"b" * 14)}
PORTS = {A: 16384, B: 16386}
HERE = IPv4Address("127.0.0.1")
MODES = DeviceSecurity


class Node:
    def __init__(self, modes: dict[str, DeviceSecurity]) -> None:
        self.devices = {
            name: DeviceProfile(name, Signalling.SIP, mode)
            for name, mode in modes.items()
        }
        registrar = Registrar(self.devices.get, clock=lambda: 1, max_devices=9)
        self.office = SipCallControl(
            registrar,
            SipSettings(),
            node="pub",
            cells=dict.fromkeys(SipCount, 0),
            switch=Switch(self.leg_of),
            number_of=NUMBERS.__getitem__,
            place_of=lambda _: "127.0.0.1:5060",
        )

    def leg_of(self, number: str) -> Leg | CallFailure:
        for registration in self.office.registrar.registrations():
            if NUMBERS[registration.device] == number:
                return self.office.leg_of(registration)
        return CallFailure.UNKNOWN_NUMBER


@dataclass
class Phone:
    node: Node
    name: str
    inbox: list[SipRequest | SipResponse] = field(default_factory=list)
    suites: tuple[SrtpSuite, ...] = (LONG, SHORT)
    says: tuple[tuple[str, str], ...] = (("Supported", "x,X-cisco-srtp-fallback"),)

    @property
    def mode(self) -> DeviceSecurity:
        return self.node.devices[self.name].security_mode

    @property
    def peer(self) -> Peer:
        secure = self.mode is not MODES.NON_SECURE
        return Peer("AES128-SHA", self.name) if secure else Peer()

    def say(self, message: SipRequest | SipResponse, peer: Peer | None = None) -> None:
        log = LimitedLog(structlog.get_logger(), 0, summary="more")
        source = Source("127.0.0.1", peer or self.peer, self.hear, log)
        response = answer(self.node.office, decode_message(message.encode()), source, 0)
        if response is not None:
            self.hear(response.encode())

    def hear(self, data: bytes) -> None:
        self.inbox.append(decode_message(data))

    def next(self) -> SipRequest | SipResponse:
        return self.inbox.pop(0)

    def register(self) -> None:
        form = RegisterForm(
            server="pub",
            number=NUMBERS[self.name],
            device=self.name,
            model=684,
            user_agent="Cisco-CP8851/12.1.1",
            call_id=self.name,
            contact="127.0.0.1:50060",
            transport="tls",
            user=self.name,
        )
        self.say(form.build(1, expires_s=60, branch="z9hG4bK1", tag="t"))
        assert self.next_response().status == 200

    def next_response(self) -> SipResponse:
        message = self.next()
        assert isinstance(message, SipResponse)
        return message

    def next_request(self, method: str) -> SipRequest:
        message = self.next()
        assert isinstance(message, SipRequest)
        assert message.method == method
        return message

    @property
    def description(self) -> bytes:
        secret = self.mode is MODES.ENCRYPTED
        cryptos = tuple(
            Crypto(tag, suite, KEYS[self.name])
            for tag, suite in enumerate(self.suites, start=1)
        )
        stream = AudioStream(
            HERE, PORTS[self.name], cryptos=cryptos if secret else (), is_secure=secret
        )
        return stream.encode(origin="Cisco-SIPUA", session=1)

    def request(self, method: str, number: str, body: bytes = b"") -> SipRequest:
        device = f'{DEVICE_PARAMETER}="{self.name}"'
        return SipRequest(
            method,
            f"sip:{number}@pub",
            (
                ("Via", "SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK2"),
                ("From", f"<sip:{NUMBERS[self.name]}@pub>;tag=f"),
                ("To", f"<sip:{number}@pub>"),
                ("Call-ID", f"call-of-{self.name}"),
                ("CSeq", f"101 {method}"),
                ("Contact", f"<sip:{self.name}@127.0.0.1>;{device}"),
                *self.says,
            ),
            body,
        )

    def lift(self, invite: SipRequest) -> None:
        contact = ("Contact", f"<sip:{self.name}@127.0.0.1>")
        self.say(answer_to(invite, 180, "Ringing", to_tag="b"))
        more = (contact, *self.says)
        self.say(answer_to(invite, 200, "OK", more, body=self.description, to_tag="b"))


def two(
    a: DeviceSecurity = MODES.NON_SECURE, b: DeviceSecurity | None = None
) -> tuple[Phone, Phone]:
    node = Node({A: a, B: a if b is None else b})
    phones = Phone(node, A), Phone(node, B)
    for phone in phones:
        phone.register()
    return phones


def connect(a: Phone, b: Phone) -> tuple[SipResponse, SipRequest]:
    """Return the 200 that the caller got and the ACK that the called phone got."""
    a.say(a.request("INVITE", "1000", a.description))
    assert a.next_response().status == 100
    invite = b.next_request("INVITE")
    assert invite.body == b""
    assert "security= Unknown; orientation= from" in invite.get("call-info")
    ringing = a.next_response()
    assert ringing.status == 180
    assert "ui-state= ringout" in ringing.get("call-info")
    b.lift(invite)
    connected = a.next_response()
    assert connected.status == 200
    acknowledged = b.next_request("ACK")
    assert acknowledged.get("to").endswith(";tag=b")
    a.say(a.request("ACK", "1000"))
    return connected, acknowledged


def renamed(request: SipRequest, call_id: str) -> SipRequest:
    headers = {**dict(request.headers), "Call-ID": call_id}
    return replace(request, headers=tuple(headers.items()))


def statuses(phone: Phone) -> list[int]:
    return [each.status for each in phone.inbox if isinstance(each, SipResponse)]
