"""The check of the CTL against the certificates that ITLs and nodes have."""

from collections.abc import Iterable, Iterator
from typing import Final

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
)

_UNITS: Final = ("CallManager", "CAPF", "ITLRecovery")
_CTL: Final = "ctl"
_TELL: Final = "import the ITLs of these nodes, --cert or --certmgr, too"


def check_ctl(subject: Preflight) -> Iterator[Check]:
    """Compare the CTL's servers with the newest certificates that are known."""
    those = [each for each in subject.known if each.unit in _UNITS]
    listed = [each for each in those if each.source == _CTL]
    newest = {_place(each): each for each in those if each.source != _CTL}
    is_mixed = subject.task.layout.is_mixed
    if not listed:
        if is_mixed:
            how = "import the CTL, too"
            yield not_told(Code.CTL_OUTDATED, "no CTL was imported", how)
        return
    old = [e for e in listed if _is_other(newest.get(_place(e)), e)]
    lacks = _without(newest.values(), listed) if is_mixed else []
    if old:
        words = f"the CTL lists the previous certificate of {_named(old)}"
        yield problem(Code.CTL_OUTDATED, words, is_error=True)
    if lacks:
        words = f"the CTL lacks the certificate of {_named(lacks)}"
        yield problem(Code.CTL_OUTDATED, words, is_error=True)
    if alone := _without(listed, newest.values()):
        words = (
            f"not compared, as only the CTL has a certificate of it: {_named(alone)}"
        )
        yield not_told(Code.CTL_OUTDATED, words, _TELL)
    elif not (old or lacks):
        words = "the CTL has the newest certificates that were imported"
        yield well(Code.CTL_OUTDATED, words)


def _place(each: KnownCertificate) -> tuple[str, str]:
    return each.unit, each.node


def _is_other(now: KnownCertificate | None, listed: KnownCertificate) -> bool:
    return now is not None and now.serial != listed.serial


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


def _named(those: Iterable[KnownCertificate]) -> str:
    names = {f"{e.unit} of {e.node}" if e.node else e.unit for e in those}
    return ", ".join(sorted(names))
