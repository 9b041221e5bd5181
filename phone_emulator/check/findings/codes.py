"""The codes of findings, and what the catalogue says of each."""

from dataclasses import dataclass
from enum import StrEnum, unique

from tokenless.protocol.trust.lint import Severity


@unique
class Code(StrEnum):
    """The code of a finding; stable, for programs."""

    PHONE_LOCKED_OUT = "phone-locked-out"
    NEW_PHONE_LOCKED_OUT = "new-phone-locked-out"
    OLDER_LIST_ACCEPTED = "older-list-accepted"
    TFTP_UNREACHABLE = "tftp-unreachable"
    TFTP_ADDRESS = "tftp-address"
    DOWNLOAD_FAILED = "download-failed"
    MALFORMED = "malformed"
    WRONG_FILENAME = "wrong-filename"
    LIST_EMPTY = "list-empty"
    DIGEST = "digest"
    SMALL_KEYS = "small-keys"
    CTL_STALE = "ctl-stale"
    CTL_MISSING = "ctl-missing"
    CTL_OUTDATED = "ctl-outdated"
    CTL_SIGNER_UNKNOWN = "ctl-signer-unknown"
    ITL_MISSING = "itl-missing"
    ITL_STALE = "itl-stale"
    ITL_MODES_DIFFER = "itl-modes-differ"
    CONFIGURATION_UNSIGNED = "configuration-unsigned"
    CONFIGURATION_MALFORMED = "configuration-malformed"
    CONFIGURATION_DIFFERS = "configuration-differs"
    CONFIGURATION_MISSING = "configuration-missing"
    HTTP_DIFFERS = "http-differs"
    HTTP_MISSING = "http-missing"
    HTTP_UNREACHABLE = "http-unreachable"
    TVS_NONE = "tvs-none"
    TVS_SINGLE = "tvs-single"
    TVS_GUESSED = "tvs-guessed"
    TVS_UNREACHABLE = "tvs-unreachable"
    TVS_UNPINNED = "tvs-unpinned"
    TVS_DOES_NOT_KNOW = "tvs-does-not-know"
    TVS_DISAGREES = "tvs-disagrees"
    TLS_TOO_NEW = "tls-too-new"
    TLS_TOO_OLD = "tls-too-old"
    TLS_OLD = "tls-old"
    CAPF_UNREACHABLE = "capf-unreachable"
    CAPF_NOT_ASKED = "capf-not-asked"
    CAPF_UNLISTED = "capf-unlisted"
    CERT_HASH_DIFFERS = "cert-hash-differs"
    CALLMANAGER_UNLISTED = "callmanager-unlisted"
    CALLMANAGER_UNREACHABLE = "callmanager-unreachable"
    CALLMANAGER_TLS = "callmanager-tls"
    CALLMANAGER_NOT_ASKED = "callmanager-not-asked"
    CALLMANAGER_GUESSED = "callmanager-guessed"
    # What protocol/trust/lint finds in a single list.
    SIGNATURE_INVALID = "signature-invalid"
    UNKNOWN_ALGORITHM = "unknown-algorithm"
    MODULUS_MISMATCH = "modulus-mismatch"
    SIGNER_UNLISTED = "signer-unlisted"
    SIGNER_NOT_SAST = "signer-not-sast"
    TOO_LONG = "too-long"
    TOO_MANY_CERTIFICATES = "too-many-certificates"
    NO_SAST = "no-sast"
    SINGLE_SAST = "single-sast"
    TOO_MANY_SASTS = "too-many-sasts"
    NO_TFTP = "no-tftp"
    NO_TVS = "no-tvs"
    LISTED_BY_HASH = "listed-by-hash"
    SIGNED_IN_FUTURE = "signed-in-future"
    DUPLICATE_RECORD = "duplicate-record"
    WEAK_RECOVERY_KEY = "weak-recovery-key"
    EXPIRED = "expired"
    EXPIRES_SOON = "expires-soon"
    NOT_YET_VALID = "not-yet-valid"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """The texts and severity of all findings with one code."""

    severity: Severity
    meaning: str
    """The meaning, for the page."""
    consequence: str = ""
    """The effect on phones."""
    advice: str = ""
    """The remedy."""
    milder: Severity | None = None
    """In the case that `milder_when` names."""
    milder_when: str = ""
