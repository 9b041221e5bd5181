"""Addresses of nodes: what phones are told, and so must be able to use."""

from ipaddress import AddressValueError, IPv4Address
from typing import Final

_BROADCAST: Final = IPv4Address("255.255.255.255")


def why_not_of_a_node(text: str) -> str | None:
    """Return why a text is not the address of a node; None: it can be one."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return f"{text!r} is not an IPv4 address"
    if address.is_unspecified or address.is_multicast or address == _BROADCAST:
        return f"phones cannot connect to {text}"
    return None
