"""Requests of tests to the agent of a node, and its answers: one JSON object a line.

    {"do":"begin"}                              {"ok":true,"result":{}}
    {"do":"type","line":"show ctl"}             {"ok":true,"result":{"text":"…"}}
    {"do":"token","name":"A"}                   {"ok":false,"reason":"…","hint":"…"}

The first line that the agent writes is an answer without a request: a `Greeting`.
"""

from typing import Any, Final

import msgspec

from tokenless.protocol.phones.device_security import (
    CapfOperation,
    DeviceSecurity,
    DeviceTransport,
)
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import decode_line

MAX_LINE_BYTES: Final = 4 << 20
"""The longest line is a certificate, or what a command of the shell printed."""


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """A request: one member of `Request`."""


class Begin(_Request, frozen=True, tag="begin"):
    """Wait until no other tests have the node, and keep its state."""


class End(_Request, frozen=True, tag="end"):
    """Put the state back, and let others have the node."""

    is_changed: bool = False
    """True if the publisher's agent has put anything back."""
    concerns_tftp: bool = False
    """True if Cisco Tftp must start again."""
    concerns_all: bool = False
    """True if all services must start again."""


class Type(_Request, frozen=True, tag="type"):
    """Type a line in the node's shell."""

    line: str


class MakeToken(_Request, frozen=True, tag="token"):
    """Make a security token."""

    name: str


class Sign(_Request, frozen=True, tag="sign"):
    """Update the CTL with tokens."""

    tokens: tuple[str, ...]
    mode: str | None
    ignore_missing: bool


class Upload(_Request, frozen=True, tag="upload"):
    """Upload a certificate, or a token's."""

    store: str
    data: bytes | None = None
    token: str = ""


class SetDevice(_Request, frozen=True, tag="device"):
    """Set the security of a phone."""

    device: str
    model: str
    security_mode: DeviceSecurity
    transport: DeviceTransport | None
    operation: CapfOperation | None
    key_size: int | None


class OwnCertificate(_Request, frozen=True, tag="certificate"):
    """Give a certificate of the node's own."""

    unit: str


Request = Begin | End | Type | MakeToken | Sign | Upload | SetDevice | OwnCertificate


class Greeting(msgspec.Struct, frozen=True):
    """The description of a node by its agent."""

    node: str
    """Its name in the cluster."""
    address: str
    """The one that phones are told."""
    is_publisher: bool
    ports: dict[str, int]
    """By service: `tftp`, `tvs`, `sccps` and so on."""
    version: str
    """Of tokenless."""


_DECODER: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)


def decode_request_untrusted(line: bytes) -> Request:
    """Read one request.

    Raises:
        ServiceError: When the line is none.
    """
    return decode_line(_DECODER, line, "a request of tests")


def read_greeting(result: dict[str, Any]) -> Greeting:
    """Read what an agent says first. Raises ServiceError when it is something else."""
    try:
        return msgspec.convert(result, Greeting)
    except msgspec.ValidationError as error:
        raise ServiceError(f"not an agent of tests: {error}") from None
