"""The ITLs against each other and against what nodes use."""

from datetime import timedelta

import pytest

from tests.phone_emulator.rehearsal.preflight.subjects import (
    AT,
    PUB,
    SUB,
    WELL,
    known,
    script,
    subject,
)
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.preflight.ctl_check import check_ctl
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    PreflightCode,
    not_told,
    well,
)
from tokenless.phone_emulator.rehearsal.preflight.itl_check import check_itls
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Approximated

LATER = AT - timedelta(days=1)
NEW_TVS = known("TVS", SUB, source="itl", serial="02", begins=LATER)
NEW_CTL = known("ITLRecovery", serial="02", begins=LATER)
USED = known("TVS", SUB, source="in-use", serial="03", begins=LATER)
DIFFER = ("warning", f"the ITLs of the nodes differ in the certificate of TVS of {SUB}")
LACK = ("warning", f"no ITL has the certificate that is in use of TVS of {SUB}")
WITHOUT_ITLS = tuple(each for each in WELL if each.source != "itl")


@pytest.mark.parametrize(
    ("certificates", "expected"),
    [
        (WELL, [("ok", "the ITLs that were imported hold the same certificates")]),
        ((*WELL, NEW_TVS), [DIFFER]),
        ((*WELL, USED), [LACK]),
        ((*WELL, NEW_TVS, USED), [DIFFER, LACK]),
        (WITHOUT_ITLS, [("not-told", "no ITL was imported")]),
    ],
    ids=["well", "differ", "not restarted", "both", "none"],
)
def test_itls(
    certificates: tuple[KnownCertificate, ...], expected: list[tuple[str, str]]
) -> None:
    checks = check_itls(subject(script(certificates=certificates)))
    assert [(check.outcome.value, check.message) for check in checks] == expected


def test_an_itl_that_was_not_given_is_not_called_well() -> None:
    what = f"the ITLs of {SUB} are made new"
    guessed = (Approximated(what, "not given", Topic.LISTS.value),)
    (check,) = check_itls(subject(script(approximations=guessed)))
    assert (check.outcome.value, check.message) == ("not-told", what)


def test_what_is_said_is_of_the_itls_and_says_what_to_give() -> None:
    code, how = (
        PreflightCode.ITL_OUTDATED,
        "import the ITL of every node that serves TFTP",
    )
    (lost,) = check_itls(subject(script(certificates=WITHOUT_ITLS)))
    assert lost == not_told(code, "no ITL was imported", how)
    what = [f"the ITLs of {each} are made new" for each in (PUB, SUB)]
    guessed = tuple(Approximated(each, "not given", Topic.LISTS.value) for each in what)
    (untold,) = check_itls(subject(script(approximations=guessed)))
    assert untold == not_told(code, "; ".join(what), how)
    (good,) = check_itls(subject(script()))
    assert good == well(code, good.message)


@pytest.mark.parametrize(
    "other", [NEW_CTL, known("CAPF", "a-sub-without-an-itl", source="in-use")]
)
def test_only_what_nodes_of_the_itls_use_can_be_lacking(
    other: KnownCertificate,
) -> None:
    checks = check_itls(subject(script(certificates=(*WELL, other))))
    assert [check.outcome.value for check in checks] == ["ok"]


def test_a_ctl_that_is_newer_than_the_itls_is_not_called_old() -> None:
    """`utils ctl update CTLFile` was run, and Cisco Tftp not restarted."""
    those = (*(each for each in WELL if each.unit != "ITLRecovery"), NEW_CTL)
    old = known("ITLRecovery", source="itl", begins=AT - timedelta(days=300))
    new = known("ITLRecovery", PUB, source="itl", serial="02", begins=LATER)
    for itls in ((old,), (old, new), (new, old)):
        checks = check_ctl(subject(script(certificates=(*those, *itls))))
        assert {check.outcome.value for check in checks} == {"ok"}
