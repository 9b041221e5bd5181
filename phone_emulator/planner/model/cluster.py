"""A cluster as identities: certificates, lists, what each node serves (REFERENCE 1.9).

All values are immutable and hashable: states are compared and remembered by the search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

from tokenless.protocol.codes import (
    EVERY_ROLE,
    UNITS_OF_EVERY_NODE,
    UNITS_OF_PUBLISHER,
    NodeRole,
    Role,
    TrustStore,
)
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.protocol.trust.signing import (
    FILE_SIGNER,
    ITL_SASTS,
    ItlReset,
    SigningKey,
    ctl_sasts,
    ctl_servers,
    ctl_signer,
    itl_reset_signer,
    itl_server_role,
    itl_signer,
)

PUBLISHER: Final = 0
"""The publisher's number; subscribers follow."""


@dataclass(frozen=True, slots=True, eq=False)
class CertificateIdentity:
    """A certificate with its key: the same identity verifies, another never does.

    There is one object for each (`identity`), so that comparing states is cheap.
    """

    unit: TrustStore
    node: int
    generation: int


@cache
def identity(unit: TrustStore, node: int, generation: int) -> CertificateIdentity:
    """Return the certificate of a unit and node, by how often it was regenerated."""
    return CertificateIdentity(unit, node, generation)


Members = frozenset[tuple[Role, CertificateIdentity]]


class List:
    """A CTL or an ITL; there is one object for each (`make_list`)."""

    __slots__ = ("_by_role", "members", "signer")

    def __init__(self, signer: CertificateIdentity, members: Members) -> None:
        self.signer = signer
        self.members = members
        self._by_role = {
            int(role): frozenset(who for each, who in members if each is role)
            for role in {role for role, _ in members}
        }

    def has(self, role: Role, who: CertificateIdentity) -> bool:
        """Return whether a certificate is in the list with a role."""
        return who in self.holders(role)

    def holders(self, role: Role) -> frozenset[CertificateIdentity]:
        """Return all certificates with a role."""
        return self._by_role.get(int(role), _NOBODY)


_NOBODY: Final[frozenset[CertificateIdentity]] = frozenset()


@cache
def make_list(signer: CertificateIdentity, members: Members) -> List:
    """Return the list of these members, one object for the same members."""
    return List(signer, members)


class Served(NamedTuple):
    """The files that one node's TFTP service read at its start."""

    ctl: List | None
    itl: List
    configuration_signer: CertificateIdentity


@dataclass(frozen=True, slots=True, eq=False)
class ClusterLayout:
    """The facts that do not change while a plan is made."""

    release: Release
    nodes: tuple[str, ...] = ("cucm-1051-a-pub", "cucm-1051-a-sub1")
    """The publisher first. All have a TVS service."""
    is_mixed: bool = True
    roles: tuple[frozenset[NodeRole], ...] = ()
    """Of each node; empty: all have every role."""
    shared: frozenset[TrustStore] = frozenset()
    """Units of which one certificate serves all nodes: the publisher's."""
    signed: frozenset[TrustStore] = frozenset()
    """Units whose certificates a CA signs."""
    interaction: PhoneInteraction = PhoneInteraction.MANUAL
    """Automatic or manual resets of phones when a certificate changes (REFERENCE-2
    3.4)."""
    itl_reset: ItlReset = ItlReset.PUBLISHER
    """The setting `tftp.itl_reset`."""

    @property
    def slots(self) -> tuple[tuple[TrustStore, int], ...]:
        """Every certificate that the cluster has, as unit and node."""
        return slots_of(len(self.nodes))

    def holders(self, unit: TrustStore) -> Sequence[int]:
        """Return the nodes that have a certificate of a unit, by number.

        Of a shared one, that is the publisher alone: regenerating it is one step.
        """
        everywhere = unit in UNITS_OF_EVERY_NODE and unit not in self.shared
        return range(len(self.nodes)) if everywhere else (PUBLISHER,)

    def holder(self, unit: TrustStore, node: int) -> int:
        """Return the node whose certificate of a unit a node uses."""
        return PUBLISHER if unit in self.shared else node

    @property
    def tftp_nodes(self) -> Sequence[int]:
        """The nodes that serve files, by number."""
        return [
            node
            for node in range(len(self.nodes))
            if NodeRole.TFTP in self.roles_of(node)
        ]

    def only(self, nodes: Sequence[int]) -> "ClusterLayout":
        """Return the layout of some nodes, the publisher first.

        What nodes that are left out do with a shared certificate, the publisher does.
        """
        roles = [self.roles_of(node) for node in nodes]
        if TrustStore.CALLMANAGER in self.shared:
            every = map(self.roles_of, range(len(self.nodes)))
            roles[0] = roles[0].union(*every)
        return ClusterLayout(
            self.release,
            tuple(self.nodes[node] for node in nodes),
            is_mixed=self.is_mixed,
            roles=tuple(roles),
            shared=self.shared,
            signed=self.signed,
            interaction=self.interaction,
            itl_reset=self.itl_reset,
        )

    def roles_of(self, node: int) -> frozenset[NodeRole]:
        """Return the roles of a node."""
        return self.roles[node] if self.roles else EVERY_ROLE


@lru_cache
def slots_of(nodes: int) -> tuple[tuple[TrustStore, int], ...]:
    """Return every certificate of a cluster with so many nodes."""
    everywhere = [(unit, node) for unit in UNITS_OF_EVERY_NODE for node in range(nodes)]
    return (*everywhere, *((unit, PUBLISHER) for unit in UNITS_OF_PUBLISHER))


def slot_of(layout: ClusterLayout, unit: TrustStore, node: int) -> int:
    """Return where a certificate stands in `ClusterLayout.slots`."""
    return _numbered(len(layout.nodes))[unit, node]


@lru_cache
def _numbered(nodes: int) -> dict[tuple[TrustStore, int], int]:
    return {slot: number for number, slot in enumerate(slots_of(nodes))}


class ClusterState(NamedTuple):
    """The changing part of a cluster."""

    generations: tuple[int, ...]
    """The number of regenerations of each certificate of `ClusterLayout.slots`."""
    shown: tuple[int, ...]
    """The generation of the TVS certificate that each node's running TVS shows."""
    ctl: List | None
    """The newest CTL: the database's, and the file that lies on every node."""
    served: tuple[Served, ...]
    """By node."""


def first_cluster(layout: ClusterLayout) -> ClusterState:
    """Return a healthy cluster, before anything is regenerated."""
    blank = ClusterState((0,) * len(layout.slots), (0,) * len(layout.nodes), None, ())
    ctl = build_ctl(layout, blank) if layout.is_mixed else None
    return serve_all(layout, blank._replace(ctl=ctl))


def current(
    layout: ClusterLayout, cluster: ClusterState, unit: TrustStore, node: int
) -> CertificateIdentity:
    """Return the certificate in use."""
    node = layout.holder(unit, node)
    return identity(unit, node, cluster.generations[slot_of(layout, unit, node)])


def signing(
    layout: ClusterLayout, cluster: ClusterState, key: SigningKey, node: int
) -> CertificateIdentity:
    """Return the certificate in use of a key that signs for a node."""
    holder = node if key is SigningKey.NODE else PUBLISHER
    return current(layout, cluster, key.unit, holder)


def is_current(
    layout: ClusterLayout, cluster: ClusterState, who: CertificateIdentity
) -> bool:
    """Return whether a certificate is in use, and its key with it."""
    slot = slot_of(layout, who.unit, who.node)
    return cluster.generations[slot] == who.generation


def build_ctl(
    layout: ClusterLayout, cluster: ClusterState, *, reset: bool = False
) -> List:
    """Make the CTL of a mixed cluster, or of one that was mixed once.

    Args:
        layout: The cluster's constants.
        cluster: Its certificates.
        reset: As `utils ctl reset localkey` does: CallManager signs (REFERENCE 2.3).
    """
    signer = ctl_signer(layout.release, reset=reset)
    members = {
        (Role.SAST, signing(layout, cluster, key, PUBLISHER))
        for key in ctl_sasts(layout.release)
    }
    members.update(_capf(layout, cluster))
    if layout.is_mixed:
        # A cluster that has gone back to non-secure empties its servers' records.
        members.update(_servers(layout, cluster))
    return make_list(signing(layout, cluster, signer, PUBLISHER), frozenset(members))


def build_itl(
    layout: ClusterLayout, cluster: ClusterState, node: int, *, reset: bool = False
) -> List:
    """Make a node's ITL.

    Args:
        layout: The cluster's constants.
        cluster: Its certificates.
        node: Whose ITL.
        reset: As `utils itl reset localkey` does: the other SAST signs (REFERENCE 2.3).
    """
    callmanager = current(layout, cluster, TrustStore.CALLMANAGER, node)
    members: set[tuple[Role, CertificateIdentity]] = {
        *((Role.SAST, signing(layout, cluster, key, node)) for key in ITL_SASTS),
        (itl_server_role(is_mixed=layout.is_mixed), callmanager),
        *_capf(layout, cluster),
    }
    for each in range(len(layout.nodes)):
        members.add((Role.TVS, current(layout, cluster, TrustStore.TVS, each)))
    release = layout.release
    key = itl_reset_signer(release, layout.itl_reset) if reset else itl_signer(release)
    return make_list(signing(layout, cluster, key, node), frozenset(members))


@lru_cache(maxsize=65_536)
def serve(layout: ClusterLayout, cluster: ClusterState, node: int) -> Served:
    """Return what a TFTP service that starts now takes."""
    return Served(
        cluster.ctl,
        build_itl(layout, cluster, node),
        signing(layout, cluster, FILE_SIGNER, node),
    )


def serve_all(layout: ClusterLayout, cluster: ClusterState) -> ClusterState:
    """Return the cluster with TFTP restarted on every node."""
    served = tuple(serve(layout, cluster, node) for node in range(len(layout.nodes)))
    return cluster._replace(served=served)


def _capf(
    layout: ClusterLayout, cluster: ClusterState
) -> Iterator[tuple[Role, CertificateIdentity]]:
    if NodeRole.CAPF in layout.roles_of(PUBLISHER):
        yield Role.CAPF, current(layout, cluster, TrustStore.CAPF, PUBLISHER)


def _servers(
    layout: ClusterLayout, cluster: ClusterState
) -> Iterator[tuple[Role, CertificateIdentity]]:
    """Give the CTL's servers; a shared certificate does what all its nodes do."""
    unit = TrustStore.CALLMANAGER
    servers = ctl_servers(
        (current(layout, cluster, unit, node), layout.roles_of(node))
        for node in range(len(layout.nodes))
    )
    for who, role in servers.items():
        yield role, who
