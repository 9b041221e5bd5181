"""Lists that cannot all be of one cluster, or were changed since it printed them.

A list that has lost something does not add up, and is refused when it is read. Two
values of the same length that changed places, and a letter that became another, leave
its sums as they are; but most certificates stand in several lists, and what these say
of one certificate must be the same. Two lists of two clusters name no node in common.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import listed
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    is_address,
    node_name,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.trust.verdicts import TFTP_ROLES

_SERVERS: Final = (*TFTP_ROLES, Role.CALLMANAGER)
_NODE_ROLES: Final = (*_SERVERS, Role.TVS, Role.CAPF)
_SHOWN: Final = 120
"""Characters of a name from a list that are quoted."""
_AGAIN: Final = "paste the lists again, or save the files with `file get tftp`"


def check_agreement(lists: Sequence[ImportedList]) -> None:
    """Check that lists can be those of one cluster, unchanged.

    Raises:
        PhoneError: When two lists have no node in common, not even by a third one, or
            a text says something else of a certificate than another list, or has two
            nodes' names in each other's place.
    """
    for each in lists:
        if each.is_text:
            _check_places(each)
    _check_certificates(lists)
    _check_nodes(lists)


def _check_places(held: ImportedList) -> None:
    """Check that no two records have each other's node, by their certificates' names.

    One record alone may have another's: a certificate of several nodes.
    """
    crossed: dict[tuple[str, str], ImportedRecord] = {}
    for entry in held.entries:
        node, host = node_name(entry).casefold(), _host(entry.common_name)
        if not node or node == host:
            continue
        crossed[node, host] = entry
        if other := crossed.get((host, node)):
            raise PhoneError(
                f"{held.source}: {entry.dns_name} has the certificate of "
                f"{other.dns_name} (CN={printable(entry.common_name)}), and the other "
                "way round",
                hint=f"lines of a paste were moved: {_AGAIN}",
            )


def _host(common_name: str) -> str:
    return common_name.split(".", maxsplit=1)[0].casefold()


def _check_certificates(lists: Sequence[ImportedList]) -> None:
    seen: dict[str, tuple[ImportedList, ImportedRecord]] = {}
    # Files first: what they say of a certificate stands beside the certificate.
    for each in sorted(lists, key=lambda held: held.is_text):
        for entry in each.entries:
            if not entry.certificate_sha1:
                continue
            known, first = seen.setdefault(entry.certificate_sha1, (each, entry))
            difference = next(_differences(first, entry), None) if each.is_text else ""
            if difference:
                sources = dict.fromkeys((known.source, each.source))
                says = "says" if len(sources) == 1 else "say"
                raise PhoneError(
                    f"{' and '.join(sources)} {says} different things of one "
                    f"certificate (SHA-1 {entry.certificate_sha1}): {difference}",
                    hint=f"lines or letters of a paste were moved or changed: {_AGAIN}",
                )


def _differences(one: ImportedRecord, other: ImportedRecord) -> Iterator[str]:
    said = (
        ("subject", one.subject, other.subject),
        ("issuer", one.issuer, other.issuer),
        ("serial number", one.serial, other.serial),
        ("key's length", one.key_bits, other.key_bits),
        ("role", *_roles(one, other)),
    )
    for what, first, second in said:
        # Texts have escapes for what cannot be printed; files have it as it is.
        shown = [printable(str(value)) for value in (first, second)]
        if shown[0] != shown[1]:
            first_shown, second_shown = (value[:_SHOWN] for value in shown)
            yield f"the {what} is {first_shown!r} and {second_shown!r}"


def _roles(one: ImportedRecord, other: ImportedRecord) -> tuple[str, str]:
    """Return the roles of two records, alike if one certificate may have both.

    A node has a certificate for CallManager, which signs, too, and others for TVS and
    CAPF.
    """
    units = [_unit_roles(entry.role) for entry in (one, other)]
    if not all(units) or units[0] == units[1]:
        return "", ""
    return role_name(one.role), role_name(other.role)


def _unit_roles(role: int) -> tuple[int, ...]:
    """Return the roles of one unit's certificate; nothing where several may have it."""
    roles = (_SERVERS, (Role.TVS,), (Role.CAPF,))
    return next((each for each in roles if role in each), ())


@dataclass(slots=True)
class _Nodes:
    """The nodes that a list names, or several that have a node in common."""

    source: str
    names: set[str]


def _check_nodes(lists: Sequence[ImportedList]) -> None:
    groups: list[_Nodes] = []
    for each in lists:
        joined = _Nodes(each.source, set(_named(each)))
        if not joined.names:
            continue
        for group in [known for known in groups if known.names & joined.names]:
            groups.remove(group)
            joined = _Nodes(group.source, group.names | joined.names)
        groups.append(joined)
    if len(groups) > 1:
        one, other = groups[:2]
        nodes = "; ".join(listed(sorted(each.names)) for each in (one, other))
        raise PhoneError(
            f"{one.source} and {other.source} name no node in common: "
            f"{printable(nodes)}",
            hint="give the lists of one cluster only, and leave out one that is older "
            "than the names that its nodes have now",
        )


def _named(held: ImportedList) -> list[str]:
    """Return the nodes that a list names; none when it has something else for some.

    The CTL Client writes addresses, certutils and 8.x nothing: what stands there tells
    no other cluster.
    """
    members = [entry for entry in held.entries if entry.role in _NODE_ROLES]
    if any(not each.dns_name or is_address(each.dns_name) for each in members):
        return []
    return [name.casefold() for name in map(node_name, members) if name]
