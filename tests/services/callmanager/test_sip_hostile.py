"""REGISTERs that torture (after RFC 4475), and what strangers may not do.

The messages are ours; each has the defect that the section of RFC 4475 is about.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs.sip_desk import DEVICES, PHONE, SECURE, Phones, phones
from tests.rigs.sip_desk import register as register_of
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.phones.registration import Peer
from tokenless.protocol.sip.messages import SipRequest, SipResponse, decode_message
from tokenless.protocol.sip.register import DEVICE_PARAMETER
from tokenless.protocol.sip.stream import SipStream

TLS = Peer("AES128-SHA", SECURE)
OTHER = Peer("AES128-SHA", "SEP00000000FFFF")
CONTACT = f'<sip:u@127.0.0.1:50060>;{DEVICE_PARAMETER}="{PHONE}"'


def changed(**headers: str | None) -> SipRequest:
    """Return a REGISTER with other headers; None leaves one out."""
    request = register_of()
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = [
        (name, named.pop(name.lower(), value))
        for name, value in request.headers
        if name.lower() != "content-type"
    ]
    kept += named.items()
    sound = tuple((name, value) for name, value in kept if value is not None)
    return replace(request, headers=sound, body=b"")


ACCEPTED: dict[str, SipRequest] = {
    # 3.1.1.3, 3.1.1.4: escapes in a URI, a NUL among them
    "escaped": changed(To="sip:null-%00-null@example.com", From="sip:%75ser@pub;tag=1"),
    # 3.1.1.7: an address without angle brackets, spaces, quotes in the name
    "display": changed(To='"a \\"name\\"; with:signs" <sip:1001@pub> ; x = "y;z"'),
    # 3.1.1.10: parameters of Via that nobody knows
    "via": changed(Via="SIP / 2.0 / TCP  pub ;branch=z9hG4bK1;fancy;more=yes"),
    # 3.1.1.13: an unusual authorization
    "authorization": changed(Authorization="NoOneKnowsThisScheme opaque=here"),
    # 3.3.12, 3.3.13: parameters of the contact and of its URI
    "contact": changed(
        Contact=f'<sip:u@1.2.3.4;unknown=x>;{DEVICE_PARAMETER}="{PHONE}";q=0.1'
    ),
    # 3.3.14: a header inside of the contact's URI is no header
    "header in a uri": changed(
        Contact=f'<sip:u@1.2.3.4?Route=%3Csip:x%3E>;{DEVICE_PARAMETER}="{PHONE}"'
    ),
    # 3.1.1.12: extreme, and in range
    "expires": changed(Expires="999999999"),
    "warnings": changed(Unknown_Header="x" * 4000),
}

REFUSED: dict[str, SipRequest] = {
    # 3.3.1: what every request needs
    "no contact": changed(Contact=None),
    "no to": changed(To=None),
    # 3.1.2.2, 3.1.2.7: separators too many, a date that is none of our business
    "open quote": changed(To='"Mr. X <sip:1001@pub>'),
    "open bracket": changed(Contact="<sip:u@127.0.0.1"),
    # 3.3.2, 3.3.3: schemes
    "scheme in to": changed(To="isbn:2983792873"),
    "scheme in contact": changed(Contact=CONTACT.replace("sip:", "name:")),
    # 3.1.2.5, 3.1.2.11: numbers
    "negative expires": changed(Expires="-1"),
    "huge expires": changed(Expires="9" * 10),
    "expires with words": changed(Expires="0 0l@company.com"),
    "expires in unicode": changed(Expires="\u0661\u0662"),
    "port": changed(Contact=CONTACT.replace("50060", "500600")),
    # A name of a device that is none
    "device": changed(Contact=CONTACT.replace(PHONE, "SEP../../etc")),
    "long device": changed(Contact=CONTACT.replace(PHONE, "S" * 129)),
    "asterisk": changed(Contact="*"),
    # A node sends requests to the contact: it has to be one that a request can name
    "contact in unicode": changed(Contact=CONTACT.replace("u@", "\u00fc@")),
    "parameter in unicode": changed(Contact=CONTACT.replace("0>", "0;x=\u00fc>")),
    "long contact": changed(Contact=CONTACT.replace("0>", f"0;x={'y' * 1100}>")),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_but_sound(name: str) -> None:
    desk = phones()
    assert desk.ask(carried(ACCEPTED[name])).status == 200
    assert desk.office.registrar.find(PHONE) is not None


@pytest.mark.parametrize("name", REFUSED)
def test_unsound(name: str) -> None:
    desk = phones()
    assert desk.ask(carried(REFUSED[name])).status == 400
    assert list(desk.office.registrar.registrations()) == []
    assert desk.office.stations == {}


def carried(request: SipRequest) -> SipRequest:
    """Return a request as it comes out at the other side."""
    message = decode_message(request.encode())
    assert isinstance(message, SipRequest)
    return message


@pytest.mark.parametrize(
    "change",
    [
        # 3.3.8, 3.3.9: one header with two values, two lengths
        lambda data: data.replace(b"Expires: 3600", b"Expires: 3600\r\nExpires: 0"),
        lambda data: data.replace(b"Contact:", b"Contact: <sip:x@y>\r\nContact:"),
    ],
)
def test_what_is_said_twice_is_understood_once(
    change: Callable[[bytes], bytes],
) -> None:
    """The first counts: a second Expires or Contact cannot slip in another meaning."""
    desk = phones()
    message = decode_message(change(register_of().encode()))
    assert isinstance(message, SipRequest)
    response = desk.ask(message)
    found = desk.office.registrar.find(PHONE)
    assert (response.status == 200) is (found is not None)


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_registers_that_come_in_pieces_and_together(pieces: int) -> None:
    data = register_of().encode() * 3
    stream, found = SipStream(), []
    for at in range(0, len(data), pieces):
        found += stream.receive(data[at : at + pieces])
    assert len(found) == 3
    desk = phones()
    assert {desk.ask(each).status for each in found} == {200}
    assert len(desk.office.registrar) == 1


@pytest.mark.parametrize("address", ["127.0.0.9", "127.0.0.66"])
def test_a_certificate_of_another_device_ends_no_registration_in_clear(
    address: str,
) -> None:
    desk = phones()
    assert desk.ask(register_of()).status == 200
    stranger = Phones(desk.office, [], address=address)
    assert stranger.ask(register_of(expires_s=0), OTHER).status == 200
    assert stranger.ask(register_of(), OTHER).status == 403
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    assert found.address == "127.0.0.9"
    assert desk.office.stations[PHONE].source.peer == Peer()


@pytest.mark.parametrize("expires_s", [0, 60])
def test_a_stranger_does_not_end_a_registration_in_clear(expires_s: int) -> None:
    """A farewell of another address is answered, as a standby node's would be."""
    desk = phones()
    assert desk.ask(register_of()).status == 200
    stranger = Phones(desk.office, [], address="127.0.0.66")
    response = stranger.ask(register_of(expires_s=expires_s))
    assert response.status == 200
    found = desk.office.registrar.find(PHONE)
    assert found is not None
    # A REGISTER moves the phone, as one that has another address now needs it.
    assert found.address == ("127.0.0.66" if expires_s else "127.0.0.9")
    assert PHONE in desk.office.stations


def secure_desk() -> Phones:
    desk = phones()
    assert desk.ask(register_of(SECURE), TLS).status == 200
    return desk


@pytest.mark.parametrize("peer", [Peer(), OTHER, Peer("AES128-SHA")])
@pytest.mark.parametrize("expires_s", [0, 60])
def test_nobody_else_ends_or_takes_a_secure_registration(
    peer: Peer, expires_s: int
) -> None:
    desk = secure_desk()
    before = desk.office.registrar.find(SECURE)
    station = desk.office.registrar.station(SECURE)
    assert desk.ask(register_of(SECURE, expires_s=expires_s), peer).status == 403
    assert desk.office.registrar.find(SECURE) == before
    assert desk.office.registrar.station(SECURE) is station
    assert desk.office.stations[SECURE].source.peer == TLS


@given(st.data())
def test_a_register_that_was_damaged_harms_nobody(data: st.DataObject) -> None:
    """It is refused, or it registers a device that the cluster has."""
    sound = bytearray(register_of().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(sound) - 1))
        sound[at] = data.draw(st.integers(0, 255))
    desk = secure_desk()
    try:
        message = decode_message(bytes(sound))
    except ProtocolError:
        return
    if isinstance(message, SipResponse) or message.method == "ACK":
        return
    desk.ask(message)
    names = {each.device for each in desk.office.registrar.registrations()}
    assert SECURE in names
    assert names <= set(DEVICES)
