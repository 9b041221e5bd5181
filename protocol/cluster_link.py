"""Messages between two nodes (registrations, calls), as JSON objects with a `do`.

    {"do":"hello","node":"pub","version":1}
    {"do":"registered","phones":[{"device":"SEP…","number":"1000",…}]}

Each node connects to every other one and says on this connection what it has to say;
the answers to it come on the other node's connection. A call has a number of the
caller's node; `to_caller` words come from the called phone's node, the others from the
caller's. SRTP keys travel in clear text here: the connection is always TLS.

The vendor's own form (SDL, TCP 8002) is not public; this one is ours. `LinkStream` cuts
a connection into messages; any error is final.

| bytes | field |
|---|---|
| 4 | length of the message, big-endian |
| so many | the message, JSON |
"""

from typing import Annotated, Final

import msgspec

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.message_streams import PushedStream
from tokenless.protocol.srtp import SCCP_SUITE

VERSION: Final = 1
MAX_PHONES: Final = 500
"""In one message."""
MAX_OFFERS: Final = 16
"""Of one phone."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Number = Annotated[str, msgspec.Meta(max_length=50)]
_Address = Annotated[str, msgspec.Meta(max_length=45)]
_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
_Level = Annotated[int, msgspec.Meta(ge=0, le=3)]
_Call = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
_Secret = Annotated[bytes, msgspec.Meta(min_length=14, max_length=16)]
MAX_BODY_BYTES: Final = 256 * 1024
"""A message of 500 phones has less than half of it."""
_LENGTH_BYTES: Final = 4


class PhoneEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phone that is registered at the node that says so."""

    device: _Name
    number: _Number
    security: Annotated[int, msgspec.Meta(ge=1, le=3)]
    """Its deviceSecurityMode."""
    is_secure: bool
    """True if it is registered over TLS."""
    is_sip: bool
    address: _Address
    at_ms: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
    """The time of the registration, by the clock of its node."""


class Caller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phone that calls."""

    device: _Name
    number: _Number
    security: Annotated[int, msgspec.Meta(ge=1, le=3)]
    address: _Address


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SRTP master key and salt of one direction."""

    key: _Secret
    salt: _Secret

    def __repr__(self) -> str:
        """Keep the keys out of logs and tracebacks."""
        return "Keys(…)"


class OfferedKeys(msgspec.Struct, frozen=True):
    """What a SIP phone would send with under one suite."""

    suite: _Name
    """As SDP names it; one of a newer program may be unknown here."""
    keys: Keys


class Hello(msgspec.Struct, frozen=True, tag_field="do", tag="hello"):
    """First word of a connection: which node speaks."""

    node: _Name
    version: int = VERSION


class Alive(msgspec.Struct, frozen=True, tag_field="do", tag="alive"):
    """Sign of life of a node that has nothing else to say."""


class Registered(msgspec.Struct, frozen=True, tag_field="do", tag="registered"):
    """Phones have registered at the node."""

    phones: Annotated[tuple[PhoneEntry, ...], msgspec.Meta(max_length=MAX_PHONES)]


class Unregistered(msgspec.Struct, frozen=True, tag_field="do", tag="unregistered"):
    """Phones are not registered at the node any more."""

    devices: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=MAX_PHONES)]


class Ring(msgspec.Struct, frozen=True, tag_field="do", tag="ring"):
    """Ring a phone: a call begins."""

    call: _Call
    device: _Name
    caller: Caller


class OpenMedia(msgspec.Struct, frozen=True, tag_field="do", tag="open-media"):
    """Have the called phone listen; it decrypts with `keys`."""

    call: _Call
    keys: Keys | None


class ConnectMedia(msgspec.Struct, frozen=True, tag_field="do", tag="connect-media"):
    """Have the called phone send."""

    call: _Call
    address: _Address
    port: _Port
    sends_with: Keys | None
    receives_with: Keys | None
    suite: _Name = SCCP_SUITE.name
    """Of both keys; a node without this field knows no other."""


class Connected(msgspec.Struct, frozen=True, tag_field="do", tag="connected"):
    """Show the called phone how secure the call is."""

    call: _Call
    status: _Level


class CallEnded(msgspec.Struct, frozen=True, tag_field="do", tag="call-ended"):
    """The call is over, at the caller's node."""

    call: _Call
    failure: str | None


class Alerting(msgspec.Struct, frozen=True, tag_field="do", tag="alerting"):
    """`to_caller`: the called phone rings."""

    call: _Call


class Answered(msgspec.Struct, frozen=True, tag_field="do", tag="answered"):
    """`to_caller`: the called phone was lifted."""

    call: _Call


class MediaOpened(msgspec.Struct, frozen=True, tag_field="do", tag="media-opened"):
    """`to_caller`: where the called phone listens, and what it could send with."""

    call: _Call
    address: _Address
    port: _Port
    keys: Keys | None
    """Of the suite that all nodes know; also in `offers`."""
    offers: Annotated[tuple[OfferedKeys, ...], msgspec.Meta(max_length=MAX_OFFERS)] = ()
    """Of all suites; a node without this field says `keys` only."""


class HungUp(msgspec.Struct, frozen=True, tag_field="do", tag="hung-up"):
    """`to_caller`: the called phone ended the call, or did not take it."""

    call: _Call
    failure: str | None


LinkMessage = (
    Hello
    | Alive
    | Registered
    | Unregistered
    | Ring
    | OpenMedia
    | ConnectMedia
    | Connected
    | CallEnded
    | Alerting
    | Answered
    | MediaOpened
    | HungUp
)


_DECODER: Final = msgspec.json.Decoder(LinkMessage)
_ENCODER: Final = msgspec.json.Encoder()


def encode_message(message: LinkMessage) -> bytes:
    """Return a message with its length before it."""
    body = _ENCODER.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class LinkStream(PushedStream[LinkMessage]):
    """One side of a connection: bytes in, messages out."""

    __slots__ = ()

    def _cut_message(self) -> LinkMessage | None:
        buffer = self._buffer
        if len(buffer) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
        if length > MAX_BODY_BYTES:
            raise DecodeError("a message is too long", offset=0)
        end = _LENGTH_BYTES + length
        if len(buffer) < end:
            return None
        body = bytes(buffer[_LENGTH_BYTES:end])
        del buffer[:end]
        try:
            message: LinkMessage = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # Not its text: it could repeat a key that was sent.
            raise DecodeError("not a message of a node", offset=_LENGTH_BYTES) from None
        return message
