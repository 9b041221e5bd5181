"""Fuzz what phones and servers say to register and to call: SCCP and SIP.

The first byte of an input says how the rest is cut, as for TVS: however that is, the
same messages come out, or the same refusal. What a message carries is read with it: an
alarm, a REGISTER, addresses, a description of media, credentials. A message that is
written again says the same.
"""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address
from typing import TypeVar

from tests.fuzz.engine import Seeded
from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.message_streams import PushedStream
from tokenless.protocol.phones.alarms import PhoneAlarm, TrustListReport, alarm_words
from tokenless.protocol.sccp.answers import RegisterAck, RegisterReject, Reset
from tokenless.protocol.sccp.call import EnblocCall
from tokenless.protocol.sccp.frames import (
    MAX_FRAME_BYTES,
    MAX_VERSION,
    MESSAGES,
    SccpStream,
    UnknownMessage,
    encode_frame,
)
from tokenless.protocol.sccp.media import ConnectionStatisticsRes
from tokenless.protocol.sccp.requests import Alarm, KeepAlive, Register, XmlAlarm
from tokenless.protocol.sip.addresses import decode_address, decode_target, decode_uri
from tokenless.protocol.sip.digest import Challenge, Credentials, DigestAccount, ha1_of
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.register import RegisterForm, accept, read_register, refuse
from tokenless.protocol.sip.sdp import AudioStream, decode_audio
from tokenless.protocol.sip.stream import SipStream
from tokenless.protocol.sip.transactions import DatagramTransactions, Repeat

BOUND = 20_000
DEVICE = "SEP001122334455"
ACCOUNT = DigestAccount("anna", ha1_of("anna", "secret"))
PLACE = ("192.0.2.20", 5060)
SEVERAL_FORMS = (EnblocCall, ConnectionStatisticsRes)
"""Real phones write their numbers in more than one form: which one is guessed."""
MessageT = TypeVar("MessageT")


def messages_in(
    make: Callable[[], PushedStream[MessageT]], data: bytes
) -> list[MessageT]:
    """Run an input whole and cut; raise ProtocolError where the stream does."""
    size, data = data[0] % 64 + 1 if data else 1, data[1 : BOUND + 1]
    whole, found, refused = make(), [], None
    try:
        found = whole.receive(data)
    except ProtocolError as error:
        assert whole.buffered_bytes == 0
        refused = str(error)
    cut: list[MessageT] = []
    try:
        stream = make()
        for at in range(0, len(data), size):
            cut += stream.receive(data[at : at + size])
    except ProtocolError as error:
        if refused is None:
            raise AssertionError(error) from error
        raise
    assert refused is None
    assert cut == found
    return found


def sccp_target(data: bytes) -> None:
    """What either side says: the stream reads the messages of both."""
    for each in messages_in(SccpStream, data):
        message, version = each.message, min(each.version, MAX_VERSION)
        if isinstance(message, UnknownMessage):
            assert message.message_id not in MESSAGES
            continue
        # A text that fills its field has no NUL; written by us it is a byte shorter.
        (second,) = SccpStream().receive(encode_frame(message, version))
        assert type(second.message) is type(message)
        if not isinstance(second.message, (*SEVERAL_FORMS, UnknownMessage)):
            third = SccpStream().receive(encode_frame(second.message, version))
            assert third == [second]
        if isinstance(message, XmlAlarm):
            assert len(alarm_words(message.document.encode())) <= MAX_FRAME_BYTES


def sip_target(data: bytes) -> None:
    """What comes by a connection."""
    for message in messages_in(SipStream, data):
        _look_at(message)


def sip_datagram_target(data: bytes) -> None:
    """What comes by UDP, with what is remembered of it."""
    transactions: DatagramTransactions[tuple[str, int]] = DatagramTransactions()
    message = decode_message(data)
    assert transactions.received(message, PLACE, 0.0) is Repeat.NEW
    if isinstance(message, SipRequest):
        answer = answer_to(message, 404, "Not Found", to_tag="1")
        transactions.sent(answer, answer.encode(), PLACE, 0.0)
        transactions.received(message, PLACE, 0.1)
    for number in range(70):
        list(transactions.tick(float(number)))
    assert transactions.deadline() is None
    _look_at(message)


def _look_at(message: SipMessage) -> None:
    """Read everything that a server or a phone looks for in a message."""
    (again,) = SipStream().receive(_rewritten(message).encode())
    assert again.body == message.body
    for read in (decode_address, decode_target, decode_uri):
        for name in ("contact", "from", "to", "refer-to"):
            with suppress(DecodeError):
                read(message.get(name))
    with suppress(DecodeError):
        decode_audio(message.body)
    with suppress(DecodeError):
        TrustListReport.of(PhoneAlarm.decode(message.body))
    with suppress(DecodeError):
        challenge = Challenge.decode(message.get("www-authenticate"))
        said = Credentials.answer(
            challenge, ACCOUNT, "REGISTER", "sip:a", client_nonce="1"
        )
        assert said.proves(ACCOUNT, "REGISTER")
    if not isinstance(message, SipRequest):
        return
    with suppress(DecodeError):
        proof = Credentials.decode(message.get("authorization"))
        assert not proof.proves(DigestAccount("anna", "0" * 32), message.method)
    registration = read_register(message)
    assert 0 <= registration.expires_s < 10**9
    for answer in (
        refuse(message, node="pub", why="unknown", tag="1"),
        accept(message, expires_s=120, server="a", tag="1", received="192.0.2.20"),
    ):
        (said_again,) = SipStream().receive(answer.encode())
        assert said_again.get("call-id") == message.get("call-id")


def _rewritten(message: SipMessage) -> SipMessage:
    """Return a message without the length that `encode` adds."""
    headers = tuple(
        (name, value)
        for name, value in message.headers
        if name.lower() not in {"content-length", "l"}
    )
    if isinstance(message, SipRequest):
        return SipRequest(message.method, message.uri, headers, message.body)
    return type(message)(message.status, message.reason, headers, message.body)


def seeds() -> dict[str, Seeded]:
    """Return each target with what it starts from."""
    phone = [
        encode_frame(Register(device_name=DEVICE, device_type=437), 22),
        encode_frame(KeepAlive(), 0),
        encode_frame(Alarm(text="25: Name=SEP Load=1 Last=Initialized"), 20),
        encode_frame(XmlAlarm(PhoneAlarm("a", {"b": "1"}).encode().decode()), 20),
    ]
    frames = [encode_frame(kind(), 22) for kind in MESSAGES.values()]
    server = [
        encode_frame(each, 20)
        for each in (RegisterAck(), RegisterReject("Device Unknown"), Reset())
    ]
    sip = [each.encode() for each in _sip_messages()]
    return {
        "sccp": (
            sccp_target,
            [b"\6" + b"".join(each) for each in (phone, server, *zip(frames))],
        ),
        "sip": (sip_target, [b"\6" + each for each in [*sip, b"".join(sip)]]),
        "sip-datagrams": (sip_datagram_target, sip),
    }


def _sip_messages() -> list[SipMessage]:
    register = RegisterForm(
        "192.0.2.11",
        "1001",
        DEVICE,
        437,
        "Cisco-CP8845/12.1.1",
        "00112233-4455",
        "192.0.2.20:5060",
        "tcp",
        "u1",
    ).build(
        101, expires_s=3600, branch="z9hG4bK1", tag="2", alarm="14 Name=a Load=b Last=c"
    )
    challenge = Challenge("6a.b")
    said = Credentials.answer(
        challenge, ACCOUNT, "REGISTER", register.uri, client_nonce="00"
    )
    offer = AudioStream(IPv4Address("192.0.2.20"), 16500).encode(
        origin="Cisco-SIPUA", session=1
    )
    again = SipRequest(
        "REGISTER",
        register.uri,
        (*register.headers, ("Authorization", said.encode())),
        TrustListReport(DEVICE).alarm().encode(),
    )
    refused = answer_to(
        register, 401, "Unauthorized", (("WWW-Authenticate", challenge.encode()),)
    )
    invite = SipRequest("INVITE", "sip:1002@192.0.2.11", register.headers, offer)
    return [register, again, invite, refused]
