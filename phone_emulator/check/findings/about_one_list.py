"""Findings about a single list, which `protocol.trust.lint` makes; of the catalogue."""

from collections.abc import Mapping
from typing import Final

from tokenless.phone_emulator.check.findings.codes import CatalogueEntry, Code
from tokenless.protocol.trust.lint import Severity

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

ABOUT_ONE_LIST: Final[Mapping[Code, CatalogueEntry]] = {
    Code.SIGNATURE_INVALID: CatalogueEntry(
        _E,
        "a list was changed after it was signed",
        advice="run `utils ctl update CTLFile`, or restart Cisco Tftp for an ITL, and "
        "find out how the file was changed",
    ),
    Code.TOO_LONG: CatalogueEntry(
        _E,
        "phones fail to load a list of more than 64 KB",
        advice="delete certificates that are not needed, and restart Cisco Tftp",
    ),
    Code.NO_SAST: CatalogueEntry(
        _E, "a list has no SAST record: phones that hold it accept no update"
    ),
    Code.SIGNER_NOT_SAST: CatalogueEntry(
        _E, "the signer is in the list, but not as SAST"
    ),
    Code.EXPIRED: CatalogueEntry(
        _W,
        "a certificate in a list has expired",
        advice="regenerate only this certificate, and wait until all phones have the "
        "new lists",
    ),
    Code.NOT_YET_VALID: CatalogueEntry(_W, "a certificate in a list is not valid yet"),
    Code.WEAK_RECOVERY_KEY: CatalogueEntry(
        _W,
        "the ITLRecovery certificate has a shorter key than the other certificates",
        advice="regenerate ITLRecovery in the proper order (`tokenless rehearse "
        "plan`), while phones have all other anchors",
    ),
    Code.TOO_MANY_CERTIFICATES: CatalogueEntry(
        _W,
        "a list is almost longer than 64 KB",
        advice="delete certificates that are not needed",
    ),
    Code.TOO_MANY_SASTS: CatalogueEntry(
        _N, "a list has more SAST records than the guide for Unified CME allows"
    ),
    Code.NO_TVS: CatalogueEntry(
        _W,
        "an ITL has no TVS record",
        advice="restart Cisco Tftp, unless you are preparing a rollback to pre 8.0",
    ),
    Code.SIGNED_IN_FUTURE: CatalogueEntry(
        _W,
        "a list was signed at a time in the future",
        advice="set the clock of the node (NTP)",
    ),
    Code.DUPLICATE_RECORD: CatalogueEntry(
        _W,
        "a record is in a list twice",
        advice="make the list again; the duplicate only uses memory on phones",
    ),
    Code.UNKNOWN_ALGORITHM: CatalogueEntry(
        _W, "a list is signed with an algorithm that was never seen on a real cluster"
    ),
    Code.MODULUS_MISMATCH: CatalogueEntry(
        _W, "the length of the signature in a list's header is wrong"
    ),
    # Booting phones decides about the next two; as such they are only worth knowing.
    Code.SINGLE_SAST: CatalogueEntry(_N, "a list has only one SAST key"),
    Code.SIGNER_UNLISTED: CatalogueEntry(_N, "a list has no record of its signer"),
    Code.NO_TFTP: CatalogueEntry(
        _N, "a list has no TFTP record: phones accept unsigned configurations"
    ),
    Code.LISTED_BY_HASH: CatalogueEntry(
        _N, "a list has a certificate's hash instead of the certificate, as in 8.x"
    ),
    Code.EXPIRES_SOON: CatalogueEntry(
        _N,
        "a certificate in a list expires within 90 days",
        advice="plan its regeneration: `tokenless rehearse plan`",
    ),
}
