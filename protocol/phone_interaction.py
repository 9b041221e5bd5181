"""Automatic consequences of a changed certificate (REFERENCE-2 3.3, 3.4).

Before 12.5 nothing: services are restarted and phones are reset by hand. From 12.5 on
services restart by themselves, from 14 on TFTP makes its files again and phones are
reset, unless "Phone Interaction on Certificate Update" says manually.

Inferred: that the phones of the whole cluster are reset, whichever node's certificate
changed; that a node restarts its services first; that CallManager-ECDSA, which stands
in ITLs, makes TFTP rebuild them and resets no phone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Self

from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release


@unique
class PhoneInteraction(StrEnum):
    """Values of the enterprise parameter; 'manual' is that of releases without it."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"

    @classmethod
    def default_of(cls, release: Release) -> Self:
        """Return what a new cluster of a release has."""
        return cls.AUTOMATIC if release.resets_phones else cls.MANUAL


RESETTING_UNITS: Final = frozenset(
    {
        TrustStore.CALLMANAGER,
        TrustStore.TVS,
        TrustStore.CAPF,
        TrustStore.ITLRECOVERY,
    }
)
"""Units whose new certificate resets phones (REFERENCE-2 3.4)."""
_LISTED_UNITS: Final = RESETTING_UNITS | {TrustStore.CALLMANAGER_ECDSA}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The actions of one node after certificates of the cluster have changed."""

    restarts_tvs: bool = False
    restarts_capf: bool = False
    restarts_callmanager: bool = False
    rebuilds_tftp: bool = False
    resets_phones: bool = False

    @classmethod
    def of(
        cls,
        release: Release,
        interaction: PhoneInteraction,
        *,
        own: Collection[TrustStore],
        anywhere: Collection[TrustStore],
    ) -> Self:
        """Return what a node does.

        Args:
            release: The cluster's.
            interaction: The enterprise parameter; of no effect before 12.5.
            own: Units of the node that have a new certificate.
            anywhere: The same of all nodes.
        """
        changed = set(anywhere)
        is_automatic = (
            interaction is PhoneInteraction.AUTOMATIC and release.has_phone_interaction
        )
        rebuilds = release.rebuilds_tftp or is_automatic
        return cls(
            restarts_tvs=release.restarts_tvs and TrustStore.TVS in own,
            restarts_capf=release.restarts_tvs and TrustStore.CAPF in own,
            restarts_callmanager=(
                release.restarts_callmanager and TrustStore.CALLMANAGER in own
            ),
            rebuilds_tftp=rebuilds and bool(changed & _LISTED_UNITS),
            resets_phones=is_automatic and bool(changed & RESETTING_UNITS),
        )

    @property
    def is_something(self) -> bool:
        """Return whether anything is done at all."""
        return self != FollowUp()
