"""The values of From, To and Contact: a URI with parameters (RFC 3261 20.10, 25.1).

"display name" <sip:user@host:port;uri-parameters>;header-parameters
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tokenless.protocol.errors import DecodeError

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
# Possessive: several blanks could otherwise be divided between three parts in as many
# ways as their number squared, and a client decides how many there are.
_NAME_ADDRESS: Final = re.compile(rf"\s*+({_QUOTED}|[^<>\"]*+)\s*+<([^<>\s]+)>(.*)\Z")
_BARE: Final = re.compile(r"\s*([^<>\";,\s]+)(.*)\Z")
_PARAMETER: Final = re.compile(
    rf"\s*;\s*([A-Za-z0-9.!%*_+`'~-]+)\s*(?:=\s*({_QUOTED}|[^\s;,\"]+))?"
)
_SIP_URI: Final = re.compile(
    r"(sips?):(?:([^@;?\s]{1,256})@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})"
    r"(?::([0-9]{1,5}))?((?:;[^?\s]*)?)(?:\?.*)?\Z",
    re.IGNORECASE,
)
REQUEST_URI: Final = re.compile(r"[!-~]{1,1024}\Z")
"""Characters of a request line (RFC 3261 25.1); others are escaped."""
_MAX_PARAMETERS: Final = 32


@dataclass(frozen=True, slots=True)
class SipUri:
    """A SIP URI: user, host, and parameters in lower case."""

    user: str
    host: str
    port: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "sip"


@dataclass(frozen=True, slots=True)
class NameAddress:
    """A URI with a display name and the header's parameters (names in lower case)."""

    uri: str
    display: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def decode_uri(text: str) -> SipUri:
    """Read a SIP URI.

    Raises:
        DecodeError: When it is not one, or no request could name it.
    """
    match = _SIP_URI.match(text) if REQUEST_URI.match(text) else None
    if match is None:
        raise DecodeError("not a SIP URI", offset=0)
    scheme, user, host, port, parameters = match.groups()
    if port is not None and not 0 < int(port) < 1 << 16:
        raise DecodeError("the port of a SIP URI is out of range", offset=0)
    pairs = (each.partition("=") for each in parameters.split(";") if each)
    return SipUri(
        user=user or "",
        host=host,
        port=None if port is None else int(port),
        parameters={name.lower(): value for name, _, value in pairs},
        scheme=scheme.lower(),
    )


def decode_address(text: str) -> NameAddress:
    """Read the value of From, To or one Contact.

    Raises:
        DecodeError: When it is malformed.
    """
    if match := _NAME_ADDRESS.match(text):
        display, uri, rest = match.groups()
    elif bare := _BARE.match(text):
        display, (uri, rest) = "", bare.groups()
    else:
        raise DecodeError("not a SIP address", offset=0)
    return NameAddress(uri, _unquote(display.strip()), _parameters(rest))


def decode_target(text: str) -> str:
    """Return the URI of a Contact, to which requests are going to be sent.

    Raises:
        DecodeError: When it is malformed, or no request could name it.
    """
    uri = decode_address(text).uri
    decode_uri(uri)
    return uri


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    at = 0
    while at < len(text.rstrip()):
        match = _PARAMETER.match(text, at)
        if match is None or len(parameters) >= _MAX_PARAMETERS:
            raise DecodeError("malformed parameters of a SIP address", offset=at)
        parameters.setdefault(match[1].lower(), _unquote(match[2] or ""))
        at = match.end()
    return parameters


def _unquote(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def quote(text: str) -> str:
    """Return a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
