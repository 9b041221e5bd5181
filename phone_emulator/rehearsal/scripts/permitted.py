"""Permitted settings and names of a rehearsal from an untrusted source.

A script is played with real services. So it may set what the cluster is, not which
files of the machine are served to which clients: its nodes listen on loopback only, and
names that become files have no place to lead to.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.certificates.name_text import printable

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WHOLE: Final = frozenset(
    [
        *("certificates", "nodes", "callmanager_groups", "device_pools", "devices"),
        "date_time_groups",
    ]
)
"""Tables of a configuration that only say what the cluster is."""
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "cluster": frozenset(
        (
            *("version", "auto_registration", "export_controlled_functionality"),
            *("capf", "domain", "name", "phone_interaction"),
        )
    ),
    "callmanager": frozenset(["ciphers", "tls_minimum"]),
    "capf": frozenset(["tls_minimum", "validity_days"]),
    "parameters": frozenset(["tftp_file_signature_algorithm"]),
    "tftp": frozenset(["itl_reset", "reload"]),
    "tvs": frozenset(["callmanager_trust", "ctl_cache", "tls_minimum"]),
}
_FIRST_UNSERVED: Final = "127.0.48.1"


def check_name(name: str) -> None:
    """Check a name that becomes a file or a folder.

    Raises:
        PhoneError: When it has other characters.
    """
    if not NAME.fullmatch(name):
        raise PhoneError(
            f"{printable(name[:80])!r} cannot be a name in a rehearsal",
            hint="use letters, digits, dots, hyphens and underscores",
        )


def check_address(address: object) -> None:
    """Check where a node listens.

    Raises:
        PhoneError: When it is not on loopback.
    """
    try:
        is_loopback = IPv4Address(str(address)).is_loopback
    except AddressValueError:
        is_loopback = False
    if not is_loopback:
        raise PhoneError(
            f"a rehearsal's node cannot listen on {printable(str(address)[:80])}",
            hint="addresses of rehearsals begin with 127.",
        )


def check_settings(settings: Mapping[str, Any], where: str) -> None:
    """Check the settings that a script lays over the lab's.

    Args:
        settings: Tables by name.
        where: The table of the script that they stand in.

    Raises:
        PhoneError: When one is none of a rehearsal's; names it.
    """
    for table, values in settings.items():
        if table in _WHOLE:
            continue
        keys = _KEYS.get(table, frozenset())
        for key in values if isinstance(values, Mapping) else ["?"]:
            if key not in keys:
                allowed = ", ".join(sorted(keys)) or "nothing"
                raise PhoneError(
                    f"{where}: {printable(f'{table}.{key}'[:80])} cannot be set "
                    "in a rehearsal",
                    hint=f"of [{printable(table[:40])}] it may set {allowed}",
                )
    nodes = settings.get("nodes", ())
    for node in nodes if isinstance(nodes, list | tuple) else ():
        if isinstance(node, Mapping) and "address" in node:
            check_address(node["address"])


def unserved_nodes(count: int) -> Iterator[tuple[str, str]]:
    """Return name and address of subscribers that stand in lists only."""
    first, _, last = _FIRST_UNSERVED.rpartition(".")
    for number in range(count):
        yield f"cucm-1051-a-far{number + 1:02}", f"{first}.{int(last) + number}"
