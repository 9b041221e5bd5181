"""Each check of a preflight: what it finds, and what it says when nothing tells it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.phone_emulator.rehearsal.preflight.subjects import (
    AT,
    OURS,
    PUB,
    SHA512,
    SUB,
    WELL,
    found,
    known,
    script,
    subject,
)
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.preflight.checks import all_checks
from tokenless.phone_emulator.rehearsal.preflight.findings import (
    Outcome,
    PreflightCode,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Group
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.release import Release


def test_a_cluster_in_good_order_has_nothing() -> None:
    checks = all_checks(subject())
    assert found(checks) == {}
    assert {check.code for check in checks} >= {
        PreflightCode.GOAL,
        PreflightCode.ROLLBACK,
        PreflightCode.TVS_SINGLE,
        PreflightCode.RECOVERY_VALIDITY,
        PreflightCode.CTL_OUTDATED,
        PreflightCode.EXPIRED,
        PreflightCode.KEY_SIZE,
        PreflightCode.ITL_SIZE,
        PreflightCode.TLS,
        PreflightCode.PHONES_OFF,
    }


def test_what_nothing_tells_is_never_well() -> None:
    blank = script(
        certificates=(),
        itl_bytes=None,
        unregistered=None,
        cluster={"cluster": {"version": "12.5(1)"}},
    )
    outcomes = found(all_checks(subject(blank, rollback=None, tls_minimum=None)))
    assert outcomes == dict.fromkeys(
        (
            "rollback-parameter",
            "recovery-validity",
            "ctl-outdated",
            "itl-outdated",
            "expired",
            "same-subject",
            "itl-size",
            "tls-minimum",
            "file-signature",
            "phones-off",
        ),
        Outcome.NOT_TOLD,
    )


ONE_TVS = {
    "cluster": {
        **OURS,
        "callmanager_groups": [{"name": "Lab-CMG", "members": [PUB]}],
    }
}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, Outcome]] = {
    "rollback": ({}, {"rollback": True}, "rollback-parameter", Outcome.ERROR),
    "one TVS": (ONE_TVS, {}, "tvs-single", Outcome.WARNING),
    "recovery expired": (
        {"certificates": (known("ITLRecovery", ends=AT - timedelta(days=1)),)},
        {},
        "recovery-validity",
        Outcome.ERROR,
    ),
    "recovery ends soon": (
        {"certificates": (known("ITLRecovery", ends=AT + timedelta(days=90)),)},
        {},
        "recovery-validity",
        Outcome.WARNING,
    ),
    "recovery of five years": (
        {
            "certificates": (
                known("ITLRecovery", begins=AT, ends=AT + timedelta(days=1825)),
            )
        },
        {},
        "recovery-validity",
        Outcome.WARNING,
    ),
    "recovery of 1024 bits": (
        {"certificates": (known("ITLRecovery", bits=1024),)},
        {},
        "recovery-key",
        Outcome.WARNING,
    ),
    "CTL before the ITL": (
        {"certificates": (*WELL, known("CallManager", source="in-use", serial="02"))},
        {},
        "ctl-outdated",
        Outcome.ERROR,
    ),
    "CallManager expired": (
        {"certificates": (*WELL, known("CallManager", SUB, ends=AT))},
        {},
        "expired",
        Outcome.ERROR,
    ),
    "TVS expired, in two ITLs": (
        {"certificates": (*WELL, *[known("TVS", SUB, source="itl", ends=AT)] * 2)},
        {},
        "expired-beside",
        Outcome.WARNING,
    ),
    "trust expires with the upgrade": (
        {"certificates": (*WELL, known("trust", "", ends=AT))},
        {"target": Release.parse("14SU2")},
        "expired-trust-is-dropped",
        Outcome.WARNING,
    ),
    "two of one name": (
        {"certificates": (*WELL, known("trust", "", subject=f"CN={PUB}-CallManager"))},
        {},
        "same-subject",
        Outcome.WARNING,
    ),
    "key too large": (
        {"groups": script(("7965",)).groups},
        {"key_bits": 4096},
        "key-size",
        Outcome.ERROR,
    ),
    "key of unknown size": (
        {"groups": script(("8821",)).groups},
        {"key_bits": 4096},
        "key-size",
        Outcome.NOT_TOLD,
    ),
    "first key of 2048 bits": (
        {"groups": script(("7960",)).groups, "certificates": (known("TVS"),)},
        {},
        "key-size",
        Outcome.NOT_TOLD,
    ),
    "TLS not told": ({}, {"tls_minimum": None}, "tls-minimum", Outcome.NOT_TOLD),
    "ITL too long": ({"itl_bytes": 66_000}, {}, "itl-size", Outcome.ERROR),
    "ITL nearly full": ({"itl_bytes": 60_000}, {}, "itl-size", Outcome.WARNING),
    "TLS too new": (
        {"groups": script(("7965",)).groups},
        {"tls_minimum": "1.2"},
        "tls-minimum",
        Outcome.ERROR,
    ),
    "TLS unknown": (
        {"groups": script(("DX650",)).groups},
        {"tls_minimum": "1.2"},
        "tls-minimum",
        Outcome.NOT_TOLD,
    ),
    "suites of 15SU3": (
        {"groups": script(("7965",)).groups},
        {"target": Release.parse("15SU3")},
        "cipher-suites",
        Outcome.WARNING,
    ),
    "suites of an unknown model": (
        {"groups": script(("DX650",)).groups},
        {"target": Release.parse("15SU3")},
        "cipher-suites",
        Outcome.NOT_TOLD,
    ),
    "SHA-512 for old phones": (
        {"groups": script(("9971",)).groups},
        {"sha512": True},
        "file-signature",
        Outcome.ERROR,
    ),
    "lists of SHA-512 for old phones": (
        {**SHA512, "groups": script(("9971", "8861")).groups},
        {},
        "file-signature",
        Outcome.ERROR,
    ),
    "lists of SHA-512 until the change": (
        {**SHA512, "groups": script(("9971",)).groups},
        {"sha512": False},
        "file-signature",
        Outcome.ERROR,
    ),
    "no phone can verify the lists": (
        {**SHA512, "groups": (Group(name="old", model="7975", count=3),)},
        {},
        "goal-in-one-go",
        Outcome.NOT_TOLD,
    ),
    "SHA-512 for unknown phones": (
        {"groups": script(("8831",)).groups},
        {"sha512": True},
        "file-signature",
        Outcome.NOT_TOLD,
    ),
    "ECDSA for old phones": (
        {"groups": script(("7965",)).groups},
        {"ecdsa_only": True},
        "ecdsa-only",
        Outcome.ERROR,
    ),
    "ECDSA for unknown phones": (
        {"groups": script(("8821",)).groups},
        {"ecdsa_only": True},
        "ecdsa-only",
        Outcome.NOT_TOLD,
    ),
    "a release that no source tells of": (
        {},
        {"target": Release.parse("15SU9")},
        "upgrade-release",
        Outcome.NOT_TOLD,
    ),
    "no upgrade": (
        {},
        {"target": Release.parse("11.5(1)")},
        "upgrade-release",
        Outcome.ERROR,
    ),
    "a change after the upgrade": (
        {},
        {"target": Release.parse("14SU3")},
        "goal-after-upgrade",
        Outcome.NOT_TOLD,
    ),
    "phones off": ({"unregistered": 3}, {}, "phones-off", Outcome.WARNING),
    "unknown models": (
        {"unknown_models": ("3905",)},
        {},
        "models-unknown",
        Outcome.WARNING,
    ),
}


@pytest.mark.parametrize(
    ("of_script", "more", "code", "outcome"), CASES.values(), ids=CASES
)
def test_what_is_wrong_is_found(
    of_script: dict[str, Any], more: dict[str, Any], code: str, outcome: Outcome
) -> None:
    checks = all_checks(subject(script(**of_script), **more))
    assert found(checks)[code] is outcome
    for check in checks:
        if check.outcome is not Outcome.OK:
            assert check.consequence
            assert check.remedy


def test_an_upgrade_that_changes_nothing_for_the_order_is_not_mentioned() -> None:
    made = script(cluster={**OURS, "cluster": {"version": "14SU1"}})
    checks = all_checks(subject(made, target=Release.parse("14SU3")))
    assert "goal-after-upgrade" not in found(checks)


def test_a_shared_certificate_that_expired_is_said_once() -> None:
    shared = tuple(
        known("CallManager", node, source="itl", serial="07", ends=AT)
        for node in (PUB, SUB)
    )
    checks = all_checks(subject(script(certificates=shared)))
    said = [c for c in checks if c.code is PreflightCode.EXPIRED]
    assert [c.outcome for c in said] == [Outcome.ERROR, Outcome.NOT_TOLD]
    assert said[1].message == f"the dates of TVS of {PUB}, TVS of {SUB} are not known"


def test_what_was_renewed_before_it_expired_is_not_to_be_renewed_again() -> None:
    """The CTL has the old one: to update it is the remedy, which another check says."""
    day = timedelta(days=1)
    old = known("CallManager", serial="07", begins=AT - 2000 * day, ends=AT - day)
    new = known("CallManager", serial="08", source="itl")
    made = script(certificates=(*WELL[3:], WELL[0], old, new))
    checks = all_checks(subject(made))
    assert "expired" not in found(checks)
    assert found(checks)["ctl-outdated"] is Outcome.ERROR
    ended = known("CallManager", serial="08", source="itl", ends=AT - day)
    both = script(certificates=(*WELL[3:], WELL[0], old, ended))
    said = [c for c in all_checks(subject(both)) if c.code is PreflightCode.EXPIRED]
    assert [c.outcome for c in said] == [Outcome.ERROR]


def test_one_thing_is_said_in_the_singular() -> None:
    one = script(unregistered=1, certificates=(known("ITLRecovery", ends=AT),))
    said = [check.message for check in all_checks(subject(one))]
    assert "1 phone not registered" in said


def test_a_goal_that_locks_phones_out_in_one_go() -> None:
    made = script()
    task = task_for(made, "regenerate CallManager, TVS, ITLRecovery")
    checks = all_checks(replace(subject(made), task=task, plan=make_plan(task)))
    assert found(checks)["goal-in-one-go"] is Outcome.WARNING
    assert "no-safe-order" not in found(checks)


def test_the_command_ends_as_check_does(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(write_script(script()))
    goal = (str(file), "--goal", "regenerate CallManager", "--at", "2026-11-29")
    status, out, err = run_cli("preflight", *goal, "--rollback", "F", "--json")
    assert status == 0, err
    printed = msgspec.json.decode(out)
    assert {"checks", "calendar"} == printed.keys()
    status, out, err = run_cli("preflight", *goal, "--rollback", "T")
    assert status == 1
    assert out.startswith("NOT READY: 1 error; ")
    assert "rollback" in err
    file.write_text(write_script(script(certificates=())))
    status, _, err = run_cli("preflight", *goal)
    assert status == 3
    assert "no certificate is known" in err


def test_a_day_in_the_past_is_said(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(write_script(script()))
    words = ("preflight", str(file), "--goal", "regenerate CallManager", "--json")
    status, out, err = run_cli(*words, "--at", "2001-02-03")
    assert status == 0, err
    assert "--at 2001-02-03 is in the past: certificates that have ended since" in err
    assert "checks" in msgspec.json.decode(out)
    assert "in the past" not in run_cli(*words)[2]


FACT = 'unit = "TVS"\nsource = "itl"\nsubject = "CN=a"\nserial = "01"'


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (FACT + "\nends = 2030-01-01T00:00:00", "ends"),
        (FACT + "\nends = 2030-01-01", "ends"),
        (FACT + "\nbits = -5", "bits"),
        (FACT.replace("TVS", "Nonsense"), "unit"),
    ],
)
def test_facts_that_cannot_be_are_refused(
    tmp_path: Path, wrong: str, words: str
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        'name = "x"\nlesson = "x"\ngroups = []\nsteps = []\n'
        f"[[certificates]]\n{wrong}\n"
    )
    with pytest.raises(PhoneError, match=rf"certificates \(entry 1\)\.{words}"):
        load_script(path)


@pytest.mark.parametrize(
    ("version", "outcome", "words"),
    [
        ("12.5(1)", Outcome.WARNING, "3 if services restart"),
        ("14", Outcome.ERROR, "refuses files between step "),
    ],
)
def test_groups_at_risk_for_some_steps_are_named(
    version: str, outcome: Outcome, words: str
) -> None:
    groups = (Group(name="desk", model="8861"), Group(name="soft", model="Jabber"))
    made = script(groups=groups, cluster={"cluster": {"version": version}})
    checks = [
        check
        for check in all_checks(subject(made))
        if check.code is PreflightCode.AT_RISK
    ]
    assert {check.outcome for check in checks} == {outcome}
    assert any(words in check.message for check in checks)
    assert all("soft" in check.message for check in checks)
