"""The check of the CTL against the certificates that ITLs and nodes have."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.preflight.cluster import Preflight
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Check,
    not_told,
    problem,
    well,
)
from tokenless.phone_emulator.rehearsal.preflight.findings import PreflightCode as Code
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
    named,
)

_UNITS: Final = ("CallManager", "CAPF", "ITLRecovery")
_BEFORE_RECOVERY: Final = ("CallManager", "CAPF")
"""Before 10.5(2) a CTL lists no ITLRecovery (REFERENCE 1.9)."""
_NO_RECOVERY: Final = (
    "the CTL does not list ITLRecovery, which is well before 10.5(2) only, and the "
    "release is a guess"
)
_CTL: Final = "ctl"
_IN_USE: Final = "in-use"
_UNDATED: Final = datetime.min.replace(tzinfo=UTC)
_TELL: Final = "import the ITLs of these nodes, --cert or --certmgr, too"


def check_ctl(subject: Preflight) -> Iterator[Check]:
    """Compare the CTL's servers with the newest certificates that are known."""
    units = _UNITS if subject.release.recovery_in_ctl else _BEFORE_RECOVERY
    those = [each for each in subject.known if each.unit in units]
    listed = [each for each in those if each.source == _CTL]
    newest = _newest(each for each in those if each.source != _CTL)
    is_mixed = subject.task.layout.is_mixed
    if not listed:
        if is_mixed:
            how = "import the CTL, too"
            yield not_told(Code.CTL_OUTDATED, "no CTL was imported", how)
        return
    old = [e for e in listed if _is_other(newest.get(_place(e)), e)]
    lacks = _without(newest.values(), listed) if is_mixed else []
    if old:
        words = f"the CTL lists the previous certificate of {named(old)}"
        yield problem(Code.CTL_OUTDATED, words, is_error=True)
    if lacks:
        words = f"the CTL lacks the certificate of {named(lacks)}"
        yield problem(Code.CTL_OUTDATED, words, is_error=True)
    if alone := _without(listed, newest.values()):
        words = f"not compared, as only the CTL has a certificate of it: {named(alone)}"
        yield not_told(Code.CTL_OUTDATED, words, _TELL)
    if is_doubtful := is_mixed and _lacks_recovery_by_a_guess(subject):
        yield not_told(Code.CTL_OUTDATED, _NO_RECOVERY, "give the import --version")
    if not (old or lacks or alone or is_doubtful):
        words = "the CTL has the newest certificates that were imported"
        yield well(Code.CTL_OUTDATED, words)


def _lacks_recovery_by_a_guess(subject: Preflight) -> bool:
    is_known = bool(subject.of_unit("ITLRecovery"))
    is_early = not subject.release.recovery_in_ctl
    return is_known and is_early and bool(subject.guesses(Topic.RELEASE))


def _place(each: KnownCertificate) -> tuple[str, str]:
    return each.unit, each.node


def _newest(
    those: Iterable[KnownCertificate],
) -> dict[tuple[str, str], KnownCertificate]:
    """Return the newest certificate of each place: nodes' ITLs may hold several."""
    found: dict[tuple[str, str], KnownCertificate] = {}
    for each in those:
        known = found.setdefault(_place(each), each)
        if _age(each) >= _age(known):
            found[_place(each)] = each
    return found


def _age(each: KnownCertificate) -> tuple[bool, datetime]:
    return each.source == _IN_USE, each.begins or _UNDATED


def _is_other(now: KnownCertificate | None, listed: KnownCertificate) -> bool:
    """Return whether the CTL has an earlier certificate than the cluster.

    ITLs may be older than the CTL, where Cisco Tftp was not restarted.
    """
    if now is None or now.serial == listed.serial:
        return False
    is_itls = now.source != _IN_USE and None not in (now.begins, listed.begins)
    return not (is_itls and _age(listed) > _age(now))


def _without(
    those: Iterable[KnownCertificate], others: Iterable[KnownCertificate]
) -> list[KnownCertificate]:
    """Return certificates that others have neither at their place nor elsewhere.

    A certificate that serves several nodes stands in the CTL for one of them.
    """
    others = list(others)
    places = {_place(each) for each in others}
    known = {(each.unit, each.serial) for each in others}
    return [
        each
        for each in those
        if _place(each) not in places and (each.unit, each.serial) not in known
    ]
