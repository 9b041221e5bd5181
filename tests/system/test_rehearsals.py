"""Every shipped rehearsal ends as it says, and the command shows it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.cli.rehearsals import rehearse
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.shipped import all_scripts, find_scripts

_PHONES = 3
_SCRIPTS = {script.name: script for script in all_scripts()}
_LATER = ("@14", "@14SU3", "@15")
_ONLY_LATER = (
    *("ca-", "multi-", "single-", "node-added-shared", "upgrade-", "order-"),
    "migration-by-",
)
_SAMPLED = {
    *("ca-signed-renewal@15", "multi-server-renewal@14", "node-added-shared@15"),
    *("single-node@14", "upgrade-drops-expired-trust@15", "tvs-regeneration@15"),
    *("migration-by-phone-sast-trust@14", "all-three-regenerated@15"),
    *("mic-only-phones@15", "tomcat-renewal-reused@15"),
}
"""Of the variants for 14 and 15 some are played here, all by `make rehearse`; the two
orders of the vendor are compared in `test_rehearsal_comparison`."""


def _played() -> list[str]:
    """Return those of earlier releases and the sampled ones; of equals the newest."""
    names = [
        name
        for name in _SCRIPTS
        if name in _SAMPLED
        or not (name.endswith(_LATER) or name.startswith(_ONLY_LATER))
    ]
    return [
        name
        for place, name in enumerate(names)
        if not any(_is_equal(name, newer) for newer in names[place + 1 :])
    ]


def _is_equal(one: str, other: str) -> bool:
    """Tell whether two variants of a file do and expect the same."""
    files = {name.partition("@")[0] for name in (one, other)}
    return len(files) == 1 and _SCRIPTS[one].steps == _SCRIPTS[other].steps


_PLAYED = _played()


def test_what_is_sampled_is_there() -> None:
    assert set(_SCRIPTS) >= _SAMPLED


@pytest.mark.parametrize("name", _PLAYED)
def test_a_shipped_rehearsal_ends_as_expected(name: str) -> None:
    played = play_alone(Rehearsal(_SCRIPTS[name], _PHONES))

    assert played.first_difference is None
    assert len(played.steps) == len(_SCRIPTS[name].steps)


def test_the_one_to_write_by_ends_as_it_expects(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "rehearsals.md"
    shown = re.search(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    assert shown
    (tmp_path / "shown.toml").write_text(shown[1])
    (script,) = find_scripts(str(tmp_path / "shown.toml"))

    assert play_alone(Rehearsal(script, 5)).first_difference is None


def test_the_catalogue_is_complete() -> None:
    """Each scenario of REFERENCE 7 is the source of at least one rehearsal."""
    cited = {
        int(number)
        for name, script in _SCRIPTS.items()
        if name != "four-flows"
        for number in re.findall(r"\b7\.(\d+)", script.source)
    }
    assert cited == set(range(1, 21))


@pytest.mark.parametrize("release", ["10.5", "11.5", "12.5", "14", "15"])
def test_the_closing_table_is_there_for_each_release(release: str) -> None:
    events = {
        "callmanager-regeneration",
        "tvs-regeneration",
        "itlrecovery-regeneration",
        "itlrecovery-direct",
        "callmanager-and-tvs",
        "all-three-regenerated",
    }
    assert {f"{event}@{release}" for event in events} <= set(_SCRIPTS)


def test_every_script_teaches_and_says_whence() -> None:
    for script in _SCRIPTS.values():
        assert script.lesson
        assert script.source
        assert any(step.expect for step in script.steps)


def test_groups_have_phones_in_every_state_they_should() -> None:
    played = play_alone(Rehearsal(_SCRIPTS["rollback-blank-itl"], 2))

    by_step = [
        {each.group: dict(each.states) for each in step.statuses}
        for step in played.steps
    ]
    assert by_step[1]["off-meanwhile"] == {PhoneStatus.OFF: 2}
    assert by_step[3]["off-meanwhile"] == {PhoneStatus.STUCK: 2}
    assert by_step[3]["on"] == {PhoneStatus.OK: 2}


def test_list_prints_a_name_and_a_lesson_a_line() -> None:
    status, output, _ = run_cli("rehearse", "list", "--json")

    lines = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert [line["name"] for line in lines] == list(_SCRIPTS)
    assert all(line["lesson"] for line in lines)


def test_list_is_a_table_for_people() -> None:
    status, output, _ = run_cli("rehearse", "list")

    assert status == 0
    assert "Before 12.0," in output, "the lesson, however wide the table"
    assert all(name in output for name in _SCRIPTS)


def test_run_prints_a_line_a_step_and_a_verdict() -> None:
    status, output, talk = run_cli(
        "rehearse", "run", "tvs-down", "--phones", "2", "--json"
    )

    *steps, verdict = [json.loads(line) for line in output.splitlines()]
    assert status == 0, talk
    assert [step["step"] for step in steps] == [1, 2, 3, 4, 5]
    assert all(step["ok"] for step in steps)
    assert {"title", "expected", "observed"} <= set(steps[0])
    assert verdict["rehearsal"] == "tvs-down"
    assert verdict["ok"] is True
    assert verdict["stuck"] == []
    stuck = steps[3]["observed"]["groups"]["phones"]
    assert stuck["states"] == {"stuck": 2}
    assert stuck["refusals"][0]["rule"] == 7
    assert "no TVS server can be used" in stuck["refusals"][0]["reason"]
    assert stuck["anchors"] == ["ITLRecovery"]
    assert stuck["remedies"][0].startswith("start Cisco Trust Verification Service")


def test_a_wrong_expectation_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        'name = "wrong"\nlesson = "none"\n[[groups]]\nname = "phones"\n'
        '[[steps]]\ntitle = "boot"\nrun = ["phones boot"]\n'
        'expect = [{ group = "phones", ctl = "installed" }]\n'
    )
    status, _, talk = run_cli("rehearse", "run", str(file), "--phones", "2")

    assert status == 1
    last = talk.splitlines()[-1]
    assert last.startswith("tokenless: wrong: SAFE: step 1 (boot): 2 of 2 phones")
    assert "ctl is absent, not installed" in last
    assert "Traceback" not in talk


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing-like-it", "there is no rehearsal nothing-like-it; see `tokenless"),
        ("tvs-dwon", "did you mean tvs-down? see `tokenless rehearse list`"),
        ("../four-flows", "there is no rehearsal ../four-flows; "),
        ("lost.toml", "rehearsal lost.toml cannot be read: No such file or directory;"),
    ],
)
def test_an_unknown_rehearsal_is_refused_with_what_to_do(name: str, words: str) -> None:
    with pytest.raises(PhoneError) as refused:
        find_scripts(name)

    assert words in refused.value.explain()


def test_a_file_that_cannot_be_read_is_told_from_stuck_phones() -> None:
    status, out, err = run_cli("rehearse", "run", "lost.toml")
    assert (status, out) == (3, "")
    assert "rehearsal lost.toml cannot be read" in err


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PhoneError) as refused:
        find_scripts("callmanager-and-tvs@9.1")

    assert "callmanager-and-tvs@11.5" in refused.value.explain()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--all"),
        (["four-flows", "--all"], "--all"),
        (["four-flows", "tvs-down", "--report", "x.html"], "one rehearsal"),
        (["four-flows", "--phones", "0"], "--phones"),
    ],
)
def test_wrong_usage_has_status_2(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(rehearse, ["run", *arguments])

    assert result.exit_code == 2
    assert words in result.output


def test_a_summary_is_a_table_and_what_is_kept_is_all_there(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    result = CliRunner().invoke(
        rehearse,
        ["run", "auto-registration", "--phones", "1", "--summary", "--keep", str(kept)],
    )

    assert result.exit_code == 0, result.output
    assert "auto-registration" in result.output
    assert "yes" in result.output
    folder = kept / "auto-registration"
    assert (folder / "services.log").read_text()
    assert (folder / "phones" / "fleet.db").is_file()
    assert (folder / "cluster" / "cluster.json").is_file()


def test_a_report_that_cannot_be_written_is_known_before_anything_is_played(
    tmp_path: Path,
) -> None:
    report = tmp_path / "nowhere" / "report.html"
    status, output, talk = run_cli(
        "rehearse", "run", "auto-registration", "--report", str(report)
    )

    assert (status, output) == (1, "")
    assert talk.startswith(f"tokenless: {report} cannot be written: No such file")
    assert len(talk.splitlines()) == 1


def test_a_rehearsal_that_cannot_begin_leaves_the_old_report(tmp_path: Path) -> None:
    report, script = tmp_path / "report.html", tmp_path / "script.toml"
    report.write_text("old")
    script.write_text(
        'name = "lost"\nlesson = "none"\n[[groups]]\nname = "phones"\n'
        'tftp = ["nowhere"]\n[[steps]]\ntitle = "boot"\nrun = ["phones boot"]\n'
    )
    status, _, talk = run_cli(
        "rehearse", "run", str(script), "--phones", "1", "--report", str(report)
    )

    assert status == 1, talk
    assert "nowhere, which is not a node of the rehearsal" in talk
    assert report.read_text() == "old"
    assert {file.name for file in tmp_path.iterdir()} == {report.name, script.name}


def test_a_folder_in_use_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "auto-registration").mkdir()
    (tmp_path / "auto-registration" / "mine").write_text("")

    with pytest.raises(PhoneError, match="is not empty"):
        CliRunner().invoke(
            rehearse,
            ["run", "auto-registration", "--keep", str(tmp_path)],
            catch_exceptions=False,
        )


REPORTED = """
name = "as-reported"
lesson = "A public report: ITLRecovery of the new cluster in CallManager-trust."
source = "insecurewi.re, 2021"

[cluster.cluster]
version = "10.5(1)"

[cluster.tvs]
callmanager_trust = "SETTING"

[[others.new.nodes]]
name = "new-pub"
address = "127.0.47.165"
publisher = true

[[others.new.callmanager_groups]]
name = "Lab-CMG"
members = ["new-pub"]

[others.new.cluster]
version = "12.5(1)"

[[groups]]
name = "phones"

[[steps]]
title = "Both clusters non-secure"
run = ["phones boot"]

[[steps]]
title = "As the report has it"
run = [
    "cert upload CallManager-trust new-pub:CallManager",
    "cert upload Phone-SAST-trust new-pub:CallManager",
    "cert upload CallManager-trust new-pub:ITLRecovery",
    "admin --all utils service restart Cisco Trust Verification Service",
    "phones move phones --to new-pub",
    "phones boot",
]
expect = [{ group = "phones", stuck = STUCK }]
"""


@pytest.mark.parametrize(("setting", "is_stuck"), [("no-role", True), ("sast", False)])
def test_what_rests_on_an_inferred_rule_says_so(
    tmp_path: Path, setting: str, *, is_stuck: bool
) -> None:
    text = REPORTED.replace("SETTING", setting).replace("STUCK", str(is_stuck).lower())
    (tmp_path / "x.toml").write_text(text)
    (script,) = find_scripts(str(tmp_path / "x.toml"))
    played = play_alone(Rehearsal(script, 1))
    assert played.first_difference is None
    first, last = (step.statuses[0] for step in played.steps)
    rules = ["callmanager-trust-has-no-role"] if is_stuck else []
    assert first.to_json()["inferred_rules"] == []
    assert last.to_json()["inferred_rules"] == rules
