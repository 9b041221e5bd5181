"""The services on the nodes of an imported cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    ImportedNode,
    node_name,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.protocol.codes import EVERY_ROLE, NodeRole, Role
from tokenless.protocol.trust.verdicts import FileKind

_BY_FUNCTION: Final = {
    Role.TFTP: EVERY_ROLE - {NodeRole.CALLMANAGER},
    Role.CALLMANAGER: EVERY_ROLE - {NodeRole.TFTP},
}
"""The roles that the CTL's functions leave out; CCM+TFTP may stand for either
(inferred)."""

_NEEDED: Final = (NodeRole.TFTP, NodeRole.CALLMANAGER)


@dataclass(frozen=True, slots=True)
class ImportedRoles:
    """The roles of nodes, as far as lists, nodes that were asked, and people tell."""

    of: Mapping[str, frozenset[NodeRole]]
    approximations: tuple[Approximation, ...] = ()

    @property
    def tftp_nodes(self) -> tuple[str, ...]:
        """The nodes that phones can fetch from."""
        return tuple(name for name, roles in self.of.items() if NodeRole.TFTP in roles)

    @property
    def callmanagers(self) -> tuple[str, ...]:
        """The nodes that process calls."""
        return tuple(n for n, roles in self.of.items() if NodeRole.CALLMANAGER in roles)

    def written(self, node: str) -> list[str] | None:
        """Return the roles of a node for a file; None when it has all."""
        roles = self.of[node]
        if roles == EVERY_ROLE:
            return None
        is_first = node == next(iter(self.of))
        kept = roles if is_first else roles - {NodeRole.CAPF}
        return [role.value for role in NodeRole if role in kept]


def roles_of(
    nodes: Sequence[ImportedNode],
    lists: Sequence[ImportedList],
    *,
    fetched_from: Sequence[str] = (),
    named: Sequence[str] = (),
    members: Sequence[str] = (),
) -> ImportedRoles:
    """Tell the roles of nodes.

    Args:
        nodes: The nodes, the publisher first.
        lists: What was read.
        fetched_from: Addresses of nodes that lists were fetched from.
        named: Nodes that serve TFTP, by name or address, as a person says.
        members: Nodes of the CallManager group that a phone's configuration names.

    Raises:
        PhoneError: When one of `named` is not a node.
    """
    roles = _by_functions(nodes, lists)
    for name in members:
        roles[name] |= {NodeRole.CALLMANAGER}
    serving = [_find(each, nodes).name for each in named]
    said: list[Approximation] = []
    if not serving:
        fetched = [n.name for n in nodes if n.real_address in fetched_from]
        if fetched and len(fetched) == len(set(fetched_from)):
            serving = fetched
    if serving:
        for name, known in roles.items():
            tftp = {NodeRole.TFTP}
            roles[name] = known | tftp if name in serving else known - tftp
    elif all(NodeRole.TFTP in each for each in roles.values()) and len(nodes) > 1:
        said.append(_guessed(nodes, is_partial=bool(fetched_from)))
    return ImportedRoles(roles, tuple(said))


def _by_functions(
    nodes: Sequence[ImportedNode], lists: Sequence[ImportedList]
) -> dict[str, frozenset[NodeRole]]:
    roles = {node.name: EVERY_ROLE for node in nodes}
    for each in lists:
        for entry in each.entries if each.kind is FileKind.CTL else ():
            name = node_name(entry)
            if name in roles and entry.role in _BY_FUNCTION:
                roles[name] = _BY_FUNCTION[Role(entry.role)]
    if not all(any(r in each for each in roles.values()) for r in _NEEDED):
        return {node.name: EVERY_ROLE for node in nodes}  # no cluster is like that
    return roles


def _find(word: str, nodes: Sequence[ImportedNode]) -> ImportedNode:
    for node in nodes:
        if word.casefold() in (node.name.casefold(), node.real_address):
            return node
    raise PhoneError(
        f"{word} is not a node of the lists",
        hint=f"nodes are {', '.join(node.name for node in nodes)}",
    )


def _guessed(nodes: Sequence[ImportedNode], *, is_partial: bool) -> Approximation:
    every = ", ".join(node.name for node in nodes)
    why = (
        "the servers that were asked are not all nodes of the lists"
        if is_partial
        else "lists do not tell which nodes serve TFTP; --tftp and --serves-tftp do"
    )
    what = f"phones are put at every node, as if all served TFTP: {every}"
    return Approximation(Topic.TFTP, what, why)
