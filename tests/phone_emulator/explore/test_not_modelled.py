"""`rehearse explore` names what was not played, as `rehearse run` does."""

import json
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.explore.exploration import ranked
from tokenless.phone_emulator.rehearsal.explore.runs import task_of
from tokenless.phone_emulator.rehearsal.reports.exploration import exploration_page
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

CHANGE = """
name = "tuesday"
lesson = "A certificate changes in a release of which guides disagree."

[cluster.cluster]
version = "12.5(1)"

[[groups]]
name = "hq"
model = "8861"

[[steps]]
title = "As it is"
run = ["admin --all utils service restart Cisco Tftp", "phones boot"]

[[steps]]
title = "A restart"
run = ["admin --all utils service restart Cisco Tftp", "phones boot"]
"""
SAID = "guides of 12.5(1)SU1 and SU3 speak of phones"


@pytest.fixture
def change(tmp_path: Path) -> Path:
    """Return a change in a release whose guides disagree about resets."""
    file = tmp_path / "tuesday.toml"
    file.write_text(CHANGE)
    return file


def test_an_exploration_says_what_was_not_modelled(
    change: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ["rehearse", "explore", str(change), "--phones", "1", "--jobs", "1"]
    words += ["--only", "twice"]
    status, out, err = run_cli(*words, "--report", str(page))
    assert status == 0, err
    assert f"NOT MODELLED: {SAID}" in " ".join(out.split())
    assert out.count("NOT MODELLED") == 1  # not once a run
    assert f"NOT MODELLED: {SAID}" in page.read_text()

    status, out, err = run_cli(*words, "--json")
    assert status == 0, err
    *runs, end = map(json.loads, out.splitlines())
    (said,) = end["not_modelled"]
    assert said.startswith(SAID)
    assert [each["not_modelled"] for each in runs] == [[said]] * len(runs)


def test_an_exploration_without_results_has_nothing_to_name(change: Path) -> None:
    script = load_script(change)
    assert task_of(script, (), 1, 1).words == ("no fault",)
    found = ranked(script, [], 1)
    assert found.to_json()["not_modelled"] == []
    assert "NOT MODELLED" not in exploration_page(found)


def test_a_comparison_says_what_was_not_modelled(change: Path) -> None:
    words = ["rehearse", "run", str(change), "--phones", "1", "--compare"]
    status, out, err = run_cli(*words)
    assert status == 0, err
    assert "not modelled" in out
    assert "SU3 speak" in out
    status, out, err = run_cli(*words, "--json")
    assert status == 0, err
    (played,) = json.loads(out)["comparison"]
    assert played["not_modelled"][0].startswith(SAID)
