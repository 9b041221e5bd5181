"""Releases of CUCM, compared as numbers, and what depends on them."""

import re
from typing import Final, NamedTuple, Self

_TEXT: Final = re.compile(
    r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:SU(\d{1,2}))?"
)
_BUILD: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})\.([12]\d)\d{3}-\d{1,4}")
"""What `show version active` prints. 14.0.1.13900 is 14SU3 (REFERENCE-2, TAC-REUSE), so
12.5.1.17900-64 is taken for 12.5(1)SU7 (inferred)."""
_FIRST_BUILD: Final = 10
_MAINTENANCE_OF_14: Final = 1
"""Release 14 calls itself 14.0.1 in builds, and no `(1)` elsewhere."""


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
        text = text.strip()
        if (found := _TEXT.fullmatch(text)) is not None:
            numbers = [int(part or 0) for part in found.groups()]
        elif (found := _BUILD.fullmatch(text)) is not None:
            numbers = [int(part) for part in found.groups()]
            numbers[3] -= _FIRST_BUILD
        else:
            raise ValueError(f"{text!r} is not a release")
        if numbers[0] >= 14 and numbers[1:3] == [0, _MAINTENANCE_OF_14]:  # noqa: PLR2004
            numbers[2] = 0
        release = cls(*numbers)
        if release < (10,):
            raise ValueError(f"{text} has no tokenless CTL")
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
