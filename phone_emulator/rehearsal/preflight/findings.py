"""The checks of a preflight: their codes, consequences and remedies."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final


@unique
class PreflightCode(StrEnum):
    """The code of a check; stable, for programs."""

    GOAL = "goal-in-one-go"
    NO_SAFE_ORDER = "no-safe-order"
    AT_RISK = "at-risk-for-some-steps"
    ROLLBACK = "rollback-parameter"
    TVS_SINGLE = "tvs-single"
    RECOVERY_VALIDITY = "recovery-validity"
    RECOVERY_KEY = "recovery-key"
    CTL_OUTDATED = "ctl-outdated"
    ITL_OUTDATED = "itl-outdated"
    EXPIRED = "expired"
    EXPIRED_OTHER = "expired-beside"
    EXPIRED_TRUST = "expired-trust-is-dropped"
    COLLISION = "same-subject"
    KEY_SIZE = "key-size"
    ITL_SIZE = "itl-size"
    TLS = "tls-minimum"
    SUITES = "cipher-suites"
    ECDSA = "ecdsa-only"
    DIGEST = "file-signature"
    PHONES_OFF = "phones-off"
    MODELS = "models-unknown"
    TARGET = "upgrade-release"
    OTHER_RELEASE = "goal-after-upgrade"


@unique
class Outcome(StrEnum):
    """The outcome of a check."""

    ERROR = "error"
    """Phones are locked out, or will be by the change."""
    WARNING = "warning"
    NOT_TOLD = "not-told"
    """Nothing that was given tells it."""
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Check:
    """One check with its outcome."""

    outcome: Outcome
    code: PreflightCode
    message: str
    consequence: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `preflight --json` lists."""
        return {
            "outcome": self.outcome.value,
            "code": self.code.value,
            "message": self.message,
            "consequence": self.consequence or None,
            "remedy": self.remedy or None,
        }


_C = PreflightCode
_TEXTS: Final[Mapping[PreflightCode, tuple[str, str]]] = {
    _C.GOAL: (
        "phones are locked out when all steps are made at once",
        "follow `tokenless rehearse plan --for FILE --goal …`",
    ),
    _C.NO_SAFE_ORDER: (
        "some phones need their lists deleted by hand whatever the order is",
        "plan who visits them, or renew fewer units at a time",
    ),
    _C.AT_RISK: (
        (
            "phones that start in that time refuse their new files; afterwards they "
            "accept them again"
        ),
        "do not stop between these steps, and restart nothing else meanwhile",
    ),
    _C.ROLLBACK: (
        (
            "with it, ITLs have no TVS and no TFTP certificate: phones trust any file, "
            "and the change shows nothing"
        ),
        (
            "`run sql select paramname,paramvalue from processconfig where "
            "paramname='RollBackToPreGrayback'`: it must print F"
        ),
    ),
    _C.TVS_SINGLE: (
        (
            "while that node restarts, or its TVS certificate is renewed, nobody "
            "vouches for new signers"
        ),
        "add a second node to the CallManager group before the change",
    ),
    _C.RECOVERY_VALIDITY: (
        "an expired ITLRecovery cannot be relied on to recover phones",
        "plan its regeneration alone, as a separate change",
    ),
    _C.RECOVERY_KEY: (
        "recovery by a 1024-bit key fails beside 2048-bit ones",
        "regenerate ITLRecovery with 2048 bits, in a change of its own",
    ),
    _C.CTL_OUTDATED: (
        (
            "secure phones do not register with a CallManager whose certificate the "
            "CTL lacks, and phones without an ITL refuse their configuration"
        ),
        (
            "`utils ctl update CTLFile`, restart TFTP and reset the phones before the "
            "change"
        ),
    ),
    _C.ITL_OUTDATED: (
        (
            "phones of a node with the older ITL know neither the new signer nor the "
            "new TVS: the next change can lock them out"
        ),
        "restart Cisco Tftp on every node and reset the phones before the change",
    ),
    _C.EXPIRED: (
        "the vendor says that phones do not accept files of an expired CallManager",
        "renew it first, and let the phones take the new lists",
    ),
    _C.EXPIRED_OTHER: (
        "no text says that phones judge it by its dates; servers that do may refuse it",
        "renew it in a change of its own",
    ),
    _C.EXPIRED_TRUST: (
        "the upgrade leaves it behind: TVS no longer vouches for that signer",
        "move the phones of that cluster first, or import its renewed certificate",
    ),
    _C.COLLISION: (
        (
            "a trust store keeps one certificate of a name: the later one replaces the "
            "other, and TVS no longer vouches for that"
        ),
        "give one of the clusters another host name, or import one after the other",
    ),
    _C.KEY_SIZE: (
        "phones may not register with a CallManager key of that size",
        "order the certificate with a 2048-bit key",
    ),
    _C.ITL_SIZE: (
        "phones do not load an ITL of over 64 KB",
        "fewer nodes, 2048-bit keys, or one TVS certificate for all nodes (14)",
    ),
    _C.TLS: (
        "they cannot ask TVS and cannot register over TLS",
        "keep the minimum at 1.0 until they are replaced",
    ),
    _C.SUITES: (
        (
            "they offer RSA key exchange only, which 15SU3 refuses without a stronger "
            "suite beside it: TVS, CAPF and secure registration may fail"
        ),
        "enable a stronger suite before the upgrade, and test with one phone",
    ),
    _C.ECDSA: (
        "they share no suite with CallManager: they cannot register over TLS",
        "allow RSA suites beside ECDSA until they are replaced",
    ),
    _C.DIGEST: (
        (
            "they refuse every list and configuration that is signed with SHA-512 and "
            "keep their old ones"
        ),
        (
            "let TFTP File Signature Algorithm be SHA-1 until they are replaced; after "
            "each change of it `utils ctl update CTLFile`, restart TFTP and "
            "CallManager, reset phones"
        ),
    ),
    _C.PHONES_OFF: (
        "a phone that misses two changes holds no present signer and is locked out",
        "switch them on, and wait until all are registered, before each step",
    ),
    _C.TARGET: (
        (
            "what it changes for phones is not known here: the checks take it for the "
            "newest release before it that sources tell of"
        ),
        "choose a later release, or give the import the release of your cluster",
    ),
    _C.OTHER_RELEASE: (
        "an order that is safe before the upgrade may not be after it",
        "import with --version of the new release to plan it after the upgrade",
    ),
    _C.MODELS: (
        "nothing is known of how they judge trust lists",
        "import the cluster's phone feature list: `rehearse import --features`",
    ),
}


def problem(code: PreflightCode, message: str, *, is_error: bool = False) -> Check:
    """Return a check that found something."""
    outcome = Outcome.ERROR if is_error else Outcome.WARNING
    return Check(outcome, code, message, *_TEXTS[code])


def well(code: PreflightCode, message: str) -> Check:
    """Return a check that found nothing."""
    return Check(Outcome.OK, code, message)


def not_told(code: PreflightCode, message: str, how: str) -> Check:
    """Return a check that could not be made.

    Args:
        code: Which.
        message: What is not known.
        how: What would tell it.
    """
    return Check(Outcome.NOT_TOLD, code, message, _TEXTS[code][0], how)
