"""Addresses and names as people write them: TFTP servers, nodes, devices."""

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from tokenless.phone_emulator.errors import PhoneError, UnknownHostError
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.host_port import AddressError, split_host_port
from tokenless.protocol.phones.models import DEVICE_NAME

DEFAULT_TFTP_PORT: Final = 69
_LAB_PORT: Final = 6969
"""Of `configs/lab.toml`; CUCM's own is 69."""
SCCPS_PORT: Final = 2443
"""SCCP over TLS; fixed in phones: no configuration says it."""
_HIGHEST_PORT: Final = 0xFFFF
HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""A node's name, without its domain."""
_DEVICE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BARE_MAC: Final = re.compile(r"[0-9A-Fa-f]{12}")
"""No device is called so; a server would give its phone the default configuration."""

_MISTYPED_MAC: Final = re.compile(r"SEP(?=.*\d)(?![0-9A-F]{12}\Z).{12}", re.IGNORECASE)
"""The name of a phone whose MAC address has a letter beyond F."""


@dataclass(frozen=True, slots=True)
class SecurePorts:
    """The SCCP-over-TLS ports of a laboratory's CallManagers."""

    everywhere: int = SCCPS_PORT
    by_address: Mapping[str, int] = field(default_factory=dict)

    def of(self, address: str) -> int:
        """Return the port at an address."""
        return self.by_address.get(address, self.everywhere)


def parse_secure_ports(text: str) -> SecurePorts:
    """Parse `PORT`, or `HOST:PORT[,HOST:PORT]` where nodes differ.

    Raises:
        PhoneError: When one is no port, or a name is not known.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(_HIGHEST_PORT)):
        if not 0 < int(text) <= _HIGHEST_PORT:
            raise PhoneError(f"{text!r} is not a port", hint="use 1 to 65535")
        return SecurePorts(int(text))
    servers = parse_servers(text, default_port=SCCPS_PORT)
    return SecurePorts(by_address={each.address: each.port for each in servers})


def parse_servers(
    text: str, *, default_port: int = DEFAULT_TFTP_PORT
) -> tuple[Server, ...]:
    """Parse `HOST:PORT[,HOST:PORT]`; an IPv6 address with a port is in brackets.

    Raises:
        PhoneError: When one is no host and port, or its name is not known.
    """
    parts = (part.strip() for part in text.split(","))
    return tuple(_parse_server(part, default_port) for part in parts)


def silence_advice(servers: Sequence[Server]) -> str:
    """Return what to look at where no TFTP server answers; the port may be missing."""
    if any(_may_be_the_labs(server) for server in servers):
        return f"the lab listens on {_LAB_PORT}: add :{_LAB_PORT}"
    return "check the addresses, and that Cisco Tftp runs there"


def _may_be_the_labs(server: Server) -> bool:
    is_loopback = ip_address(server.address).is_loopback
    return is_loopback and server.port == DEFAULT_TFTP_PORT


def _parse_server(text: str, default_port: int) -> Server:
    try:
        host, port = split_host_port(text, default_port)
    except AddressError as error:
        raise PhoneError(str(error), hint=error.hint) from None
    return Server(_resolve(host), port)


def _resolve(host: str) -> str:
    """Return the address: answers are matched to it, and so are records of the CTL."""
    try:
        addresses = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # "a..b" has no form in IDNA
        raise UnknownHostError(
            f"the name {host} is not known",
            hint="check how it is spelt, or give its address",
        ) from error
    return str(addresses[0][4][0])


def parse_phone_name(name: str) -> str:
    """Check the name of a phone that is emulated, as its cluster would.

    Clusters in use have other names, too: those are looked at, not played.

    Raises:
        PhoneError: When no phone can have it.
    """
    if re.fullmatch(DEVICE_NAME, parse_device(name).upper()) is None:
        raise PhoneError(
            f"{name!r} is not the name of a phone",
            hint="write SEP and 12 hex digits, or CSFJDOE for a soft phone",
        )
    return name


def parse_device(name: str) -> str:
    """Check a device's name: it becomes a file name here and on the server.

    Raises:
        PhoneError: When it is not one.
    """
    if (
        _DEVICE.fullmatch(name) is None
        or _BARE_MAC.fullmatch(name)
        or _MISTYPED_MAC.fullmatch(name)
    ):
        raise PhoneError(
            f"{name!r} is not a device name",
            hint="write it as SEP001122334455, or CSFJDOE for a soft phone",
        )
    return name
