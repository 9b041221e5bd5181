"""How a rehearsal is told when it does not go as its script says.

One script is played over real services; everything that it expects is wrong.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from tokenless.phone_emulator.cli.rehearsals.playing import (
    JsonReporter,
    TableReporter,
    TextReporter,
    exit_by_verdict,
)
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.html_report import render_report
from tokenless.phone_emulator.rehearsal.reports.tables import steps_table
from tokenless.phone_emulator.rehearsal.reports.text_report import (
    results_table,
    step_story,
)
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

WRONG = """
name = "wrong"
lesson = "Nothing is as its author thinks."
source = "nobody"
inferred = true

[[groups]]
name = "phones"
model = "7975"
count = 2

[[groups]]
name = "never"
model = "7960"
count = 1

[[steps]]
title = "Everything wrong"
why = "To see what is said."
run = [
    "admin utils ctl set-cluster mixed-mode",
    "admin --all utils service restart Cisco Tftp",
    "phones boot phones",
]
ctl_length = 1
prints = "words that nobody prints"

[[steps.expect]]
group = "phones"
inferred = true
outcome = "rejected"
ctl = "absent"
verified_by = "tvs"
itl = "unchanged"
configuration = "rejected"
stuck = true
rule = 9
reason = "too-long"
remedy = "start-tvs cucm-1051-a-pub"
anchors = 9
tvs = 7

[[steps.expect]]
group = "never"
ctl = "installed"

[[steps]]
title = "Refused, and nobody said so"
run = ["admin file delete tftp nothing.tlv", "phones boot"]

[[steps]]
title = "Done, and it should have been refused"
run = ["phones off never"]
refused = true

[[steps]]
title = "One node without its file"
run = ["admin --node cucm-1051-a-sub1 file delete tftp CTLFile.tlv"]
ctl_length = 4947

[[steps]]
title = "Locked out"
run = [
    "admin set cert regen CallManager",
    "admin set cert regen TVS",
    "admin --node cucm-1051-a-sub1 set cert regen TVS",
    "admin utils ctl update CTLFile",
    "admin --all utils service restart Cisco Trust Verification Service",
    "admin --all utils service restart Cisco Tftp",
    "phones boot phones",
]
expect = [{ group = "phones", outcome = "ok", no_remedy = "delete-by-hand" }]
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "wrong.toml").write_text(WRONG)
    script = load_script(folder / "wrong.toml")
    return play_alone(Rehearsal(script, 2))


@pytest.fixture(scope="module")
def steps(played: Played) -> tuple[StepReport, ...]:
    return played.steps


def _printed(what: RenderableType) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


@pytest.mark.parametrize(
    "difference",
    [
        "cucm-1051-a-pub has a CTL file of 4947 bytes, not 1",
        "no output contains: words that nobody prints",
        "2 of 2 phones of phones: outcome is ok, not rejected",
        "2 of 2 phones of phones: ctl is installed, not absent",
        "2 of 2 phones of phones: verified_by is first-use, not tvs",
        "2 of 2 phones of phones: itl is installed, not unchanged",
        "2 of 2 phones of phones: configuration is installed, not rejected",
        "2 of 2 phones of phones: stuck is false, not true",
        "phones: too-long is not a reason: no file was refused",
        "phones: start-tvs cucm-1051-a-pub is not a remedy: nothing",
        "no phone of the group never has booted",
    ],
)
def test_each_wrong_expectation_is_a_sentence(
    steps: tuple[StepReport, ...], difference: str
) -> None:
    assert difference in steps[0].differences


def test_anchors_are_counted_and_named(steps: tuple[StepReport, ...]) -> None:
    counted = [
        each for each in steps[0].differences if "2 phones of phones have" in each
    ]
    anchors, tvs = counted
    assert anchors.endswith("not 9")
    assert "CallManager of cucm-1051-a-pub" in anchors
    assert tvs == (
        "2 phones of phones have 2 TVS servers (cucm-1051-a-pub, cucm-1051-a-sub1), "
        "not 7"
    )


def test_a_step_ends_at_the_line_that_is_refused(steps: tuple[StepReport, ...]) -> None:
    assert steps[1].refusal is not None
    assert steps[1].differences == (f"refused: {steps[1].refusal}",)
    assert "phones boot" not in steps[1].transcript


def test_what_should_be_refused_and_is_done(steps: tuple[StepReport, ...]) -> None:
    assert steps[2].differences == (
        "the last command was carried out, but should have been refused",
    )


def test_nodes_that_differ_are_named(steps: tuple[StepReport, ...]) -> None:
    assert steps[3].differences == (
        "cucm-1051-a-sub1 has a CTL file of 0 bytes, not 4947",
        "the nodes hold different CTL files",
    )


def test_a_remedy_that_should_not_help_is_said_to(
    steps: tuple[StepReport, ...],
) -> None:
    said = steps[4].differences[-1]
    assert said.startswith("phones: delete-by-hand is named as a remedy: ")


def test_the_story_has_the_refusal_the_trouble_and_the_differences(
    steps: tuple[StepReport, ...],
) -> None:
    first, refused = _printed(step_story(steps[0])), _printed(step_story(steps[1]))
    locked_out = _printed(step_story(steps[4]))

    assert "1. Everything wrong  SAFE, not as expected" in first
    assert "To see what is said." in first
    assert "inferred from the phone's rules: phones" in first
    assert "never (7960)" in first
    assert "holds no list: accepts the first one" in first
    assert "FAILED: no phone of the group never has booted" in first
    assert "BROKE OFF" in refused
    assert f"refused: {steps[1].refusal}" in refused
    assert "not carried out: phones boot" in refused
    assert "phones refuses CTLFile.tlv" in locked_out
    assert "rule 7: " in locked_out
    assert "What recovers phones:" in locked_out


def test_the_table_has_checksums_of_nodes_beside_those_of_phones(
    steps: tuple[StepReport, ...],
) -> None:
    table = _printed(steps_table(steps))
    node, *_ = steps[0].nodes

    assert node.md5 is not None
    assert table.count(node.md5) >= 2
    assert "2 phones" in table
    assert "2 installed by first-use" in table
    assert "no file" in table
    assert (
        "step 3: the last command was carried out, but should have been refused"
        in table
    )


@pytest.mark.parametrize("width", [40, 80, 120, 160])
def test_checksums_and_titles_are_whole_at_any_width(
    steps: tuple[StepReport, ...], width: int
) -> None:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(steps_table(steps))
    printed = capture.get()
    node, *_ = steps[0].nodes
    assert node.md5 is not None
    assert printed.count(node.md5) >= 2
    assert max(map(len, printed.splitlines())) <= width
    words = printed.replace("│", " ").split()
    assert "…" not in printed
    for report in steps:
        assert set(report.step.title.split()) <= set(words)


VERDICTS = (
    "STUCK 2 of 3 phones",
    "BROKE OFF in step 2 (Refused, and nobody said so): refused: ",
    "not as expected: step 1 (Everything wrong): ",
)


def test_every_voice_tells_both_verdicts_and_the_impact_first(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    for voice in (TextReporter(), TableReporter()):
        voice.tell(played.steps[0])
        voice.end(played)
        printed = " ".join(capsys.readouterr().out.split())
        impact, broken, expectations = (printed.index(words) for words in VERDICTS)
        assert impact == 0
        assert impact < broken < expectations
    assert "STUCK 2 of 3 phones" in _printed(results_table([played]))


def test_every_voice_counts_the_phones_that_were_played(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    """Groups of fixed size come on top of the phones that were asked for."""
    for voice in (TextReporter(), TableReporter()):
        voice.end(replace(played, phones=2))
        assert "3 phones, " in capsys.readouterr().out


def test_json_has_both_verdicts(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = JsonReporter()
    for step in played.steps:
        voice.tell(step)
    voice.end(played)
    first, refused, undone, _, last, end = map(
        json.loads, capsys.readouterr().out.splitlines()
    )

    assert first["impact"] == {
        "stuck": 0,
        "locked_out": 0,
        "unregistered": 0,
        "would_be_stuck": 0,
        "by_hand": 0,
        "failed_calls": 0,
        "weaker_calls": 0,
        "of": 3,
    }
    assert not first["ok"]
    assert (refused["expected"], refused["broke_off"]) == (None, True)
    assert refused["left_out"] == ["phones boot"]
    assert undone["expected"] is not None
    assert (last["impact"]["stuck"], last["impact"]["locked_out"]) == (2, 0)
    (refusal, *_) = last["observed"]["groups"]["phones"]["refusals"]
    assert refusal["reason_code"] == "tvs-not-in-itl"
    assert end["impact"] == last["impact"]
    assert (end["expectations"], end["ok"]) == ("failed", False)
    assert (end["broke_off"], end["worst"]["step"]) == (2, 5)


def test_the_first_difference_is_the_last_line(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        exit_by_verdict([played])

    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(
        "tokenless: wrong: STUCK 2 of 3 phones: step 1 (Everything wrong): "
    )


def test_the_page_leads_with_the_impact(played: Played) -> None:
    page = render_report(played)
    title = page[page.index("<h1>") : page.index("</h1>")]

    assert '<span class="badge bad">STUCK 2 of 3 phones</span>' in title
    assert '<span class="badge bad">BROKE OFF in step 2</span>' in title
    assert '<span class="badge bad">not as expected</span>' in title
    assert "badge good" not in title
    assert "Not carried out: phones boot" in page
    assert "Refused: " in page
    assert "The outcome is inferred" in page


def test_a_rehearsal_without_steps_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text(
        'name = "empty"\nlesson = "none"\nsteps = []\n[[groups]]\nname = "phones"\n'
    )
    script = load_script(tmp_path / "empty.toml")
    nothing = Played(script, 1, (), 0.0)

    assert nothing.ok
    assert nothing.stuck == ()
    assert nothing.first_difference is None
    assert "NOTHING WAS DONE" in render_report(nothing)
    assert "good" not in render_report(nothing).partition("<body>")[2]
