"""The CTL against what ITLs and nodes have: what was compared, and what was not."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from tests.phone_emulator.rehearsal.preflight.subjects import (
    AT,
    OURS,
    PUB,
    SUB,
    WELL,
    known,
    script,
    subject,
)
from tokenless.phone_emulator.rehearsal.preflight.ctl_check import check_ctl
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    PreflightCode,
    not_told,
    well,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Approximated

ALL = tuple(
    msgspec.structs.replace(each, serial="03") if each.node == SUB else each
    for each in WELL
)
CALLMANAGERS = tuple(each for each in ALL if each.unit == "CallManager")
CTL = tuple(each for each in ALL if each.source == "ctl")
OF_PUB = tuple(each for each in ALL if each.source == "itl" and each.node == PUB)
NEW = {"source": "itl", "serial": "02"}


def said(*certificates: KnownCertificate) -> list[tuple[str, str]]:
    checks = check_ctl(subject(script(certificates=certificates)))
    return [(check.outcome.value, check.message) for check in checks]


OLD = f"the CTL lists the previous certificate of CallManager of {PUB}"
ALONE = (
    "not-told",
    f"not compared, as only the CTL has a certificate of it: CallManager of {SUB}",
)


@pytest.mark.parametrize(
    ("certificates", "expected"),
    [
        (ALL, [("ok", "the CTL has the newest certificates that were imported")]),
        ((*CTL, *OF_PUB), [ALONE]),
        (
            (*CTL, *OF_PUB, known("CallManager", PUB, **NEW)),
            [
                (
                    "error",
                    OLD,
                ),
                ALONE,
            ],
        ),
        (
            (*ALL, known("CallManager", "sub2", **NEW)),
            [("error", "the CTL lacks the certificate of CallManager of sub2")],
        ),
        (
            tuple(e for e in ALL if (e.unit, e.source) != ("ITLRecovery", "ctl")),
            [("error", f"the CTL lacks the certificate of ITLRecovery of {PUB}")],
        ),
    ],
    ids=["all", "one ITL", "one ITL, newer", "a node that joined", "no ITLRecovery"],
)
def test_the_ctl_is_well_only_where_all_of_it_was_compared(
    certificates: tuple[KnownCertificate, ...], expected: list[tuple[str, str]]
) -> None:
    assert said(*certificates) == expected


def test_one_certificate_of_all_nodes_is_compared_by_any_of_them() -> None:
    listed = known("CallManager", PUB, serial="07")
    held = known("CallManager", SUB, source="itl", serial="07")
    assert said(listed, held)[0][0] == "ok"


def test_a_cluster_that_is_not_mixed_has_emptied_its_servers() -> None:
    made = script(certificates=(known("CAPF"), *OF_PUB))
    plain = subject(made)
    layout = replace(plain.task.layout, is_mixed=False)
    checks = check_ctl(replace(plain, task=replace(plain.task, layout=layout)))
    assert [check.outcome.value for check in checks] == ["ok"]


def test_what_is_said_is_of_the_ctl_and_says_what_to_give() -> None:
    code = PreflightCode.CTL_OUTDATED
    (lost,) = check_ctl(subject(script(certificates=OF_PUB)))
    assert lost == not_told(code, "no CTL was imported", "import the CTL, too")
    (alone,) = check_ctl(subject(script(certificates=(*CTL, *OF_PUB))))
    how = "import the ITLs of these nodes, --cert or --certmgr, too"
    assert alone == not_told(code, ALONE[1], how)
    (good,) = check_ctl(subject(script(certificates=ALL)))
    assert good == well(code, good.message)


def test_what_a_node_uses_is_newest_whatever_dates_say() -> None:
    """A certificate of another CA may begin earlier, and lists be newer than a key."""
    early, late = (AT - timedelta(days=days) for days in (300, 1))
    used = known("CAPF", source="in-use", serial="02", begins=early)
    listed = known("CAPF", serial="02", begins=early)
    held = known("CAPF", source="itl", serial="03", begins=late)
    for order in ((held, used), (used, held)):
        assert said(listed, *order)[0][0] == "ok"
    later = known("CAPF", serial="01", begins=late)
    assert said(later, used) == [
        ("error", f"the CTL lists the previous certificate of CAPF of {PUB}")
    ]
    undated = known("CAPF", source="itl", serial="03", begins=None)
    assert said(later, undated)[0][0] == "error"


@pytest.mark.parametrize(
    ("approximations", "expected"),
    [
        ((), "ok"),
        ((Approximated("it is a guess", "why", "release"),), "not-told"),
    ],
    ids=["told", "guessed"],
)
def test_a_ctl_before_10_5_2_lists_no_itlrecovery(
    approximations: tuple[Approximated, ...], expected: str
) -> None:
    without = tuple(
        each for each in ALL if (each.unit, each.source) != ("ITLRecovery", "ctl")
    )
    made = script(
        certificates=without,
        approximations=approximations,
        cluster={"cluster": {"version": "10.5(1)"}},
    )
    assert [check.outcome.value for check in check_ctl(subject(made))] == [expected]


def test_a_ctl_without_itlrecovery_is_a_doubt_only_by_a_guess_of_the_release() -> None:
    guess = (Approximated("it is a guess", "why", "release"),)
    made = script(
        certificates=tuple(
            each for each in ALL if (each.unit, each.source) != ("ITLRecovery", "ctl")
        ),
        approximations=guess,
        cluster={"cluster": {"version": "10.5(1)"}},
    )
    words = (
        "the CTL does not list ITLRecovery, which is well before 10.5(2) only, and the "
        "release is a guess"
    )
    (doubt,) = check_ctl(subject(made))
    assert doubt == not_told(
        PreflightCode.CTL_OUTDATED, words, "give the import --version"
    )
    for more in ({"certificates": CALLMANAGERS}, {"cluster": OURS}):
        settled = subject(msgspec.structs.replace(made, **more))
        assert words not in {check.message for check in check_ctl(settled)}
    plain = subject(made)
    layout = replace(plain.task.layout, is_mixed=False)
    plain = replace(plain, task=replace(plain.task, layout=layout))
    assert [check.outcome.value for check in check_ctl(plain)] == ["ok"]
