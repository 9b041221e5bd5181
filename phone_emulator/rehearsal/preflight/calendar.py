"""The end of each certificate, and the effect of each renewal on phones."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.rehearsal.preflight.cluster import Preflight
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.signing import SigningKey, itl_signer

PUBLIC_LIFETIMES: Final = (
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
)
"""From when on public CAs grant so many days (REFERENCE-2 2.5)."""
_BEFORE: Final = 398
_YEAR: Final = 365


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One certificate and its end."""

    certificate: KnownCertificate
    days_left: int
    effect: str
    """The effect of its renewal on phones."""
    public_days: int | None
    """The days that the next one lasts when a public CA signs; None: self-signed."""

    def to_json(self) -> dict[str, Any]:
        """Return the object that `preflight --json` lists."""
        known = self.certificate
        return {
            "unit": known.unit,
            "node": known.node or None,
            "ends": None if known.ends is None else known.ends.isoformat(),
            "days_left": self.days_left,
            "ca_signed": known.ca_signed,
            "next_public_days": self.public_days,
            "effect": self.effect,
        }


def renewals_a_year(days: int) -> int:
    """Return how often a certificate is renewed that lasts so many days."""
    return -(-_YEAR // days)


def public_days(at: datetime) -> int:
    """Return how many days a public CA grants at a time."""
    granted = [days for since, days in PUBLIC_LIFETIMES if at >= since]
    return granted[-1] if granted else _BEFORE


def calendar(subject: Preflight) -> list[CalendarEntry]:
    """Return the certificates in use by their end, each once."""
    return sorted(_entries(subject), key=lambda each: each.days_left)


def _entries(subject: Preflight) -> Iterator[CalendarEntry]:
    newest: dict[tuple[str, str], KnownCertificate] = {}
    for each in subject.known:
        # What is in use is newer than the ITLs, and these than the CTL.
        if each.ends is not None and each.unit != "trust":
            place = (each.unit, each.node)
            known = newest.get(place)
            if known is None or _RANK[each.source] >= _RANK[known.source]:
                newest[place] = each
    callmanagers = {each.serial for each in subject.of_unit("CallManager")}
    seen: set[tuple[str, str]] = set()
    for known in newest.values():
        if (known.unit, known.serial) in seen or known.ends is None:
            continue  # one certificate of several nodes
        seen.add((known.unit, known.serial))
        yield CalendarEntry(
            known,
            (known.ends - subject.at).days,
            _effect(known, callmanagers, subject.task.layout),
            public_days(known.ends) if known.ca_signed else None,
        )


def _effect(
    known: KnownCertificate, callmanagers: Collection[str], layout: ClusterLayout
) -> str:
    """Return what a renewal does; where CallManager reuses tomcat, the same as its."""
    if known.unit != _TOMCAT or known.serial not in callmanagers:
        return effect_of(known.unit, layout)
    return f"CallManager reuses it: {effect_of('CallManager', layout)}"


_TOMCAT: Final = "tomcat"
_RANK: Final = {"ctl": 0, "itl": 1, "in-use": 2}
_UNITS: Final = {
    "CallManager": (
        "a new signer of {files}: TFTP restarts, phones are reset; in mixed "
        "mode the CTL is updated first, or phones without an ITL refuse"
    ),
    "TVS": (
        "phones cannot ask this TVS until they have the new ITL: nothing else may be "
        "renewed before that"
    ),
    "CAPF": "the CTL is updated before LSCs are issued again; no anchor is lost",
    "ITLRecovery": (
        "the signer of lists changes: phones must know the new one by TVS before it "
        "signs"
    ),
}
_RESETS_ONLY: Final = (
    "no signer of lists changes, but that of `utils itl reset localkey`: phones must "
    "have the new ITL before it helps them"
)


def effect_of(unit: str, layout: ClusterLayout) -> str:
    """Return what the renewal of a unit does to the phones of a cluster."""
    recovery_signs = itl_signer(layout.release) is SigningKey.RECOVERY
    files = "configurations" if recovery_signs else "lists and configurations"
    words = _UNITS.get(unit, "no phone acts on it").format(files=files)
    if unit == TrustStore.ITLRECOVERY and not recovery_signs:
        words = _RESETS_ONLY
    if TrustStore(unit) in layout.shared:
        words = f"{words}; for all nodes at once, no other node has the old one"
    if unit in _UNITS and layout.release.resets_phones:
        words = f"{words}; phones are reset automatically"
    return words
