"""A node's SIP without sockets, and a phone's wire to it."""

from dataclasses import dataclass, replace

import structlog

from tokenless.protocol.phones.device_security import DeviceSecurity
from tokenless.protocol.phones.registration import DeviceProfile, Peer, Signalling
from tokenless.protocol.sip.messages import SipMessage, SipRequest, SipResponse
from tokenless.protocol.sip.register import RegisterForm
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
        place_of=lambda _: "127.0.0.1:5060",
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
