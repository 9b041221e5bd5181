"""Releases of CUCM, compared as numbers, and what depends on them."""

import re
from typing import Final, NamedTuple, Self

_TEXT: Final = re.compile(
    r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:SU(\d{1,2}))?"
)
_BUILD: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,2})\.([12]\d)\d{3}-\d{1,4}")
"""Output of `show version active`. 14.0.1.13900 is 14SU3 (REFERENCE-2, TAC-REUSE), so
12.5.1.17900-64 is taken for 12.5(1)SU7 (inferred)."""
_FIRST_BUILD: Final = 10
KNOWN_RELEASES: Final = (
    (10, 0),
    (10, 5),
    (11, 0),
    (11, 5),
    (12, 0),
    (12, 5),
    (14, 0),
    (15, 0),
)
"""Nothing is told of others: what they do would be a guess without a word."""
_NEWEST_TOLD: Final = {
    (12, 5, 1): 6,
    (14, 0, 0): 3,
    (15, 0, 0): 4,
}
"""The newest service update of which the sources tell something, by release
(REFERENCE-2)."""
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
            ValueError: When it is none, older than the tokenless CTL (10.0), or one
                of which nothing is known.
        """
        text = text.strip()
        if (match := _TEXT.fullmatch(text)) is not None:
            numbers = [int(part or 0) for part in match.groups()]
        elif (match := _BUILD.fullmatch(text)) is not None:
            numbers = [int(part) for part in match.groups()]
            numbers[3] -= _FIRST_BUILD
        else:
            raise ValueError(f"{text!r} is not a release")
        if numbers[0] >= 14 and numbers[1:3] == [0, _MAINTENANCE_OF_14]:  # noqa: PLR2004
            numbers[2] = 0
        release = cls(*numbers)
        if release < (10,):
            raise ValueError(f"{text} has no tokenless CTL")
        if release[:2] not in KNOWN_RELEASES:
            known = ", ".join(_called(*each) for each in KNOWN_RELEASES)
            raise ValueError(f"nothing is known of release {text} (known: {known})")
        return release

    @property
    def written(self) -> str:
        """Return it as the vendor writes it: `10.5(2)`, `14SU3`."""
        maintenance = f"({self.maintenance})" if self.maintenance else ""
        update = f"SU{self.service_update}" if self.service_update else ""
        return f"{_called(self.major, self.minor)}{maintenance}{update}"

    @property
    def is_after_sources(self) -> bool:
        """Return whether it is later than every service update that sources tell of."""
        newest = _NEWEST_TOLD.get(self[:3])
        return newest is not None and self.service_update > newest

    @property
    def recovery_signs(self) -> bool:
        """Say whether ITLRecovery signs trust lists (REFERENCE 2.3: 12.0 and later)."""
        return self >= (12,)

    @property
    def shares_recovery(self) -> bool:
        """Tell whether one ITLRecovery serves all nodes (REFERENCE-2 2.1: from 12.5).

        The emulated cluster has one in every release; real ones before have one a node.
        """
        return self >= (12, 5)

    @property
    def recovery_in_ctl(self) -> bool:
        """Tell whether the CTL lists ITLRecovery (REFERENCE 1.9: 10.5(2) and later)."""
        return self >= (10, 5, 2)

    @property
    def has_tokens(self) -> bool:
        """Return whether hardware tokens may sign (REFERENCE 1.9: not from 14SU3)."""
        return self < (14, 0, 0, 3)

    @property
    def supports_ctl_client(self) -> bool:
        """Tell whether the vendor supports the CTL Client (REFERENCE-2 3.1: not 14).

        With its tokens, it goes with 14SU3 (`has_tokens`).
        """
        return self < (14,)

    @property
    def has_ec_callmanager(self) -> bool:
        """Tell whether nodes have CallManager-ECDSA (REFERENCE-2 1: 11.0 and later)."""
        return self >= (11,)

    @property
    def has_ec_tomcat(self) -> bool:
        """Return whether nodes have tomcat-ECDSA (REFERENCE-2 1: 11.5 and later)."""
        return self >= (11, 5)

    @property
    def has_phone_interaction(self) -> bool:
        """Tell whether "Phone Interaction on Certificate Update" exists.

        The release notes of 14 bring it; guides of 12.5(1)SU1 and SU3 have it, too.
        """
        return self >= (12, 5)

    @property
    def resets_phones(self) -> bool:
        """Tell whether a changed certificate resets phones, unless switched off.

        REFERENCE-2 3.4: from 14. What a new 12.5 does is not told (inferred: nothing).
        """
        return self >= (14,)

    @property
    def restarts_tvs(self) -> bool:
        """Return whether TVS and CAPF restart by themselves (REFERENCE-2 3.3).

        The guide of 12.5(1)SU3 says it; taken for all of 12.5 (inferred).
        """
        return self >= (12, 5)

    @property
    def restarts_callmanager(self) -> bool:
        """Tell whether CallManager restarts automatically (REFERENCE-2 3.3: 14SU1).

        The release notes of 14 say it of 14, too; its guide has it restarted by hand.
        """
        return self >= (14, 0, 0, 1)

    @property
    def rebuilds_tftp(self) -> bool:
        """Tell whether TFTP serves a changed certificate's lists without a command.

        REFERENCE-2 3.3: 15; of 14 inferred.
        """
        return self >= (14,)

    @property
    def speaks_tls_1_3(self) -> bool:
        """Tell whether servers for phones offer TLS 1.3 (REFERENCE-2 7: 15SU2)."""
        return self >= (15, 0, 0, 2)

    @property
    def shares_self_signed(self) -> bool:
        """Tell whether self-signed certificates may be shared (REFERENCE-2 2.1)."""
        return self >= (14,)

    @property
    def shares_tvs(self) -> bool:
        """Tell whether TVS may have one certificate per cluster (REFERENCE-2 2.1)."""
        return self >= (14,)

    @property
    def has_capf_everywhere(self) -> bool:
        """Tell whether every node has a CAPF certificate (REFERENCE-2 2.1: not 14)."""
        return self < (14,)

    @property
    def reuses_tomcat(self) -> bool:
        """Tell whether tomcat's certificate may serve CallManager (REFERENCE-2 2.3)."""
        return self >= (14,)

    @property
    def notes_itl(self) -> bool:
        """Tell whether phones' reports of their ITL are stored (REFERENCE-2 4)."""
        return self >= (14,)

    @property
    def leaves_out_key_encipherment(self) -> bool:
        """Tell whether CSRs of CallManager and tomcat omit it (REFERENCE-2 2.1: 14)."""
        return self >= (14,)

    @property
    def names_trust_by_serial(self) -> bool:
        """Tell whether files of trust have a serial number (REFERENCE-2 2.1: 14SU1)."""
        return self >= (14, 0, 0, 1)

    @property
    def asks_for_ou(self) -> bool:
        """Tell whether `set csr gen` asks for the OU (REFERENCE-2 2.1: from 14SU1)."""
        return self >= (14, 0, 0, 1)

    @property
    def imports_shared_in_gui_only(self) -> bool:
        """Tell whether the CLI refuses multi-server certificates (REFERENCE-2 2.1)."""
        return self >= (14, 0, 0, 2)

    @property
    def has_new_certificate_text(self) -> bool:
        """Return whether `show cert` has the labels of 14SU2 (REFERENCE-2 4)."""
        return self >= (14, 0, 0, 2)

    @property
    def shows_key_type(self) -> bool:
        """Tell whether the certificate list has a column Key Type.

        From 11 on (REFERENCE-5 5.1, inferred), as ECDSA certificates.
        """
        return self >= (11,)

    @property
    def shows_certificate_usage(self) -> bool:
        """Tell whether the certificate list has a column Usage (REFERENCE-2 4: 14)."""
        return self >= (14,)

    @property
    def drops_expired_trust(self) -> bool:
        """Tell whether upgrades drop expired trust certificates (REFERENCE-2 2.4)."""
        return self >= (14, 0, 0, 2) or (12, 5, 1, 6) <= self < (14,)

    @property
    def refuses_expired(self) -> bool:
        """Return whether expired certificates cannot be uploaded (REFERENCE-5 5.1).

        From which release on is not told; guides of 12.5 and later say it (inferred).
        """
        return self >= (12, 5)

    @property
    def lists_phone_sast_trust(self) -> bool:
        """Tell whether the CTL has Phone-SAST-trust (REFERENCE-2 3.5: from 12.5)."""
        return self >= (12, 5)

    @property
    def claims_authority(self) -> bool:
        """Tell whether self-signed certificates say CA:TRUE (REFERENCE-2 3.2).

        They do before 15SU3, and CAPF's from then on, too; those of 2011 to 2015 say
        nothing (REFERENCE 1.11). Taken for 12.0 and later (inferred).
        """
        return self >= (12,)

    @property
    def denies_authority(self) -> bool:
        """Tell whether those but CAPF's say CA:FALSE (REFERENCE-2 3.2: 15SU3)."""
        return self >= (15, 0, 0, 3)

    @property
    def recovery_days(self) -> int | None:
        """Return the lifetime of ITLRecovery; None: as the others (REFERENCE-2 3.2).

        12.0 to 12.5(1)SU6 make it for 20 years, and so do the release notes of 14; the
        guide of its service updates says 5, which is taken from 14SU1 on (inferred).
        """
        return 20 * 365 if (12,) <= self < (14, 0, 0, 1) else None

    @property
    def chooses_digest(self) -> bool:
        """Tell whether the TFTP File Signature Algorithm can be set (REFERENCE 1.6)."""
        return self >= (12,)

    @property
    def has_advanced_encryption(self) -> bool:
        """Tell whether "Endpoint Advanced Encryption Algorithms Support" exists.

        The guide of 12.5(1)SU1 has it (REFERENCE-2 1), lists of 11.5 have no element
        28; taken from 12.0 on (inferred).
        """
        return self >= (12,)

    @property
    def signs_lscs_with_sha256(self) -> bool:
        """Tell whether CAPF issues with SHA-256 (REFERENCE-2 6: from 11.5(1)SU1)."""
        return self >= (11, 5, 1, 1)


def _called(major: int, minor: int) -> str:
    """Return the name of a release as the vendor writes it: `12.5`, but `14`."""
    return f"{major}.{minor}" if minor or major < 14 else str(major)  # noqa: PLR2004
