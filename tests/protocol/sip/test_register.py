"""The REGISTER of Cisco phones, its answers, and descriptions of audio streams."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.sip.messages import SipRequest, decode_message
from tokenless.protocol.sip.register import (
    RegisterForm,
    Registration,
    accept,
    read_register,
    refuse,
)
from tokenless.protocol.sip.sdp import AudioStream, Crypto, decode_audio
from tokenless.protocol.srtp import SrtpKeys, SrtpSuite

FORM = RegisterForm(
    server="127.0.47.155",
    number="1001",
    device="SEP001122334455",
    model=684,
    user_agent="Cisco-CP8851/12.1.1",
    call_id="00112233-4455@127.0.0.1",
    contact="127.0.0.1:50060",
    transport="tls",
    user="8a6f6ee2-0000-4000-8000-000000000001",
)
ALARM = "14 Name=SEP001122334455 ActiveLoad=sip88xx.12-1-1 Last=cm-closed-tcp"


def register(expires_s: int = 3600) -> SipRequest:
    built = FORM.build(
        101, expires_s=expires_s, branch="z9hG4bK1", tag="t", alarm=ALARM
    )
    read = decode_message(built.encode())
    assert isinstance(read, SipRequest)
    return read


def test_a_phone_s_register_is_understood() -> None:
    assert read_register(register()) == Registration(
        device="SEP001122334455",
        number="1001",
        contact=f"sip:{FORM.user}@127.0.0.1:50060;transport=tls",
        expires_s=3600,
        model=684,
        alarm=14,
        load="sip88xx.12-1-1",
        last="cm-closed-tcp",
        call_id=FORM.call_id,
    )


def test_the_body_has_the_two_requests() -> None:
    body = register().body.decode()
    assert body.count("application/x-cisco-remotecc-request+xml") == 2
    assert "bulkregisterreq" in body
    assert "optionsind" in body


def test_an_older_client_names_its_device_otherwise() -> None:
    data = (
        register()
        .encode()
        .replace(b"devicename.ccm.cisco", b"devicename.ccm.features.cisco")
    )
    request = decode_message(data)
    assert isinstance(request, SipRequest)
    assert read_register(request).device == "SEP001122334455"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SEP001122334455", b"SEP 1"),
        (b"Expires: 3600", b"Expires: soon"),
        (b'model.ccm.cisco.com="684"', b'model.ccm.cisco.com="x"'),
        (b"Contact:", b"Nothing:"),
        (b"To: <sip:1001@", b"To: <tel:1001@"),
    ],
)
def test_a_register_that_cannot_be_understood(old: bytes, new: bytes) -> None:
    request = decode_message(register().encode().replace(old, new))
    assert isinstance(request, SipRequest)
    with pytest.raises(DecodeError):
        read_register(request)


def test_it_is_accepted_for_two_minutes() -> None:
    answer = accept(
        register(),
        expires_s=120,
        server="Cisco-CUCM12.0",
        tag="9~x",
        received="127.0.0.9",
    )
    read = decode_message(answer.encode())
    assert read.get("expires") == "120"
    assert read.get("via").endswith(";received=127.0.0.9")
    assert read.get("to").endswith(";tag=9~x")
    assert read.get("contact").endswith(";x-cisco-newreg")
    assert b"<code>200</code>" in read.body


def test_a_refusal_says_why() -> None:
    why = "Device security mismatch: expected TLS, received TCP/UDP"
    answer = refuse(register(), node="cucm-1051-a-pub", why=why, tag="1")
    assert answer.status == 403
    assert answer.get("warning") == f'399 cucm-1051-a-pub "{why}"'


KEYS = SrtpKeys(bytes(range(16)), bytes(range(0x20, 0x2E)))


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_secure_offer_goes_there_and_back(suite: SrtpSuite) -> None:
    offer = AudioStream(
        IPv4Address("127.0.0.1"),
        16500,
        cryptos=(Crypto(1, suite, KEYS),),
        is_secure=True,
    )
    written = offer.encode(origin="Cisco-SIPUA", session=7)
    assert b"inline:AAECAwQFBgcICQoLDA0ODyAhIiMkJSYnKCkqKywt\r\n" in written
    assert decode_audio(written) == offer


def test_a_clear_offer() -> None:
    offer = AudioStream(IPv4Address("127.0.0.1"), 16500)
    written = offer.encode(origin="Cisco-SIPUA", session=7)
    assert b"RTP/AVP 0 101" in written
    assert decode_audio(written) == offer


def test_a_server_describes_a_phone() -> None:
    """The address of the phone is in the session part (REFERENCE-4 4.1)."""
    stream = AudioStream(IPv4Address("127.0.0.1"), 16500)
    written = stream.encode(
        origin="CiscoSystemsCCM-SIP", session=7, server="127.0.47.155"
    )
    assert written.decode().split("\r\n")[:5] == [
        "v=0",
        "o=CiscoSystemsCCM-SIP 7 1 IN IP4 127.0.47.155",
        "s=SIP Call",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
    ]
    assert written.count(b"c=") == 1
    assert decode_audio(written) == stream


INLINE = "AAECAwQFBgcICQoLDA0ODyAhIiMkJSYnKCkqKywt"


@pytest.mark.parametrize(
    ("suite", "inline"),
    [
        ("AES_CM_128_HMAC_SHA1_32", f"{INLINE}|1:1"),
        ("AES_CM_128_HMAC_SHA1_32", f"{INLINE}|2^20"),
        ("AES_CM_128_HMAC_SHA1_32", "AAEC"),
        ("AES_CM_128_HMAC_SHA1_32", "=" + INLINE[1:]),
        ("AES_CM_128_HMAC_SHA1_32", f"{INLINE[:-1]}="),
        ("F8_128_HMAC_SHA1_80", INLINE),
        ("AES_CM_128_HMAC_SHA1_32", f"{INLINE} KDR=1"),
    ],
)
def test_a_crypto_line_that_cannot_be_used_is_none(suite: str, inline: str) -> None:
    line = f"a=crypto:1 {suite} inline:{inline}"
    text = f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/SAVP 0\r\n{line}\r\n"
    stream = decode_audio(text.encode())
    assert stream.is_secure
    assert stream.cryptos == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0\r\n",
        "m=audio 70000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n",
        "m=audio 9 RTP/AVP 0\r\n",
        "m=audio 9 RTP/AVP 0\r\nc=IN IP4 999.0.0.1\r\n",
        "m=audio 9 UDP/TLS 0\r\nc=IN IP4 127.0.0.1\r\n",
        "x" * 9000,
    ],
)
def test_descriptions_without_a_usable_stream(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_audio(text.encode())


@given(st.binary(max_size=200))
def test_hostile_descriptions(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_audio(data)
