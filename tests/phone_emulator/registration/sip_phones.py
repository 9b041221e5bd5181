"""SIP phones of tests, without I/O: made, registered, and what they said."""

from ipaddress import IPv4Address
from itertools import count

from tokenless.phone_emulator.registration.talkers.events import (
    LastOut,
    ListenForMedia,
    RegistrationState,
)
from tokenless.phone_emulator.registration.talkers.sip_identity import SipIdentity
from tokenless.phone_emulator.registration.talkers.sip_phone import SipPhone
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
)
from tokenless.protocol.sip.register import accept
from tokenless.protocol.sip.sdp import AudioStream, decode_audio
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


def dialog(method: str, number: int = 101) -> tuple[tuple[str, str], ...]:
    return (
        ("Via", "SIP/2.0/TCP pub;branch=z9hG4bK1"),
        ("From", "<sip:1000@pub>;tag=9"),
        ("To", "<sip:1001@pub>"),
        ("Call-ID", "call-1@pub"),
        ("CSeq", f"{number} {method}"),
        ("Contact", "<sip:1000@pub>"),
    )


def offered(phone: SipPhone) -> tuple[SipRequest, AudioStream]:
    phone.dial("1000")
    assert ListenForMedia(None) in phone.events()
    phone.media_opened(HERE, 16500)
    invite = request(phone, "INVITE")
    return invite, decode_audio(invite.body)
