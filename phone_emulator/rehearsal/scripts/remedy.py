"""Remedies as values: what would recover phones, and what a script expects of that."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final


@unique
class RemedyKind(StrEnum):
    """Kinds of remedies; scripts expect these by their values."""

    START_TFTP = "start-tftp"
    RESET_PHONES = "reset-phones"
    UPDATE_CTL = "update-ctl"
    RESTART_TFTP = "restart-tftp"
    START_TVS = "start-tvs"
    LOWER_TLS = "lower-tls"
    LOWER_DIGEST = "lower-digest"
    UPLOAD_SIGNER = "upload-signer"
    SIGN_WITH_TOKEN = "sign-with-token"  # noqa: S105 - no password
    ITL_RESET_LOCALKEY = "itl-reset-localkey"
    CTL_RESET_LOCALKEY = "ctl-reset-localkey"
    ITL_RESET_REMOTEKEY = "itl-reset-remotekey"
    RESTORE_KEYS = "restore-keys"
    GIVE_BACK = "give-back"
    CAPF_INSTALL = "capf-install"
    CLEAR_CONFIGURATION = "clear-configuration"
    DELETE_BY_HAND = "delete-by-hand"


@dataclass(frozen=True, slots=True)
class Remedy:
    """Something that would recover phones."""

    kind: RemedyKind
    about: tuple[str, ...]
    """The nodes, tokens, signers or clusters that it concerns."""
    text: str
    """For a person."""


LAST_RESORTS: Final = frozenset({RemedyKind.RESTORE_KEYS, RemedyKind.DELETE_BY_HAND})
"""Without any other remedy nothing that the cluster can do reaches a phone."""


def is_by_hand(remedy: Remedy) -> bool:
    """Return whether a person must go to every phone."""
    return remedy.kind is RemedyKind.DELETE_BY_HAND


def kind_of(wanted: str) -> str:
    """Return the kind that an expectation names: `start-tvs NODE` is `start-tvs`."""
    return wanted.split(maxsplit=1)[0]


def is_named(wanted: str, remedies: Iterable[Remedy]) -> bool:
    """Tell whether a remedy is among those found: `start-tvs`, or `start-tvs NODE`."""
    kind, *about = wanted.split(maxsplit=1)
    return any(
        remedy.kind == kind and set(about) <= set(remedy.about) for remedy in remedies
    )
