"""The CallManager group of an imported cluster, by a phone's `SEP….cnf.xml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    ImportedNode,
    is_address,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.phones.configuration import CallManagerMember, PhoneConfig

_GUESSED_NAME: Final = "Imported-CMG"
_GIVEN_NAME: Final = "Given-CMG"
_MOST_GUESSED: Final = 3
"""The number of members of a guess: fewer TVS servers than there are is the safe
side."""
_MOST_MEMBERS: Final = 5


@dataclass(frozen=True, slots=True)
class ImportedGroup:
    """The nodes that phones register with, and whose TVS they ask, in order."""

    name: str
    members: tuple[str, ...]
    approximations: tuple[Approximation, ...] = ()


def members_of(words: Sequence[str], nodes: Sequence[ImportedNode]) -> tuple[str, ...]:
    """Return the nodes that a person names as a CallManager group.

    Raises:
        PhoneError: When one is none, or there are too many.
    """
    found = []
    for word in words:
        node = next((each for each in nodes if _is_called(each, word)), None)
        if node is None:
            raise PhoneError(
                f"{printable(word)} is not a node of the lists",
                hint=f"nodes are {', '.join(each.name for each in nodes)}",
            )
        found.append(node.name)
    if not 1 <= len(set(found)) <= _MOST_MEMBERS or len(set(found)) != len(found):
        raise PhoneError(
            f"a CallManager group has 1 to {_MOST_MEMBERS} different nodes",
            hint="write --pool DP-Oslo=sub1,sub2",
        )
    return tuple(found)


def named_group(words: Sequence[str], nodes: Sequence[ImportedNode]) -> ImportedGroup:
    """Return the group whose members a person names, in order.

    Raises:
        PhoneError: When one is none, or there are too many.
    """
    return ImportedGroup(_GIVEN_NAME, members_of(words, nodes))


def guessed_group(nodes: Sequence[str]) -> ImportedGroup:
    """Return a group of the first nodes, where no configuration tells it."""
    members = tuple(nodes[:_MOST_GUESSED])
    return ImportedGroup(
        _GUESSED_NAME,
        members,
        (
            Approximation(
                Topic.GROUP,
                f"the CallManager group is a guess: {', '.join(members)}",
                "lists do not tell which nodes' TVS phones ask; "
                "--config SEP….cnf.xml does",
            ),
        ),
    )


def group_of(config: PhoneConfig, nodes: Sequence[ImportedNode]) -> ImportedGroup:
    """Return the group of a configuration, its members as nodes of the lists.

    Raises:
        PhoneError: When a member is none of these nodes.
    """
    ordered = sorted(config.callmanagers, key=lambda member: member.priority)
    members = []
    for member in ordered[:_MOST_MEMBERS]:
        words = (member.name, member.address)
        found = next((n for n in nodes if any(_is_called(n, w) for w in words)), None)
        if found is None:
            raise PhoneError(
                f"the configuration's CallManager {_called(member)} is not a node of "
                "the lists",
                hint=f"nodes are {', '.join(n.name for n in nodes)}; give lists and "
                "configuration of the same cluster, and the addresses or names in both",
            )
        if found.name not in members:
            members.append(found.name)
    name = printable(config.callmanager_group)[:64] or _GUESSED_NAME
    return ImportedGroup(
        name, tuple(members), tuple(_about_tvs(config, nodes, members))
    )


def _about_tvs(
    config: PhoneConfig, nodes: Sequence[ImportedNode], members: Sequence[str]
) -> list[Approximation]:
    asked = [
        next((n.name for n in nodes if _is_called(n, server.address)), server.address)
        for server in config.tvs
    ]
    if asked == list(members):
        return []
    shown = ", ".join(map(printable, asked)) or "none"
    return [
        Approximation(
            Topic.TVS,
            f"phones ask the TVS of the group's members; there they ask {shown}",
            "the configuration lists other TVS servers than its group's members",
        )
    ]


def _called(member: CallManagerMember) -> str:
    """Return how a configuration calls a member; often both are its address."""
    name, address = printable(member.name), printable(member.address)
    return f"{name} ({address})" if name not in ("", address) else address


def _is_called(node: ImportedNode, word: str) -> bool:
    """Return whether a configuration means a node by its address, host or full name."""
    if not word:
        return False
    if word == node.real_address:
        return True
    return word.split(".", maxsplit=1)[0].casefold() == node.name.casefold()


def known_addresses(config: PhoneConfig | None) -> dict[str, str]:
    """Return the addresses that a configuration knows, by host name in lower case."""
    members = () if config is None else config.callmanagers
    return {
        member.name.split(".")[0].casefold(): member.address
        for member in members
        if member.name and is_address(member.address)
    }
