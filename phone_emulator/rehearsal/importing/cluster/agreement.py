"""Lists that cannot all be of one cluster, or were changed since it printed them.

A list that has lost something does not add up, and is refused when it is read. Two
values of the same length that changed places, and a letter that became another, leave
its sums as they are; but most certificates stand in several lists, and what these say
of one certificate must be the same. Lists of two clusters have neither a node nor a
node's certificate in common.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import Final

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import listed
from tokenless.phone_emulator.rehearsal.importing.cluster.foreign import host_of
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    is_address,
    node_name,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import same_name
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.trust.verdicts import TFTP_ROLES

_SERVERS: Final = (*TFTP_ROLES, Role.CALLMANAGER)
_NODE_ROLES: Final = (*_SERVERS, Role.TVS, Role.CAPF)
_OF_EC: Final = "-ec"
_SHOWN: Final = 120
"""Characters of a name from a list that are quoted."""
_BEFORE: Final = 40
"""Characters before the first that differs, in a name that is too long to be shown."""
_AGAIN: Final = "paste the lists again, or save the files with `file get tftp`"
_MOVED: Final = f"lines of a paste were moved: {_AGAIN}"


def check_agreement(lists: Sequence[ImportedList]) -> None:
    """Check that lists can be those of one cluster, unchanged.

    Raises:
        PhoneError: When two lists have no node and no node's certificate in common, not
            even by a third one, or a text says something else of a certificate than
            another list, or has two nodes' names in each other's place.
    """
    for each in lists:
        if each.is_text:
            _check_places(each)
    _check_certificates(lists)
    _check_nodes(lists)


def _check_places(held: ImportedList) -> None:
    """Check that records do not have each other's node, by their certificates' names.

    One record alone may have another's: a certificate of several nodes.
    """
    crossed: dict[tuple[str, str], ImportedRecord] = {}
    for entry in held.entries:
        node, host = node_name(entry).casefold(), _host(entry)
        if not node or node == host:
            continue
        crossed[node, host] = entry
        if other := crossed.get((host, node)):
            raise PhoneError(
                f"{held.source}: {_shown(entry.dns_name)} has the certificate of "
                f"{_shown(other.dns_name)} (CN={_shown(entry.common_name)}), and the "
                "other way round",
                hint=_MOVED,
            )
    if ring := _ring(crossed):
        first, second, third = (_shown(each.dns_name) for each in ring[:3])
        raise PhoneError(
            f"{held.source}: {first} has the certificate of {second} "
            f"(CN={_shown(ring[0].common_name)}), {second} that of {third}, and so on "
            f"round to {first}",
            hint=_MOVED,
        )


def _ring(
    crossed: Mapping[tuple[str, str], ImportedRecord],
) -> list[ImportedRecord]:
    """Return records each of which has the certificate of the next one's node.

    Args:
        crossed: Records by their node and the one that their certificate is called
            after; no two of them have each other's.
    """
    left = dict(crossed)
    while ends := {host for _, host in left} - {node for node, _ in left}:
        left = {key: entry for key, entry in left.items() if key[1] not in ends}
    if not left:
        return []
    following = dict(left.keys())  # any of several
    way: list[str] = []
    at = next(iter(following))
    while at not in way:
        way.append(at)
        at = following[at]
    return [left[node, following[node]] for node in way[way.index(at) :]]


def _host(entry: ImportedRecord) -> str:
    """Return the host that a certificate is called after (REFERENCE-2 1)."""
    host = host_of(entry.common_name)
    return host.removesuffix(_OF_EC) if entry.is_ec else host


def _check_certificates(lists: Sequence[ImportedList]) -> None:
    seen: dict[str, tuple[ImportedList, ImportedRecord]] = {}
    # Files first: they contain the certificates themselves.
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
    for what, known, said in (
        ("subject", one.subject, other.subject),
        ("issuer", one.issuer, other.issuer),
    ):
        # Texts have escapes for what cannot be printed; files have it as it is.
        shown = printable(known), printable(said)
        if not same_name(*shown):  # one name has several texts
            yield _difference(what, *shown)
    for what, known, said in (
        ("serial number", one.serial, other.serial),
        ("role", *_roles(one, other)),
    ):
        if known != said:
            yield _difference(what, known, said)
    # Texts tell the length of the usual keys only.
    bits = (one.key_bits, other.key_bits)
    if None not in bits and bits[0] != bits[1]:
        yield _difference("key's length", *map(str, bits))


def _difference(what: str, first: str, second: str) -> str:
    pairs = enumerate(zip_longest(first, second))
    same = next(at for at, (one, other) in pairs if one != other)
    if same >= _SHOWN:  # what is shown has to hold what differs
        first, second = (f"…{each[same - _BEFORE :]}" for each in (first, second))
    return f"the {what} is {first[:_SHOWN]!r} and {second[:_SHOWN]!r}"


def _shown(text: str) -> str:
    return printable(text)[:_SHOWN]


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


@dataclass(frozen=True, slots=True)
class _Group:
    """Lists of one cluster: what each of them has is in another one, too."""

    source: str
    names: frozenset[str]
    """The nodes that they name."""
    certificates: frozenset[tuple[str, str]]
    """Those of nodes; one of several nodes may stand there by any of their names."""

    def meets(self, other: "_Group") -> bool:
        """Tell whether a node or a certificate is in both."""
        return bool(self.names & other.names or self.certificates & other.certificates)

    def joined(self, other: "_Group") -> "_Group":
        """Return both as one."""
        return _Group(
            self.source if self.names else other.source,
            self.names | other.names,
            self.certificates | other.certificates,
        )


def _check_nodes(lists: Sequence[ImportedList]) -> None:
    groups: list[_Group] = []
    for group in map(_group_of, lists):
        met = [known for known in groups if known.meets(group)]
        groups = [known for known in groups if known not in met]
        groups.append(reduce(_Group.joined, [*met, group]))
    named = [group for group in groups if group.names]
    if len(named) > 1:
        one, other = named[:2]
        nodes = "; ".join(listed(sorted(each.names)) for each in (one, other))
        raise PhoneError(
            f"{one.source} and {other.source} have no node and no certificate in "
            f"common: {nodes}",
            hint="give the lists of one cluster only, and leave out one that is older "
            "than the names that its nodes have now",
        )


def _group_of(held: ImportedList) -> _Group:
    """Return what a list has of nodes: no names when it names only some of them.

    The CTL Client writes addresses, certutils and 8.x nothing: what stands there tells
    no other cluster.
    """
    members = [entry for entry in held.entries if entry.role in _NODE_ROLES]
    names = {name.casefold() for name in map(node_name, members) if name}
    if any(not each.dns_name or is_address(each.dns_name) for each in members):
        names = set()
    certificates = {each.identity for each in members if each.serial}
    return _Group(held.source, frozenset(names), frozenset(certificates))
