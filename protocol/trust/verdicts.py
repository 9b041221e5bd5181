"""Types of a trust decision: its input, its state, its result.

`SOURCES` is the table of REFERENCE 4.2: for each state of a phone and each kind of file
the places that a verifying key may come from, in order, with the number of the rule.
The decision itself is in `trust_anchors`.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.codes import Role
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.trust.reasons import Reason

TFTP_ROLES: Final = frozenset({Role.TFTP, Role.CCM_TFTP})
"""Roles that may sign configurations (REFERENCE 10.10)."""
LIST_ROLES: Final = frozenset({Role.SAST})
"""Roles that may sign trust lists (REFERENCE 10.10)."""


@unique
class FileKind(StrEnum):
    """Kinds of files; for lists the FILENAME that their header must have."""

    CTL = "CTLFile.tlv"
    ITL = "ITLFile.tlv"
    CONFIGURATION = "configuration"

    @property
    def signer_roles(self) -> frozenset[Role]:
        """The roles of which the signer needs one."""
        return TFTP_ROLES if self is FileKind.CONFIGURATION else LIST_ROLES

    @property
    def tvs_rule(self) -> int:
        """The rule of REFERENCE 4.2 under which TVS may vouch for the signer."""
        return 9 if self is FileKind.CONFIGURATION else 4

    @property
    def refusal_rule(self) -> int:
        """The rule under which the installed file stays."""
        return 9 if self is FileKind.CONFIGURATION else 7


@unique
class TrustState(StrEnum):
    """The installed lists of a phone, as input of trust decisions."""

    EMPTY = "empty"
    """Neither list: it takes the first ones it is given (rule 2)."""
    FIRST_BOOT = "first-boot"
    """Empty at power-up, it has just taken its first CTL and no ITL yet. The first ITL
    is taken too: that of another node than the publisher has a signer that is not a
    SAST of a tokenless CTL (rule 2 for the boot as a whole; inferred)."""
    CTL_ONLY = "ctl-only"
    ITL_ONLY = "itl-only"
    BLANK_ITL = "blank-itl"
    """No CTL, and an ITL without TVS and TFTP records: any new ITL (REFERENCE 7.12)."""
    CTL_AND_ITL = "ctl-and-itl"


@unique
class VerifiedBy(StrEnum):
    """Origin of the key that verified a file, as reports name it."""

    FIRST_USE = "first-use"
    INSTALLED_CTL = "installed-ctl"
    INSTALLED_ITL = "installed-itl"
    TVS = "tvs"


@dataclass(frozen=True, slots=True)
class Accept:
    """The file may be installed."""

    verified_by: VerifiedBy
    rule: int
    finding: str | None = None
    """Something that a phone does not mind and a person should know."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The file must not be installed."""

    code: Reason
    reason: str
    """The same for a person, with the names, numbers and dates of this case."""
    rule: int


@dataclass(frozen=True, slots=True)
class AskTvs:
    """The signer is unknown, but TVS can be asked about it."""

    signer: SignerId
    rule: int


Verdict = Accept | Refuse | AskTvs

# Who may vouch for what, in the order in which they are tried: a place where a key
# comes from, and the rule that says so.
_CTL, _ITL = VerifiedBy.INSTALLED_CTL, VerifiedBy.INSTALLED_ITL
_FIRST_USE: Final = VerifiedBy.FIRST_USE
_Sources = tuple[tuple[VerifiedBy, int], ...]

SOURCES: Final[dict[TrustState, dict[FileKind, _Sources]]] = {
    TrustState.EMPTY: {
        FileKind.CTL: ((_FIRST_USE, 2),),
        FileKind.ITL: ((_FIRST_USE, 2),),
        FileKind.CONFIGURATION: (),
    },
    TrustState.FIRST_BOOT: {
        FileKind.CTL: ((_CTL, 3),),
        FileKind.ITL: ((_CTL, 5), (_FIRST_USE, 2)),
        FileKind.CONFIGURATION: ((_CTL, 9),),
    },
    TrustState.CTL_ONLY: {
        FileKind.CTL: ((_CTL, 3),),
        FileKind.ITL: ((_CTL, 5),),
        FileKind.CONFIGURATION: ((_CTL, 9),),
    },
    TrustState.ITL_ONLY: {
        FileKind.CTL: ((_ITL, 3),),
        FileKind.ITL: ((_ITL, 6),),
        FileKind.CONFIGURATION: ((_ITL, 9),),
    },
    TrustState.BLANK_ITL: {
        FileKind.CTL: ((_ITL, 3),),
        FileKind.ITL: ((_ITL, 6), (_FIRST_USE, 11)),
        FileKind.CONFIGURATION: (),
    },
    TrustState.CTL_AND_ITL: {
        FileKind.CTL: ((_CTL, 3), (_ITL, 3)),
        FileKind.ITL: ((_CTL, 5), (_ITL, 6)),
        FileKind.CONFIGURATION: ((_CTL, 9), (_ITL, 9)),
    },
}
