"""The check of the ITLs against each other, and against the certificates in use."""

from collections.abc import Iterator, Sequence
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

_UNITS: Final = ("CallManager", "TVS", "CAPF", "ITLRecovery")
_ITL: Final = "itl"
_IN_USE: Final = "in-use"
_TELL: Final = "import the ITL of every node that serves TFTP"


def check_itls(subject: Preflight) -> Iterator[Check]:
    """Find nodes whose Cisco Tftp was not restarted after a regeneration."""
    those = [each for each in subject.known if each.unit in _UNITS]
    listed = [each for each in those if each.source == _ITL]
    if not listed:
        yield not_told(Code.ITL_OUTDATED, "no ITL was imported", _TELL)
        return
    differing = [each for each in listed if _has_other(each, listed)]
    if differing:
        words = f"the ITLs of the nodes differ in the certificate of {named(differing)}"
        yield problem(Code.ITL_OUTDATED, words)
    serials = {(each.unit, each.serial) for each in listed}
    places = {(each.unit, each.node) for each in listed}
    lacking = [
        each
        for each in those
        if each.source == _IN_USE
        and (each.unit, each.node) in places
        and (each.unit, each.serial) not in serials
    ]
    if lacking:
        words = f"no ITL has the certificate that is in use of {named(lacking)}"
        yield problem(Code.ITL_OUTDATED, words)
    untold = [each for each in subject.guesses(Topic.LISTS) if "ITL" in each]
    if untold:
        yield not_told(Code.ITL_OUTDATED, "; ".join(untold), _TELL)
    elif not (differing or lacking):
        words = "the ITLs that were imported hold the same certificates"
        yield well(Code.ITL_OUTDATED, words)


def _has_other(one: KnownCertificate, others: Sequence[KnownCertificate]) -> bool:
    """Return whether another ITL has another certificate of that unit and node."""
    return any(
        (each.unit, each.node) == (one.unit, one.node) and each.serial != one.serial
        for each in others
    )
