"""The cluster that made the lists: nodes, release, mode, names, drift."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    ANCHOR_TOPICS,
    NAME_TOPICS,
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.agreement import (
    check_agreement,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.digest import (
    FIRST_RELEASE,
    check_release,
    file_signature,
    signed_by_recovery,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.drift import (
    Drift,
    Drifts,
    Regeneration,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.foreign import marked
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
    expired_in_copy,
    known_certificates,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.list_differences import (
    of_lists,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.node_recoveries import (
    with_node_recoveries,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.node_roles import (
    ImportedRoles,
    roles_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import (
    ImportedNode,
    nodes_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.server_names import (
    domain_of,
    host_name,
    subject_of,
)
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.phone_emulator.rehearsal.importing.sources.phones import (
    PhoneKind,
    PhoneTable,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.codes import Role
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import TFTP_ROLES, FileKind


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
    regenerations: list[Regeneration]
    """How lists came to hold different certificates, in the order of time."""
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
    file_signature: str | None
    """The TFTP File Signature Algorithm; None where the lists do not tell it."""
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
            configuration are not of the same cluster, or the lists not of the release;
            when lists contradict each other.
    """
    check_agreement(imported_lists)
    known = known or Known()
    lists = with_node_recoveries(marked(imported_lists), known.version)
    return _Reading(lists, known).cluster()


class _Reading:
    """Works out one cluster: what is computed of it once, and the rest from that."""

    def __init__(self, imported_lists: Sequence[ImportedList], known: Known) -> None:
        self._lists = imported_lists
        self._known = known
        self._ctl = next((p for p in imported_lists if p.kind is FileKind.CTL), None)
        self._itls = [p for p in imported_lists if p.kind is FileKind.ITL]
        self._entries = [entry for each in imported_lists for entry in each.entries]
        self._nodes = nodes_of(self._entries, known_addresses(known.config))
        guess = self._guessed_release()
        self._release, self._why = (known.version, "given") if known.version else guess
        check_release(imported_lists, self._release)
        self._issuers = issuers_of(imported_lists, len(self._nodes), self._release)
        self._key_bits = _usual_bits(self._entries)
        self._drifts = Drifts(
            imported_lists,
            publisher=self._nodes[0].name,
            release=Release.parse(self._release),
            shared=self._issuers.shared,
            in_use=known.in_use,
        )
        self._pools = {
            name: members_of(each, self._nodes) for name, each in known.pools.items()
        }
        told = self._told_group()
        self._roles = roles_of(
            self._nodes,
            imported_lists,
            fetched_from=known.tftp_addresses,
            named=known.tftp_names,
            members=[
                *(told.members if told else ()),
                *(each for members in self._pools.values() for each in members),
            ],
        )
        self._group = told or guessed_group(self._roles.callmanagers)
        self._certificates = known_certificates(
            imported_lists, known.in_use, [node.name for node in self._nodes]
        )

    def cluster(self) -> ImportedCluster:
        """Return it."""
        known, entries, nodes = self._known, self._entries, self._nodes
        since_lists, strangers = self._drifts.since_lists()
        server = next((e for e in entries if e.role in TFTP_ROLES and e.subject), None)
        capf = next((e.common_name for e in entries if e.role == Role.CAPF), "")
        ctl_entries = self._ctl.entries if self._ctl else ()
        return ImportedCluster(
            nodes=nodes,
            version=self._release,
            version_why=self._why,
            is_mixed=self._is_mixed(),
            has_ctl=self._ctl is not None,
            tokens=sum(each.is_token for each in ctl_entries),
            subject=subject_of(server.subject if server else ""),
            domain=domain_of(server, nodes),
            capf=host_name(capf),
            key_bits=self._key_bits,
            since_ctl=self._drifts.since_ctl(),
            regenerations=self._drifts.regenerations(),
            since_lists=since_lists,
            approximations=[each.cleaned() for each in self._approximations(strangers)],
            group=self._group,
            roles=self._roles,
            pools=self._pools,
            issuers=self._issuers,
            certificates=self._certificates,
            itl_bytes=max((p.length for p in self._itls if p.length), default=None),
            file_signature=file_signature(self._lists),
            table=known.phones,
            phones=known.phones.kinds if known.phones else (),
        )

    def _approximations(
        self, strangers: Sequence[Approximation]
    ) -> Iterator[Approximation]:
        known = self._known
        if not known.version:
            yield Approximation(
                Topic.RELEASE,
                f"the release is a guess: {self._release}, as {self._why}",
                "lists do not tell the release; --version does",
            )
        yield from self._group.approximations
        yield from known.approximations
        yield from self._roles.approximations
        yield from self._not_given()
        yield from of_lists(
            self._lists, self._issuers, self._release, self._nodes, self._key_bits
        )
        yield from expired_in_copy(self._certificates, datetime.now(UTC))
        yield from self._drifts.approximations()
        yield from strangers
        if known.phones:
            yield from known.phones.approximations_of(tuple(self._pools))

    def _told_group(self) -> ImportedGroup | None:
        """Return the CallManager group that a person or a configuration names."""
        known = self._known
        told = None if known.config is None else group_of(known.config, self._nodes)
        return named_group(known.members, self._nodes) if known.members else told

    def _guessed_release(self) -> tuple[str, str]:
        """Derive it from the signer and the SAST records (REFERENCE 1.9, 2.3)."""
        if any(map(signed_by_recovery, self._lists)):
            if any(entry.is_node_recovery for entry in self._entries):
                return "12.0(1)", "ITLRecovery signs, and nodes have their own"
            return "12.5(1)", "ITLRecovery signs"
        if file_signature(self._lists) not in (None, "SHA-1"):
            return FIRST_RELEASE, "the lists are not signed with SHA-1"
        if self._ctl is not None and any(e.is_recovery for e in self._ctl.entries):
            return "11.5(1)", "the CTL lists ITLRecovery, CallManager or a token signs"
        return "10.5(1)", "the CTL does not list ITLRecovery"

    def _is_mixed(self) -> bool:
        """Tell the mode: the CTL's servers have certificates, or ITLs say CCM+TFTP."""
        if self._ctl is not None:
            return any(e.role in TFTP_ROLES and e.serial for e in self._ctl.entries)
        return any(e.role == Role.CCM_TFTP for p in self._itls for e in p.entries)

    def _not_given(self) -> Iterator[Approximation]:
        """Name the lists that were not given: their content is not known."""
        if self._ctl is None:
            is_mixed = self._is_mixed()
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
        given = {each.owner.split(".")[0].casefold() for each in self._itls}
        tftp_nodes = self._roles.tftp_nodes
        unknown = [node for node in tftp_nodes if node.casefold() not in given]
        if unknown:
            yield Approximation(
                Topic.LISTS,
                f"the ITLs of {listed(unknown)} are made new",
                "they were not given: a certificate that was regenerated there, or a "
                "TFTP service that was not restarted, is not seen",
            )


def _usual_bits(entries: Sequence[ImportedRecord]) -> int:
    counts = Counter(e.key_bits for e in entries if e.key_bits and not e.is_token)
    usual = counts.most_common(1)
    return usual[0][0] if usual and usual[0][0] in (1024, 2048, 4096) else 2048
