"""Releases of CUCM, compared as numbers, and what depends on them."""

import re
from typing import Final, NamedTuple, Self

_TEXT: Final = re.compile(
    r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:SU(\d{1,2}))?"
)


class Release(NamedTuple):
    """A release: `10.5(2)` is (10, 5, 2, 0), `14SU3` is (14, 0, 0, 3)."""

    major: int
    minor: int
    maintenance: int
    service_update: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a release.

        Raises:
            ValueError: When it is none, or older than the tokenless CTL (10.0).
        """
        if (found := _TEXT.fullmatch(text.strip())) is None:
            msg = f"{text!r} is no release"
            raise ValueError(msg)
        release = cls(*(int(part or 0) for part in found.groups()))
        if release < (10,):
            msg = f"{text} has no tokenless CTL"
            raise ValueError(msg)
        return release

    @property
    def recovery_signs(self) -> bool:
        """Whether ITLRecovery signs trust lists (REFERENCE 2.3: 12.0 and later)."""
        return self >= (12,)

    @property
    def recovery_in_ctl(self) -> bool:
        """Whether the CTL lists ITLRecovery (REFERENCE 1.9: 10.5(2) and later)."""
        return self >= (10, 5, 2)

    @property
    def has_tokens(self) -> bool:
        """Whether hardware tokens may sign (REFERENCE 1.9: not from 14SU3)."""
        return self < (14, 0, 0, 3)

    @property
    def chooses_digest(self) -> bool:
        """Whether the TFTP File Signature Algorithm can be set (REFERENCE 1.6)."""
        return self >= (12,)

    @property
    def signs_lscs_with_sha256(self) -> bool:
        """Whether CAPF issues with SHA-256 (REFERENCE-2 6: 11.5(1)SU1 and later)."""
        return self >= (11, 5, 1, 1)
