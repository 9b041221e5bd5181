"""JUnit XML of rehearsals and explorations, from results as values."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from rich.console import Console

from tokenless.phone_emulator.cli.rehearsals import rehearse
from tokenless.phone_emulator.rehearsal.explore.exploration import ranked
from tokenless.phone_emulator.rehearsal.explore.runs import Loss, RunResult
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.reports.exploration import (
    exploration_view,
    loss_words,
    summary_lines,
)
from tokenless.phone_emulator.rehearsal.reports.junit import (
    exploration_junit,
    rehearsals_junit,
)
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts

SCRIPT = find_scripts("four-flows")[0]
WELL, LOST = Loss(0, 0, 0), Loss(0, 2, 0)
NO_CALL, WEAKER = Loss(0, 0, 0, 1), Loss(0, 0, 0, 0, 2)


def step(number: int, *differences: str) -> StepReport:
    return StepReport(
        number=number,
        step=SCRIPT.steps[number - 1],
        transcript="",
        refusal=None,
        left_out=(),
        nodes=(),
        groups={},
        statuses=(),
        stuck=(),
        differences=differences,
        unforeseen=(),
        seconds=0.5,
    )


def test_a_rehearsal_is_a_suite_and_each_step_a_test() -> None:
    played = Played(SCRIPT, 4, (step(1), step(2, "a\x00 <differs>")), 1.0)
    again = replace(played, steps=(step(1),))
    root = ET.fromstring(rehearsals_junit([played, again]))  # noqa: S314 - our own
    suite, other = root
    steps = len(SCRIPT.steps)
    assert suite.attrib["name"] == SCRIPT.name
    assert suite.attrib["tests"] == str(steps)
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("1", "0")
    assert suite.attrib["skipped"] == str(steps - 2)
    assert suite.attrib["time"] == "1.000"
    passed, failed, skipped, *_ = suite
    assert len(passed) == 0
    assert failed.attrib["name"] == f"2. {SCRIPT.steps[1].title}"
    assert "<differs>" in failed[0].attrib["message"]
    assert "not as expected" in (failed[0].text or "")
    assert skipped[0].tag == "skipped"
    assert other.attrib["failures"] == "0"


def run(
    name: str,
    end: Loss,
    failure: str | None = None,
    groups: tuple[str, ...] = ("phones",),
) -> RunResult:
    return RunResult(
        name,
        ("what goes wrong",),
        4,
        end,
        end,
        1,
        groups=groups,
        reasons=("not-vouched",),
        remedies=("restart TFTP",),
        failure=failure,
        seconds=2.0,
    )


def test_an_exploration_is_a_suite_and_each_run_a_test() -> None:
    results = [
        run("no-fault", WELL),
        run("down:1", LOST),
        run("off:1", WELL),
        run("twice:1", WELL, "no port is free"),
    ]
    document = exploration_junit(ranked(SCRIPT, results, 1))
    (suite,) = ET.fromstring(document)  # noqa: S314 - our own
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("4", "1")
    assert suite.attrib["errors"] == "1"
    (failure,) = [each for case in suite for each in case if each.tag == "failure"]
    assert failure.attrib["message"] == "at the end: 2 of 4 stuck"
    assert (failure.text or "").splitlines()[1:] == [
        "not-vouched (phones)",
        "restart TFTP",
    ]
    (error,) = [each for case in suite for each in case if each.tag == "error"]
    assert error.attrib["message"] == "no port is free"


def test_a_fault_that_costs_a_call_is_a_loss_between_phones_and_none() -> None:
    results = [
        run("no-fault", WELL),
        run("weaker", WEAKER),
        run("no-call", NO_CALL, groups=()),
        run("stuck", LOST),
        run("both", Loss(0, 2, 0, 1, 1)),
        run("well", WELL),
    ]
    found = ranked(SCRIPT, results, 1)
    names = [each.name for each in found.singles]
    assert names == ["both", "stuck", "no-call", "weaker", "well"]
    assert [each.name for each in found.costly] == names[:-1]
    assert found.resilience == 1 - 4 / 20
    said = [loss_words(each.end, 4) for each in found.singles]
    assert said == [
        "2 of 4 stuck, 1 call failed, 1 call less secure than before",
        "2 of 4 stuck",
        "1 call failed",
        "2 calls less secure than before",
        "none",
    ]
    (suite,) = ET.fromstring(exploration_junit(found))  # noqa: S314 - our own
    assert suite.attrib["failures"] == "4"
    assert any("calls do not recover" in (each.text or "") for each in suite.iter())
    impact = Impact(of=4, failed_calls=1, weaker_calls=2)
    assert Loss.of(impact) == Loss(0, 0, 0, 1, 2)


@pytest.mark.parametrize(
    ("impact", "words"),
    [
        (Impact(stuck=2, of=4), "2 of 4 stuck"),
        (Impact(would_be_stuck=2, of=4), "2 of 4 would be stuck when they next start"),
        (
            Impact(stuck=1, would_be_stuck=2, of=4),
            "1 of 4 stuck, 2 more would be stuck when they next start",
        ),
        (
            Impact(stuck=1, would_be_stuck=2, locked_out=2, of=4),
            "2 of 4 locked out, 1 more stuck or would be",
        ),
    ],
)
def test_phones_are_stuck_in_an_exploration_as_in_a_run(
    impact: Impact, words: str
) -> None:
    loss = Loss.of(impact)
    assert loss_words(loss, 4) == words
    result = run("one", loss)
    assert result.impact_json() == {
        "locked_out": impact.locked_out,
        "stuck": impact.stuck,
        "would_be_stuck": impact.would_be_stuck,
        "unregistered": 0,
        "failed_calls": 0,
        "weaker_calls": 0,
        "of": 4,
    }
    share = (impact.stuck + impact.would_be_stuck) / 4
    assert ranked(SCRIPT, [run("no-fault", WELL), result], 1).resilience == 1 - share


def test_an_exploration_that_was_ended_says_that_it_is_incomplete() -> None:
    results = [run("down:1", LOST)]
    found = ranked(SCRIPT, results, 1, first_step=3, left_out=7)
    assert found.to_json()["left_out"] == 7
    first, second, *_, last = summary_lines(found)
    assert first.startswith("INCOMPLETE: 7 runs were not played")
    assert second.startswith("NOT PLAYED, nothing is known: no-fault")
    assert last == "not tried: more than one fault in a run, faults in steps 1 to 2"
    (suite,) = ET.fromstring(exploration_junit(found))  # noqa: S314 - our own
    assert suite.attrib["skipped"] == "1"


def test_a_place_that_cannot_be_written_is_known_before_anything_is_played(
    tmp_path: Path,
) -> None:
    place = str(tmp_path / "missing" / "tests.xml")
    for command in ("run", "explore"):
        done = CliRunner().invoke(rehearse, [command, "four-flows", "--junit", place])
        assert "cannot be written" in str(done.exception)


def test_the_table_of_an_exploration_cuts_no_name_off() -> None:
    groups = ("7975-at-cucm-1051-a-pub",)
    results = [run("no-fault", WELL), run("down:1", LOST, groups=groups)]
    console = Console(width=80, record=True, file=StringIO())
    console.print(exploration_view(ranked(SCRIPT, results, 1), "explore"))
    assert "…" not in console.export_text()
