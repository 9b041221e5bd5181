"""The cluster that made the lists: nodes, release, mode, names, drift."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenless.phone_emulator.addresses import HOST
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    ANCHOR_TOPICS,
    NAME_TOPICS,
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import Drift, Drifts
from tokenless.phone_emulator.rehearsal.importing.cluster.group import (
    ImportedGroup,
    group_of,
    guessed_group,
    known_addresses,
    members_of,
    named_group,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.issuers import (
    Issuers,
    issuers_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.known import (
    known_certificates,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.list_differences import (
    of_lists,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.node_roles import (
    ImportedRoles,
    roles_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    ImportedNode,
    nodes_of,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    ImportedList,
    ImportedRecord,
    InUse,
    attribute,
)
from tokenless.phone_emulator.rehearsal.importing.sources.phones import (
    PhoneKind,
    PhoneTable,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind

_HOST_NAME: Final = re.compile(rf"(?=.{{1,128}}\Z){HOST.pattern}(?:\.{HOST.pattern})*")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_SUBJECT_KEYS: Final = {
    "organizational_unit": "OU",
    "organization": "O",
    "locality": "L",
    "state": "ST",
}


@dataclass(frozen=True, slots=True)
class ImportedCluster:
    """The cluster, as far as lists and certificates tell it."""

    nodes: list[ImportedNode]
    """The publisher first."""
    version: str
    version_why: str
    is_mixed: bool
    has_ctl: bool
    tokens: int
    """The number of hardware tokens that the CTL lists; the first signs."""
    subject: dict[str, str]
    domain: str | None
    capf: str | None
    key_bits: int
    since_ctl: list[Drift]
    """Regenerated after the CTL was made: in the ITLs only."""
    since_lists: list[Drift]
    """Regenerated after all lists were made: in use only."""
    approximations: list[Approximation]
    """The guesses, and the differences from the original."""
    group: ImportedGroup
    """The nodes with which phones register and whose TVS they ask."""
    roles: ImportedRoles
    """The services of each node; every node that serves TFTP has a group of a model."""
    pools: Mapping[str, tuple[str, ...]]
    """The members of the CallManager group of device pools that have their own."""
    issuers: Issuers
    """The units that are multi-server, and those that a CA signed."""
    certificates: tuple[KnownCertificate, ...]
    """Every certificate that was seen, with its dates where they are known."""
    itl_bytes: int | None
    """The length of the longest ITL."""
    table: PhoneTable | None = None
    """The content of an export of the phones."""
    phones: tuple[PhoneKind, ...] = ()
    """Real phones by device pool and model, where a list of them was given."""

    @property
    def tftp_nodes(self) -> tuple[str, ...]:
        """The nodes that phones fetch from; each has a group of every model."""
        return self.roles.tftp_nodes

    @property
    def same_anchors(self) -> bool:
        """Return whether phones have the same anchors here as there."""
        return not any(each.topic in ANCHOR_TOPICS for each in self.approximations)

    @property
    def same_names(self) -> bool:
        """Return whether certificates and nodes have the same names here as there."""
        return not any(each.topic in NAME_TOPICS for each in self.approximations)


@dataclass(frozen=True, slots=True)
class Known:
    """Knowledge of a cluster from other sources than its lists."""

    in_use: Sequence[InUse] = ()
    """Certificates that nodes use."""
    version: str | None = None
    """The release."""
    config: PhoneConfig | None = None
    """A phone's configuration."""
    tftp_addresses: Sequence[str] = ()
    """Nodes that lists were fetched from."""
    tftp_names: Sequence[str] = ()
    """Nodes that serve TFTP, as a person says."""
    members: Sequence[str] = ()
    """The CallManager group of phones in order, as a person says: names of nodes."""
    pools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The CallManager group of device pools, as a person says: names of nodes."""
    phones: PhoneTable | None = None
    approximations: Sequence[Approximation] = ()
    """Approximations of the part that fetched the lists."""


def read_cluster(
    imported_lists: Sequence[ImportedList], known: Known | None = None
) -> ImportedCluster:
    """Work out the cluster.

    Args:
        imported_lists: A CTL, ITLs, or both; whole ones (`without_repeats`).
        known: What else is known.

    Raises:
        PhoneError: When no node can be found in the lists, or too many; when lists and
            configuration are not of the same cluster.
    """
    known = known or Known()
    entries = [
        entry for imported_list in imported_lists for entry in imported_list.entries
    ]
    ctl = next((p for p in imported_lists if p.kind is FileKind.CTL), None)
    itls = [p for p in imported_lists if p.kind is FileKind.ITL]
    config = known.config
    nodes = nodes_of(entries, known_addresses(config))
    drifts = Drifts(ctl, itls, publisher=nodes[0].name)
    since_lists, strangers = drifts.since_lists(known.in_use)
    key_bits = _usual_bits(entries)
    given = known.version
    release, why = (given, "given") if given else _release(ctl, itls)
    issuers = issuers_of(imported_lists, len(nodes), release)
    told = None if config is None else group_of(config, nodes)
    if known.members:
        told = named_group(known.members, nodes)
    pools = {name: members_of(each, nodes) for name, each in known.pools.items()}
    members = [each for group in pools.values() for each in group]
    roles = roles_of(
        nodes,
        imported_lists,
        fetched_from=known.tftp_addresses,
        named=known.tftp_names,
        members=[*(told.members if told else ()), *members],
    )
    group = told or guessed_group(roles.callmanagers)
    server = next((e for e in entries if e.role in TFTP_ROLES and e.subject), None)
    capf = next((e.common_name for e in entries if e.role == Role.CAPF), "")
    approximations = [
        *([] if given else [_guessed_release(release, why)]),
        *group.approximations,
        *known.approximations,
        *roles.approximations,
        *_not_given(ctl, itls, roles.tftp_nodes),
        *of_lists(imported_lists, issuers, release),
        *_node_names(entries, nodes),
        *_odd_keys(entries, key_bits),
        *drifts.between_itls(),
        *strangers,
        *(known.phones.approximations_of(tuple(pools)) if known.phones else ()),
    ]
    return ImportedCluster(
        nodes=nodes,
        version=release,
        version_why=why,
        is_mixed=_is_mixed(ctl, itls),
        has_ctl=ctl is not None,
        tokens=0 if ctl is None else sum(e.is_token for e in ctl.entries),
        subject=_subject(server.subject if server else ""),
        domain=_domain(server, nodes),
        capf=_host_name(capf),
        key_bits=key_bits,
        since_ctl=drifts.since_ctl(),
        since_lists=since_lists,
        approximations=[each.cleaned() for each in approximations],
        group=group,
        roles=roles,
        pools=pools,
        issuers=issuers,
        certificates=known_certificates(imported_lists, known.in_use, nodes[0].name),
        itl_bytes=max((p.length for p in itls if p.length), default=None),
        table=known.phones,
        phones=known.phones.kinds if known.phones else (),
    )


def _guessed_release(release: str, why: str) -> Approximation:
    return Approximation(
        Topic.RELEASE,
        f"the release is a guess: {release}, as {why}",
        "lists do not tell the release; --version does",
    )


def _not_given(
    ctl: ImportedList | None, itls: Sequence[ImportedList], tftp_nodes: Sequence[str]
) -> Iterator[Approximation]:
    """Name the lists that were not given: their content is not known."""
    if ctl is None:
        is_mixed = _is_mixed(ctl, itls)
        yield Approximation(
            Topic.LISTS,
            "the CTL is made new" if is_mixed else "there is no CTL",
            "no CTL was given; "
            + (
                "a CTL that was not updated, or tokens, are not seen"
                if is_mixed
                else "one that was left from mixed mode is not seen"
            ),
        )
    given = {imported_list.owner.split(".")[0].casefold() for imported_list in itls}
    unknown = [node for node in tftp_nodes if node.casefold() not in given]
    if unknown:
        yield Approximation(
            Topic.LISTS,
            f"the ITLs of {listed(unknown)} are made new",
            "they were not given: a certificate that was regenerated there, or a TFTP "
            "service that was not restarted, is not seen",
        )


def _node_names(
    entries: Sequence[ImportedRecord], nodes: Sequence[ImportedNode]
) -> Iterator[Approximation]:
    """Say when nodes have names that the lists do not have."""
    named = {e.dns_name.split(".")[0] for e in entries if e.dns_name}
    made = [node.name for node in nodes if node.name not in named]
    if made:
        yield Approximation(
            Topic.NODE_NAMES,
            f"names of nodes that were made up: {', '.join(made)}",
            "the lists have addresses, or nothing, in the place of names; these are "
            "the certificates' common names or numbers",
        )


def _release(ctl: ImportedList | None, itls: Sequence[ImportedList]) -> tuple[str, str]:
    """Derive the release from the signer and the SAST records (REFERENCE 1.9, 2.3)."""
    signers = [p.signer_subject for p in (ctl, *itls) if p is not None]
    if any(attribute(s, "CN").upper().startswith("ITLRECOVERY") for s in signers):
        return "12.5(1)", "ITLRecovery signs"
    if ctl is not None and any(e.is_recovery for e in ctl.entries):
        return "11.5(1)", "the CTL lists ITLRecovery, CallManager or a token signs"
    return "10.5(1)", "the CTL does not list ITLRecovery"


def _is_mixed(ctl: ImportedList | None, itls: Sequence[ImportedList]) -> bool:
    """Tell the mode: the CTL's servers have certificates, or the ITLs say CCM+TFTP."""
    if ctl is not None:
        return any(e.role in TFTP_ROLES and e.serial for e in ctl.entries)
    return any(e.role == Role.CCM_TFTP for p in itls for e in p.entries)


def _subject(server: str) -> dict[str, str]:
    subject = {key: attribute(server, name) for key, name in _SUBJECT_KEYS.items()}
    country = attribute(server, "C")
    kept = {key: value for key, value in subject.items() if value}
    return {**kept, "country": country} if _COUNTRY.fullmatch(country) else kept


def _domain(server: ImportedRecord | None, nodes: Sequence[ImportedNode]) -> str | None:
    """Return what follows the node's name in its certificate's common name."""
    if server is None:
        return None
    common = server.common_name
    for node in nodes:
        if common.lower().startswith(f"{node.name.lower()}."):
            return _host_name(common[len(node.name) + 1 :])
    return None


def _host_name(text: str) -> str | None:
    """Return a name that a configuration takes; None for any other."""
    return text if _HOST_NAME.fullmatch(text) else None


def _usual_bits(entries: Sequence[ImportedRecord]) -> int:
    counts = Counter(e.key_bits for e in entries if e.key_bits and not e.is_token)
    usual = counts.most_common(1)
    return usual[0][0] if usual and usual[0][0] in (1024, 2048, 4096) else 2048


def _odd_keys(entries: Sequence[ImportedRecord], usual: int) -> Iterator[Approximation]:
    """Say which certificates have keys of other sizes: that is not rebuilt."""
    odd = sorted(
        {
            f"{printable(entry.common_name)} ({entry.key_bits} bits)"
            for entry in entries
            if entry.key_bits not in (None, usual)
            and not entry.is_token
            and not entry.is_ec
        }
    )
    if odd:
        yield Approximation(
            Topic.KEYS,
            f"keys of other sizes than {usual} bits: {', '.join(odd)}",
            f"first certificates all have {usual} bits here",
        )
