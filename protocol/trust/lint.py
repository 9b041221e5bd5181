"""Check a trust list for present and future problems.

A list that decodes is well-formed; it may still be useless to phones, or a trap for the
next change. Each finding says what phones or administrators will meet.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.signature import MODULUS_CODES, RSA_PKCS1
from tokenless.protocol.codes import Role, role_name
from tokenless.protocol.errors import BadSignatureError
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.trust_list import MAX_LOADED_LENGTH, TrustList
from tokenless.protocol.trust.anchor_records import public_key_of
from tokenless.protocol.trust.verdicts import TFTP_ROLES

MAX_PHONE_CERTIFICATES: Final = 39
"""More make an ITL pass 64 KB, and phones fail to load it (REFERENCE 1.10, stated)."""
MAX_SAST_RECORDS: Final = 2
"""The vendor's guide for Unified CME: "A maximum of two SAST records may exist". CUCM
makes lists with more: with tokens, or with Phone-SAST-trust (REFERENCE 1.9)."""
_EXPIRY_NOTICE: Final = timedelta(days=90)
_CLOCK_SKEW: Final = timedelta(days=1)
_WEAK_BITS: Final = 1024


@unique
class Severity(StrEnum):
    """Severity of a finding."""

    ERROR = "error"
    """Phones refuse the list or cannot use it."""
    WARNING = "warning"
    """It works and will hurt."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing to know about a list."""

    severity: Severity
    code: str
    """Stable, for programs: `duplicate-record`."""
    message: str
    record: int | None = None
    """The number of the record that it is about, from 1."""


def lint(trust_list: TrustList, *, at: datetime) -> tuple[LintFinding, ...]:
    """Return all findings, those of the whole list first.

    Args:
        trust_list: The list.
        at: The moment that expiry is judged for, with its time zone.
    """
    return (
        *_signature(trust_list),
        *_signer(trust_list),
        *_size(trust_list),
        *_sasts(trust_list),
        *_members(trust_list),
        *_time(trust_list, at),
        *_duplicates(trust_list),
        *_recovery_key(trust_list),
        *_expiry(trust_list, at),
    )


def _signature(trust_list: TrustList) -> Iterator[LintFinding]:
    header = trust_list.header
    if signature_state(trust_list) is SignatureState.INVALID:
        yield LintFinding(
            Severity.ERROR,
            "signature-invalid",
            f"the signature at byte {header.signature_span[0]} was not made by "
            "the key of the list's signing record: the file was changed, or "
            "signed by another key with the same names",
        )
    if header.signature_algorithm != RSA_PKCS1:
        yield LintFinding(
            Severity.WARNING,
            "unknown-algorithm",
            f"SIGNATUREALGORTITHM is {header.signature_algorithm}; only "
            f"{RSA_PKCS1}, RSA with PKCS#1 v1.5, is known from real files",
        )
    bits = len(header.signature) * 8
    expected = MODULUS_CODES.get(bits)
    if expected is not None and header.modulus_code != expected:
        yield LintFinding(
            Severity.WARNING,
            "modulus-mismatch",
            f"SIGNATUREMODULUS is {header.modulus_code}, but for a signature of "
            f"{bits} bits it must be {expected}",
        )


def _signer(trust_list: TrustList) -> Iterator[LintFinding]:
    named = [
        (number, record)
        for number, record in enumerate(trust_list.records, start=1)
        if record.is_named(trust_list.signer)
    ]
    if not named:
        yield LintFinding(
            Severity.WARNING,
            "signer-unlisted",
            f"the signer {printable(trust_list.signer.subject)} is not in the list: "
            "phones need an older list or TVS to verify it",
        )
    elif not any(record.is_sast for _, record in named):
        number, record = named[0]
        yield LintFinding(
            Severity.ERROR,
            "signer-not-sast",
            f"the signer is in the list as {role_name(record.role)}, not as SAST",
            number,
        )


def _size(trust_list: TrustList) -> Iterator[LintFinding]:
    length = len(trust_list.data)
    if length > MAX_LOADED_LENGTH:
        yield LintFinding(
            Severity.ERROR,
            "too-long",
            f"the list has {length} bytes: phones load no more than "
            f"{MAX_LOADED_LENGTH}",
        )
    count = sum(r.certificate_der is not None for r in trust_list.records)
    if count > MAX_PHONE_CERTIFICATES:
        yield LintFinding(
            Severity.WARNING,
            "too-many-certificates",
            f"the list has {count} certificates: from about "
            f"{MAX_PHONE_CERTIFICATES} on, a list is longer than 64 KB",
        )


def _sasts(trust_list: TrustList) -> Iterator[LintFinding]:
    sasts = {r.public_key for r in trust_list.records if r.is_sast}
    if not sasts:
        yield LintFinding(
            Severity.ERROR,
            "no-sast",
            "the list has no SAST record: phones that hold it accept no update",
        )
    elif len(sasts) == 1:
        yield LintFinding(
            Severity.WARNING,
            "single-sast",
            "the list has only one SAST key: when it is lost or regenerated, "
            "phones need TVS to accept another list, or must have it deleted by "
            "hand",
        )
    count = sum(record.role == Role.SAST for record in trust_list.records)
    if count > MAX_SAST_RECORDS:
        yield LintFinding(
            Severity.NOTE,
            "too-many-sasts",
            f"{count} SAST records: the guide for Unified CME allows "
            f"{MAX_SAST_RECORDS}, while CUCM itself makes lists with more",
        )


def _members(trust_list: TrustList) -> Iterator[LintFinding]:
    roles = Counter(record.role for record in trust_list.records)
    if not any(roles[role] for role in TFTP_ROLES):
        yield LintFinding(
            Severity.NOTE,
            "no-tftp",
            "the list has no TFTP record: phones that hold it accept unsigned "
            "configurations",
        )
    if trust_list.filename == "ITLFile.tlv" and not roles[Role.TVS]:
        yield LintFinding(
            Severity.WARNING,
            "no-tvs",
            "the list has no TVS record: phones that hold it cannot ask TVS "
            "about a new signer",
        )
    for number, record in enumerate(trust_list.records, start=1):
        if record.certificate_hash is not None and record.certificate_der is None:
            yield LintFinding(
                Severity.NOTE,
                "listed-by-hash",
                "the record has a hash instead of the certificate, as in lists "
                "of 8.x: only phones that know such records can use it",
                number,
            )


def _time(trust_list: TrustList, at: datetime) -> Iterator[LintFinding]:
    stamp = trust_list.header.timestamp
    if stamp is not None and stamp > (at + _CLOCK_SKEW).timestamp():
        signed = datetime.fromtimestamp(stamp, at.tzinfo)
        yield LintFinding(
            Severity.WARNING,
            "signed-in-future",
            f"signed {signed:%Y-%m-%d %H:%M}, which has not come yet",
        )


def _duplicates(trust_list: TrustList) -> Iterator[LintFinding]:
    first_seen: dict[bytes, int] = {}
    for number, record in enumerate(trust_list.records, start=1):
        encoded = record.encode()
        first = first_seen.setdefault(encoded, number)
        if first != number:
            yield LintFinding(
                Severity.WARNING,
                "duplicate-record",
                f"this record is the same as record {first}",
                number,
            )


def _recovery_key(trust_list: TrustList) -> Iterator[LintFinding]:
    """Point at the recovery key that is the weakest: it outlives all others."""
    bits = {
        number: certificate.key_bits
        for number, record in enumerate(trust_list.records, start=1)
        if (certificate := record.certificate) is not None
    }
    strongest = max(bits.values(), default=0)
    for number, record in enumerate(trust_list.records, start=1):
        is_weak = bits.get(number, strongest) <= _WEAK_BITS < strongest
        if is_weak and _is_recovery(record):
            yield LintFinding(
                Severity.WARNING,
                "weak-recovery-key",
                f"the ITLRecovery key has {bits[number]} bits, other keys have "
                f"{strongest}: regenerate ITLRecovery",
                number,
            )


def _is_recovery(record: Record) -> bool:
    certificate = record.certificate
    name = None if certificate is None else certificate.subject.get("CN")
    return name is not None and name.upper().startswith("ITLRECOVERY")


def _expiry(trust_list: TrustList, at: datetime) -> Iterator[LintFinding]:
    for number, record in enumerate(trust_list.records, start=1):
        certificate = record.certificate
        if certificate is None:
            continue
        end = certificate.not_after
        if end < at:
            severity, code, words = Severity.WARNING, "expired", "expired"
        elif end < at + _EXPIRY_NOTICE:
            severity, code, words = Severity.NOTE, "expires-soon", "expires"
        elif certificate.not_before > at:
            severity, code, words = (
                Severity.WARNING,
                "not-yet-valid",
                "begins later, ends",
            )
        else:
            continue
        what = f"the certificate of {certificate.subject_text} {words} {end:%Y-%m-%d}"
        yield LintFinding(severity, code, what, number)


@unique
class SignatureState(StrEnum):
    """Result of verifying a list with its own record: consistency, not trust."""

    VALID = "valid"
    INVALID = "invalid"
    UNVERIFIABLE = "unverifiable"
    """No SAST record with the signer's names and a usable key."""


def signature_state(trust_list: TrustList) -> SignatureState:
    """Check a list with the key of its own signing record."""
    record = trust_list.signing_record()
    key = None if record is None else public_key_of(record)
    if key is None:
        return SignatureState.UNVERIFIABLE
    try:
        trust_list.verify(key)
    except BadSignatureError:
        return SignatureState.INVALID
    return SignatureState.VALID
