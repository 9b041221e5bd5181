"""Whose key signs which file of a cluster, and whose certificates its lists hold.

                  before 12.0                 from 12.0 on
    CTL           publisher's CallManager     ITLRecovery
      reset       publisher's CallManager     publisher's CallManager
    ITL           the node's CallManager      ITLRecovery
      reset       ITLRecovery                 publisher's CallManager (`ItlReset`)
    *.sgn         the node's CallManager      the node's CallManager

"Reset" means `utils ctl reset localkey` and `utils itl reset localkey`. Source:
REFERENCE 2.3 and 6.2, said by the vendor; for one ITL of all nodes REFERENCE-2 3.5,
whose consequences are inferred. CTLs that a token signs are not told here.

Services sign by this table, rehearsals and the planner judge phones by it. TVS answers
the roles of `TrustStore.roles`.
"""

from collections.abc import Hashable, Iterable
from enum import Enum, StrEnum, unique
from typing import Final, TypeVar

from tokenless.protocol.codes import NodeRole, Role, TrustStore, server_role
from tokenless.protocol.release import Release


@unique
class SigningKey(Enum):
    """A key that signs files, by the place of its certificate."""

    NODE = "CallManager of the node"
    """Each node's own: it signs for that node only."""
    PUBLISHER = "CallManager of the publisher"
    RECOVERY = "ITLRecovery"
    """One for the whole cluster, which the publisher has (REFERENCE 1.9)."""

    @property
    def unit(self) -> TrustStore:
        """The unit of its certificate."""
        if self is SigningKey.RECOVERY:
            return TrustStore.ITLRECOVERY
        return TrustStore.CALLMANAGER

    def is_of(self, unit: TrustStore, *, is_publishers: bool) -> bool:
        """Tell whether a certificate has this key for some node of the cluster.

        Args:
            unit: The certificate's unit.
            is_publishers: Whether it is the publisher's.
        """
        return unit is self.unit and (is_publishers or self is SigningKey.NODE)


@unique
class ItlReset(StrEnum):
    """The ITLs that `utils itl reset localkey` leaves from 12.0 on."""

    PUBLISHER = "publisher"
    """The publisher's for all nodes, its records as they are (REFERENCE-2 3.5)."""
    EACH_NODE = "each-node"
    """Each node's own, made again and signed by its own CallManager."""

    def is_one_for_all(self, release: Release) -> bool:
        """Tell whether all nodes get the publisher's ITL."""
        return release.recovery_signs and self is ItlReset.PUBLISHER


FILE_SIGNER: Final = SigningKey.NODE
"""The signer of configurations, whatever the release (REFERENCE 2.3)."""
ITL_SASTS: Final = (SigningKey.NODE, SigningKey.RECOVERY)
"""The SASTs of a node's ITL (REFERENCE 1.10: ITLRecovery from 10.0)."""


def ctl_signer(release: Release, *, reset: bool = False) -> SigningKey:
    """Return the signer of a CTL without tokens (REFERENCE 2.3).

    Args:
        release: The cluster's.
        reset: Whether it is for `utils ctl reset localkey`.
    """
    if release.recovery_signs and not reset:
        return SigningKey.RECOVERY
    return SigningKey.PUBLISHER


def ctl_sasts(release: Release) -> tuple[SigningKey, ...]:
    """Return the cluster's own SASTs in a CTL without tokens (REFERENCE 1.9)."""
    if release.recovery_in_ctl:
        return SigningKey.RECOVERY, SigningKey.PUBLISHER
    return (SigningKey.PUBLISHER,)


def token_ctl_sasts(release: Release) -> tuple[SigningKey, ...]:
    """Return the cluster's own SASTs in a CTL that a token signs (REFERENCE 1.9).

    Before 10.5(2) it has the tokens only.
    """
    return ctl_sasts(release) if release.recovery_in_ctl else ()


def itl_signer(release: Release) -> SigningKey:
    """Return the signer of a node's ITL (REFERENCE 2.3)."""
    return SigningKey.RECOVERY if release.recovery_signs else SigningKey.NODE


def itl_reset_signer(release: Release, way: ItlReset) -> SigningKey:
    """Return the signer of a node's ITL after `utils itl reset localkey`.

    It is the other SAST of the list: ITLRecovery before 12.0 (REFERENCE 6.2).
    """
    if not release.recovery_signs:
        return SigningKey.RECOVERY
    return SigningKey.PUBLISHER if way is ItlReset.PUBLISHER else SigningKey.NODE


def signs_ctls(release: Release, unit: TrustStore, *, is_publishers: bool) -> bool:
    """Tell whether a certificate's key signs CTLs, after a reset at the latest."""
    keys = {ctl_signer(release), ctl_signer(release, reset=True)}
    return any(key.is_of(unit, is_publishers=is_publishers) for key in keys)


def signs_itls(
    release: Release, way: ItlReset, unit: TrustStore, *, is_publishers: bool
) -> bool:
    """Tell whether a certificate's key signs the ITL of a node, or does so at a reset.

    From 12.0 on a subscriber's CallManager signs none, unless each node resets its own.
    """
    keys = {itl_signer(release), itl_reset_signer(release, way)}
    return any(key.is_of(unit, is_publishers=is_publishers) for key in keys)


def itl_server_role(*, is_mixed: bool) -> Role:
    """Return the role of a node's CallManager in its ITL (REFERENCE 1.10)."""
    return Role.CCM_TFTP if is_mixed else Role.TFTP


_Holder = TypeVar("_Holder", bound=Hashable)


def ctl_servers(
    nodes: Iterable[tuple[_Holder, frozenset[NodeRole]]],
) -> dict[_Holder, Role]:
    """Return the servers of a CTL with their roles, in the order of the nodes.

    A CallManager certificate that several nodes share does what all of them do
    (inferred; REFERENCE-2 2.2 says that it is listed once).

    Args:
        nodes: What a node's record stands for, such as its certificate, and the node's
            roles; the nodes with the same certificate become one server.
    """
    together: dict[_Holder, frozenset[NodeRole]] = {}
    for holder, roles in nodes:
        together[holder] = together.get(holder, frozenset()) | roles
    found = {holder: server_role(roles) for holder, roles in together.items()}
    return {holder: role for holder, role in found.items() if role is not None}
