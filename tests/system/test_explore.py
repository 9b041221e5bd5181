"""A change explored under faults, with real services in processes of their own."""

import json
import re
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
CHANGE = f"""
name = "callmanager-then-tvs"
lesson = "Safe, as long as TFTP and TVS are restarted in the first round."

[[groups]]
name = "phones"
tftp = ["{PUB}"]

[[steps]]
title = "First boot"
run = ["phones boot"]

[[steps]]
title = "CallManager"
run = [
    "admin set cert regen CallManager",
    "admin utils service restart Cisco Tftp",
    "phones boot",
]

[[steps]]
title = "ITLRecovery and TVS"
run = [
    "admin set cert regen ITLRecovery",
    "admin --all set cert regen TVS",
    "admin --all utils service restart Cisco Trust Verification Service",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]
"""
WORST = "restart-forgotten:2.2"


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explore") / "change.toml"
    path.write_text(CHANGE)
    return path


def test_the_restart_that_must_not_be_forgotten_is_first(change: Path) -> None:
    """Safe without faults; the phones miss CallManager when TFTP is not restarted."""
    explore = ("rehearse", "explore", str(change), "--phones", "1", "--jobs", "2")
    only = ("--only", "restart-forgotten", "--pairs", "1")
    page = change.with_name("report.html")
    status, out, err = run_cli(*explore, *only, "--json", "--report", str(page))
    assert status == 0, err
    found = json.loads(out)
    assert found["not_played"] == 0
    assert found["no_fault"]["end"] == {
        "locked_out": 0,
        "stuck": 0,
        "unregistered": 0,
        "failed_calls": 0,
        "weaker_calls": 0,
    }
    assert found["faults"][0]["name"] == WORST
    assert found["faults"][0]["end"]["locked_out"] == 1
    assert any("delete CTL and ITL" in each for each in found["faults"][0]["remedies"])
    assert 0 < found["resilience"] < 1
    assert len(found["pairs"]) == 1
    shown = page.read_text()
    assert "resilience" in shown
    assert shown.index(WORST) < shown.index("Two faults")
    status, out, _ = run_cli(*explore[:3], "--phones", "1", "--replay", WORST)
    assert status == 1
    assert out.startswith(f"{WORST}: in step 2 the restart of Cisco Tftp is forgotten")
    assert "LOCKED OUT 1 of 1 phone" in out


def test_faults_can_be_listed(change: Path) -> None:
    status, out, _ = run_cli("rehearse", "explore", str(change), "--list")
    assert status == 0
    assert re.search(f"^{re.escape(WORST)}: ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--replay", "twice:9.9"), "there is no fault 'twice:9.9'"),
        (("--from-step", "9"), "has 3 steps"),
    ],
)
def test_what_cannot_be_done_is_said(
    change: Path, words: tuple[str, ...], said: str
) -> None:
    status, _, err = run_cli("rehearse", "explore", str(change), *words)
    assert status in {1, 2}
    assert said in err
