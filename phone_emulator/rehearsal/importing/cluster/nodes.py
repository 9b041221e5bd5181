"""The nodes of an imported cluster: their names, and addresses for them on loopback."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import chain, count
from typing import Final

from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedRecord,
)
from tokenless.protocol.codes import Role
from tokenless.protocol.trust.verdicts import TFTP_ROLES

_NODE_ROLES: Final = (*TFTP_ROLES, Role.TVS, Role.CAPF)
_SERVER_ROLES: Final = (*TFTP_ROLES, Role.TVS, Role.CALLMANAGER)
"""Roles of certificates whose common name is a host's."""
_LOOPBACK: Final = "127.0.48.{}"
"""For nodes whose address is not known, or would not do on this machine."""
_FIRST_HOST: Final = 11
MAX_NODES: Final = 20


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """A node of the imported cluster."""

    name: str
    address: str
    """On loopback: as much of the real one as can be kept."""
    real_address: str | None


def nodes_of(
    entries: Sequence[ImportedRecord], addresses: Mapping[str, str] | None = None
) -> list[ImportedNode]:
    """Return the nodes, the one that has CAPF or signs the CTL first.

    Args:
        entries: The members of all lists.
        addresses: Those that are known from elsewhere, by host name in lower case.

    Raises:
        PhoneError: When there is none, or there are too many.
    """
    address_of = _named(entries) or dict(_without_names(entries))
    if not address_of:
        raise PhoneError(
            "the lists name no node and no server",
            hint="give the CTL and the ITL of every node",
        )
    if len(address_of) > MAX_NODES:
        raise PhoneError(
            f"{len(address_of)} nodes are more than {MAX_NODES}",
            hint="give the lists of one cluster only",
        )
    for name, address in address_of.items():
        address_of[name] = address or (addresses or {}).get(name.casefold())
    publisher = _publisher(entries, address_of)
    order = sorted(address_of, key=lambda name: name != publisher)
    return list(_with_addresses(order, address_of))


def _named(entries: Sequence[ImportedRecord]) -> dict[str, str | None]:
    """Return nodes whose records have a name, or at least an address, with that."""
    address_of: dict[str, str | None] = {}
    for entry in entries:
        if entry.role in _NODE_ROLES and (name := node_name(entry)):
            address_of[name] = address_of.get(name) or entry.address
    # A CTL Client's emptied servers have no name, only an address (1.7, 1.9). Text has
    # no addresses: there, each is that of one of the nodes that ITLs name.
    bare = dict.fromkeys(
        entry.dns_name
        for entry in entries
        if entry.role in TFTP_ROLES
        and not node_name(entry)
        and is_address(entry.dns_name)
    )
    unknown = [each for each in bare if each not in address_of.values()]
    without = sum(address is None for address in address_of.values())
    for address in unknown[without:]:
        address_of[_made_name(address)] = address
    return address_of


def _without_names(
    entries: Sequence[ImportedRecord],
) -> Iterator[tuple[str, str | None]]:
    """Make names for the servers of a list that has no names at all (certutils)."""
    servers = {e.identity: e for e in entries if e.role in _SERVER_ROLES and e.serial}
    for number, entry in enumerate(servers.values(), 1):
        yield node_name(entry) or f"node-{number}", entry.address


def node_name(entry: ImportedRecord) -> str:
    """Return a node's name.

    The CTL Client writes addresses in its place, certutils and 8.x nothing: there it is
    the host of the certificate's CN.
    """
    name = entry.dns_name
    if not name and not entry.has_node_name and entry.role in _SERVER_ROLES:
        name = entry.common_name
    if is_address(name):
        name = entry.common_name
        if entry.role == Role.CAPF:  # its CN is no host's
            return ""
    host = name.split(".")[0].strip()
    return host if HOST.fullmatch(host) else ""


def is_address(text: str) -> bool:
    """Return whether a text is an IPv4 address."""
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _publisher(
    entries: Sequence[ImportedRecord], addresses: dict[str, str | None]
) -> str:
    for entry in entries:
        is_recovery = entry.is_recovery and not entry.is_node_recovery
        of_publisher = entry.role == Role.CAPF or is_recovery
        if of_publisher and node_name(entry) in addresses:
            return node_name(entry)
    capf_at = {e.dns_name for e in entries if e.role == Role.CAPF}
    for entry in entries:
        if entry.role in TFTP_ROLES and entry.dns_name in capf_at:
            return node_name(entry) or _made_name(entry.dns_name)
    return next(iter(addresses))


def _made_name(address: str) -> str:
    return f"node-{address.replace('.', '-')}"


def _with_addresses(
    names: Sequence[str], addresses: dict[str, str | None]
) -> Iterator[ImportedNode]:
    """Give every node a loopback address: 127 and the last three parts of its own."""
    taken: set[str] = set()
    for number, name in enumerate(names, _FIRST_HOST):
        real = addresses[name]
        kept = [] if real is None else [_on_loopback(real)]
        made = map(_LOOPBACK.format, count(number))
        address = next(each for each in chain(kept, made) if each not in taken)
        taken.add(address)
        yield ImportedNode(name, address, real)


def _on_loopback(real: str) -> str:
    """Return an address of this machine that reads like a real one, and is as long.

    A CTL Client writes addresses as text (REFERENCE 1.7): files keep their length.
    """
    _, second, third, fourth = real.split(".")
    spare = len(real) - len(f"127..{third}.{fourth}")
    if len(second) != spare:
        second = {1: "0", 2: "10"}.get(spare, second)
    return f"127.{second}.{third}.{fourth}"
