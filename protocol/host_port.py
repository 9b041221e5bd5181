"""Addresses of servers as people write them: HOST:PORT, or [IPv6]:PORT."""

from ipaddress import AddressValueError, IPv6Address
from typing import Final

from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.errors import TokenlessError

_HIGHEST_PORT: Final = 0xFFFF
_SHOWN: Final = 80


class AddressError(TokenlessError):
    """A text that is no address of a server."""


def split_host_port(text: str, default_port: int) -> tuple[str, int]:
    """Read HOST, HOST:PORT, IPv6, [IPv6] or [IPv6]:PORT.

    Args:
        text: As a person has written it.
        default_port: The port, where the text has none.

    Raises:
        AddressError: When it has another form, or no port from 1 to 65535.
    """
    host, colon, port = _parts(text)
    if not host or set(host) & set("[] ") or (":" in host and not _is_ipv6(host)):
        raise AddressError(
            f"{text[:_SHOWN]!r} is not a server",
            hint="write HOST, HOST:PORT, or [IPv6]:PORT",
        )
    number = read_decimal(port, _HIGHEST_PORT) if colon else default_port
    if not number:
        raise AddressError(
            f"{text[:_SHOWN]!r} has no port in range", hint="use 1 to 65535"
        )
    return host, number


def join_host_port(host: str, port: int) -> str:
    """Write HOST:PORT; an IPv6 address stands in brackets."""
    is_bare = ":" in host and not host.startswith("[")
    return f"[{host}]:{port}" if is_bare else f"{host}:{port}"


def _parts(text: str) -> tuple[str, str, str]:
    """Return host, the colon before the port, and port; the last two may be empty."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        is_whole = "]" in text and rest[:1] in {"", ":"} and ":" in host
        return (host, rest[:1], rest[1:]) if is_whole else ("", "", "")
    if text.count(":") > 1:  # an IPv6 address has no port without brackets
        return text, "", ""
    return text.partition(":")


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except AddressValueError:
        return False
    return True
