"""Checks the arguments of a line by their names in its synopsis.

Groups, nodes, clusters, stores, units, tokens, keys and backups must be there when the
line's turn comes. Of settings, some can be changed while the cluster runs: an
administrator edits the configuration file of every node; a service takes the new value
when it restarts.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.protocol.codes import EVERY_ROLE, NodeRole, TrustStore
from tokenless.protocol.release import Release
from tokenless.services.config import load_config
from tokenless.services.errors import SettingError

_MODES: Final = ("mixed-mode", "non-secure-mode")
_OWN: Final = tuple(store for store in TrustStore if not store.is_trust_store)
_TRUST: Final = tuple(store for store in TrustStore if store.is_trust_store)
CIPHERS: Final = "callmanager.ciphers"
CHANGEABLE: Final = (
    CIPHERS,
    "callmanager.tls_minimum",
    "capf.tls_minimum",
    "tvs.tls_minimum",
)


@dataclass(slots=True)
class ScriptNames:
    """The names that lines can use at a moment of a script."""

    groups: Sequence[str]
    clusters: dict[str, list[str]]
    """Their nodes, the publisher first."""
    unserved: Sequence[str]
    """Nodes that stand in lists only: certificates can be named, nothing else."""
    pools: Sequence[str] = ()
    """Device pools of the first cluster."""
    roles: dict[str, frozenset[NodeRole]] = field(default_factory=dict)
    """The roles of nodes; those that join have all."""
    releases: dict[str, Release] = field(default_factory=dict)
    """Of clusters, by their names."""
    tokens: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    off: set[str] = field(default_factory=set)
    """The nodes that are switched off."""

    @property
    def nodes(self) -> list[str]:
        """The nodes of all clusters that are served."""
        return [node for nodes in self.clusters.values() for node in nodes]

    @property
    def tftp_nodes(self) -> list[str]:
        """The nodes of all clusters that serve files."""
        return [n for n in self.nodes if NodeRole.TFTP in self.roles.get(n, EVERY_ROLE)]

    @property
    def all_nodes(self) -> list[str]:
        """The nodes of all clusters, and those that stand in lists only."""
        return [*self.nodes, *self.unserved]


@dataclass(frozen=True, slots=True)
class LinePlace:
    """A position in a script."""

    step: int
    title: str
    number: int
    line: str

    def __str__(self) -> str:
        return f"step {self.step} ({self.title}), run line {self.number} `{self.line}`"


class LineError(PhoneError):
    """A line that cannot be done.

    Attributes:
        step: The number of its step in the file.
        line: The line, None when the fault is in another key of the step.
        reason: What is wrong with it, without its place.
    """

    def __init__(self, place: LinePlace, reason: str, *, hint: str | None) -> None:
        super().__init__(f"{place}: {reason}", hint=hint)
        self.step = place.step
        self.line = place.line
        self.reason = reason


def check_known(what: str, value: str, known: Iterable[str], where: LinePlace) -> None:
    """Raise PhoneError with the nearest names when a name is none of those known."""
    names = list(dict.fromkeys(known))
    if value not in names:
        hint = nearest(what, value, names)
        raise LineError(where, f"there is no {what} {value}", hint=hint)


def nearest(what: str, value: str, names: Sequence[str]) -> str:
    """Return a hint: the names that come nearest, or all that there are."""
    close = get_close_matches(value, names, n=2)
    if close:
        return f"did you mean {' or '.join(close)}?"
    if not names:
        return f"an earlier line must make a {what}"
    return f"{what}s are {', '.join(names)}"


def check_argument(name: str, value: str, names: ScriptNames, where: LinePlace) -> None:
    """Check one argument.

    Args:
        name: What the synopsis calls it.
        value: The argument.
        names: The names that there are when the line's turn comes.
        where: The line.

    Raises:
        LineError: When it cannot be used; says what comes nearest.
    """
    if name in _CHECKS:
        _CHECKS[name](value, names, where)


def _store(value: str, _: ScriptNames, where: LinePlace) -> None:
    by_name = {store.lower(): store for store in _TRUST}
    check_known("store", by_name.get(value.lower(), value), _TRUST, where)


def check_unit(value: str, _: ScriptNames, where: LinePlace) -> None:
    """Raise LineError when there is no such unit."""
    by_name = {store.lower(): store for store in _OWN}
    check_known("unit", by_name.get(value.lower(), value), _OWN, where)


def _address(value: str, _: ScriptNames, where: LinePlace) -> None:
    hint = "use one of 127.0.0.0/8"
    try:
        address = IPv4Address(value)
    except AddressValueError:
        raise LineError(where, f"{value} is not an IPv4 address", hint=hint) from None
    if not address.is_loopback:
        raise LineError(where, f"{value} is not on loopback", hint=hint)


def _new_node(value: str, names: ScriptNames, where: LinePlace) -> None:
    if value in names.nodes:
        hint = "use another name"
        raise LineError(where, f"there is a node {value} already", hint=hint)


_Check = Callable[[str, ScriptNames, LinePlace], None]
_CHECKS: Final[Mapping[str, _Check]] = {
    "NODE": lambda value, n, where: check_known("node", value, n.all_nodes, where),
    "NEW-NODE": _new_node,
    "GROUP": lambda value, n, where: check_known("group", value, n.groups, where),
    "OTHER-GROUP": lambda value, n, where: check_known("group", value, n.groups, where),
    "CLUSTER": lambda value, n, where: check_known("cluster", value, n.clusters, where),
    "FROM-CLUSTER": lambda v, n, where: check_known("cluster", v, n.clusters, where),
    "TOKEN": lambda value, n, where: check_known("token", value, n.tokens, where),
    "RECOVERY-KEY": lambda v, n, where: check_known("recovery key", v, n.keys, where),
    "BACKUP": lambda value, n, where: check_known("backup", value, n.backups, where),
    "MODE": lambda value, _, where: check_known("mode", value, _MODES, where),
    "STORE": _store,
    "UNIT": check_unit,
    "ADDRESS": _address,
}
"""The check of an argument, by its name in a synopsis."""


def check_setting(key: str, value: str) -> None:
    """Check what a line sets.

    Raises:
        PhoneError: When the setting is none of a step's, or cannot have the value.
    """
    if key not in CHANGEABLE:
        raise PhoneError(
            f"{key} is not a setting that a step may change",
            hint=f"it may change {', '.join(CHANGEABLE)}",
        )
    if key == CIPHERS:
        _check_ciphers(value)
    table, _, name = key.partition(".")
    try:
        load_config(None, {table: {name: value}})
    except SettingError as error:
        raise PhoneError(str(error), hint=error.hint) from None


def _check_ciphers(value: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(value)
    except (ssl.SSLError, ValueError):
        raise PhoneError(
            f"OpenSSL knows no cipher of {value!r}",
            hint="write its names, as `openssl ciphers` does: AES128-SHA:AES256-SHA",
        ) from None
