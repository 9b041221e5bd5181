"""Decide when a phone contacts CAPF on its own (REFERENCE-3 2.4, 2.5, 3.6).

A configuration says what is pending (capfAuthMode) and which certificate the server
takes the phone to have (certHash). String mode waits for a person in every case.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from tokenless.protocol.phones.configuration import CapfServer, PhoneConfig
from tokenless.protocol.phones.device_security import NOTHING_PENDING, CapfAuthMode


@unique
class CapfCause(StrEnum):
    """Reasons of a phone to contact CAPF, in the words of the vendor's client."""

    PENDING = "operation-pending"
    PUBKEY_MISMATCH = "CAPF_CLNT_PUBKEY_MISMATCH"
    """certHash is not that of the phone's certificate, or there is none."""
    DECRYPT_FAILED = "CAPF_CLNT_DECRYPT_FILE_FAILED"
    MANUAL = "MANUAL_SESSION"
    """A person typed the authentication string."""


@dataclass(frozen=True, slots=True)
class CapfPlan:
    """A phone's decision about CAPF."""

    cause: CapfCause
    mode: CapfAuthMode
    servers: tuple[CapfServer, ...]
    """In order: the next one when one cannot be reached."""
    waits_for_string: bool
    """True if nothing happens until a person types the string."""


def plan_capf(
    config: PhoneConfig,
    certificate_hash: str,
    *,
    decrypt_failed: bool = False,
    has_string: bool = False,
) -> CapfPlan | None:
    """Decide whether a phone goes to CAPF; None when it does not.

    Args:
        config: The configuration that was accepted, whole or small.
        certificate_hash: Of the phone's LSC, else of its MIC; empty without both.
        decrypt_failed: Whether its encrypted configuration could not be opened.
        has_string: Whether a person has typed the authentication string.
    """
    cause = _cause(config, certificate_hash, decrypt_failed=decrypt_failed)
    if has_string:
        cause = CapfCause.MANUAL
    if cause is None or not config.capf:
        return None
    mode = CapfAuthMode.NULL_STRING
    if config.capf_auth_mode in set(CapfAuthMode):
        mode = CapfAuthMode(config.capf_auth_mode)
    if has_string:
        mode = CapfAuthMode.STRING
    waits = mode is CapfAuthMode.STRING and not has_string
    return CapfPlan(cause, mode, config.capf, waits)


def _cause(
    config: PhoneConfig, certificate_hash: str, *, decrypt_failed: bool
) -> CapfCause | None:
    if decrypt_failed:
        return CapfCause.DECRYPT_FAILED
    if config.encrypted and not is_hash_of(config, certificate_hash):
        return CapfCause.PUBKEY_MISMATCH
    if config.capf_auth_mode != NOTHING_PENDING:
        return CapfCause.PENDING
    return None


def is_hash_of(config: PhoneConfig, certificate_hash: str) -> bool:
    """Tell whether certHash is that of a phone's certificate; both must be there.

    The server writes lower case, documents show both (REFERENCE-3 2.2).
    """
    named = config.certificate_hash.lower()
    return bool(named) and named == certificate_hash.lower()
