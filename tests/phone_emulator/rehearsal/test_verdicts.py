"""Two verdicts: what happened to phones, and whether the script foresaw it.

Each script here ended with "every step ended as expected" and status 0 once, although
phones were lost, or were going to be when they next started.
"""

import dataclasses
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.play.run import Expectations, Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.text_report import verdict_lines
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.trust.reasons import Reason

HEAD = """
name = "tuesday"
lesson = "A change as somebody planned it."

[cluster.cluster]
version = "11.5(1)"

[[groups]]
name = "hq"
model = "8861"
share = 0.5

[[groups]]
name = "branch"
model = "7821"

[[steps]]
title = "As it is"
run = [
    "admin utils ctl set-cluster mixed-mode",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]
"""
ALL_NEW = """
[[steps]]
title = "Everything new"
run = [
    "admin set cert regen ITLRecovery",
    "admin --all set cert regen CallManager",
    "admin --all set cert regen TVS",
    "admin utils ctl update CTLFile",
    "admin --all utils service restart Cisco Trust Verification Service",
    "admin --all utils service restart Cisco Tftp",
    BOOT
]
"""
TWO_ROUNDS = """
[[steps]]
title = "CallManager, while the branch is off"
run = [
    "phones off branch",
    "admin --all set cert regen CallManager",
    "admin utils ctl update CTLFile",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]

[[steps]]
title = "TVS"
run = [
    "admin --all set cert regen TVS",
    "admin --all utils service restart Cisco Trust Verification Service",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]
"""


def _play(folder: Path, steps: str) -> Played:
    file = folder / "tuesday.toml"
    file.write_text(HEAD + steps)
    return play_alone(Rehearsal(load_script(file), 4))


def _leading(played: Played) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as capture:
        console.print(verdict_lines(played))
    return capture.get().splitlines()[0]


def test_what_nobody_expects_to_be_stuck_may_not_be(tmp_path: Path) -> None:
    played = _play(tmp_path, ALL_NEW.replace("BOOT", '"phones boot"'))

    assert _leading(played) == "LOCKED OUT 4 of 4 phones"
    assert not played.ok
    assert played.expectations is Expectations.NONE
    assert [step.ok for step in played.steps] == [True, False]
    assert played.steps[1].unforeseen == (
        "2 of 2 phones of hq stuck and locked out (expected: none)",
        "2 of 2 phones of branch stuck and locked out (expected: none)",
    )


def test_phones_that_were_not_restarted_are_judged_by_what_they_would_do(
    tmp_path: Path,
) -> None:
    played = _play(tmp_path, ALL_NEW.replace("BOOT", ""))
    last = played.steps[-1]

    assert _leading(played) == "LOCKED OUT 4 of 4 phones when they next start"
    assert not played.ok
    assert played.stuck == ()
    assert played.impact.to_json()["would_be_stuck"] == 4
    for status in last.statuses:
        assert status.states == {PhoneStatus.WOULD_BE_STUCK: 2}
        assert {each.code for each in status.prospects} == {Reason.TVS_NOT_IN_ITL}
        nodes = {each.node for each in status.prospects}
        assert nodes == {"cucm-1051-a-pub", "cucm-1051-a-sub1"}
        assert status.remedies != ()


def test_a_branch_that_was_off_during_two_rounds_would_be_stuck(tmp_path: Path) -> None:
    played = _play(tmp_path, TWO_ROUNDS)
    first, second = played.steps[1:]

    assert (first.ok, first.impact.would_be_stuck, first.impact.waiting) == (True, 0, 2)
    assert second.impact.would_be_stuck == 2
    assert second.unforeseen == (
        "2 of 2 phones of branch would be stuck when they next start (expected: none)",
    )
    assert _leading(played) == "WOULD BE STUCK 2 of 4 phones when they next start"
    assert not played.ok


def test_what_was_foreseen_is_as_expected(tmp_path: Path) -> None:
    foreseen = """
expect = [
    { group = "hq", outcome = "ok" },
    { group = "branch", would_be_stuck = true, reason = "tvs-not-in-itl" },
]

[[steps]]
title = "Nothing more"
run = ["admin show ctl"]

[[steps]]
title = "The branch returns"
run = ["phones on branch", "phones boot"]
expect = [{ group = "branch", stuck = true, remedy = "itl-reset-localkey ITLRecovery" }]

[[steps]]
title = "Nothing more again"
run = ["admin show ctl"]
"""
    played = _play(tmp_path, TWO_ROUNDS + foreseen)

    assert played.ok
    assert played.expectations is Expectations.MET
    assert played.impact.stuck == 2, "what was foreseen has happened all the same"


STAYS_STUCK = """
expect = [{ group = "hq", stuck = true }, { group = "branch", stuck = true }]

[[steps]]
title = "Again"
run = ["phones boot hq"]
"""


def test_an_expectation_that_ends_does_not_cover_the_next_boot(tmp_path: Path) -> None:
    played = _play(tmp_path, ALL_NEW.replace("BOOT", '"phones boot"') + STAYS_STUCK)

    assert [step.ok for step in played.steps] == [True, True, False]
    (unforeseen,) = played.steps[-1].unforeseen
    assert "of hq stuck" in unforeseen


def test_phones_that_would_take_the_news_are_not_restarted(tmp_path: Path) -> None:
    played = _play(
        tmp_path,
        """
[[steps]]
title = "One certificate, and nobody restarted"
run = [
    "admin set cert regen CAPF",
    "admin utils ctl update CTLFile",
    "admin --all utils service restart Cisco Tftp",
]
expect = [{ group = "hq", would_be_stuck = false }]
""",
    )
    states = [status.states for status in played.steps[-1].statuses]

    assert states == [{PhoneStatus.NOT_RESTARTED: 2}, {PhoneStatus.NOT_RESTARTED: 2}]
    assert played.ok


def test_phones_whose_servers_are_all_down_would_be_stuck(tmp_path: Path) -> None:
    played = _play(
        tmp_path,
        """
[[steps]]
title = "Both nodes down"
run = ["node stop cucm-1051-a-pub", "node stop cucm-1051-a-sub1"]
expect = [{ group = "hq", would_be_stuck = false }]
""",
    )
    last = played.steps[-1]

    assert last.impact.would_be_stuck == 4
    codes = {each.code for status in last.statuses for each in status.prospects}
    assert codes == {Reason.NO_SERVER}
    assert last.differences == (
        "2 of 2 phones of hq: would_be_stuck is true, not false",
    )
    assert played.expectations is Expectations.FAILED


@pytest.mark.parametrize("boots", ["", '"phones boot"'])
def test_the_command_exits_1_and_its_page_has_a_red_badge(
    tmp_path: Path, boots: str
) -> None:
    file, page = tmp_path / "tuesday.toml", tmp_path / "page.html"
    file.write_text(HEAD + ALL_NEW.replace("BOOT", boots))
    status, out, err = run_cli(
        *("rehearse", "run", str(file), "--phones", "4", "--report", str(page))
    )

    assert status == 1
    assert out.startswith("LOCKED OUT 4 of 4 phones")
    assert "(expected: none)" in err.splitlines()[-1]
    title = page.read_text().partition("<h1>")[2].partition("</h1>")[0]
    assert '<span class="badge bad">LOCKED OUT 4 of 4 phones' in title
    assert "badge good" not in title


def test_json_counts_what_would_happen(tmp_path: Path) -> None:
    file = tmp_path / "tuesday.toml"
    file.write_text(HEAD + ALL_NEW.replace("BOOT", ""))
    status, out, _ = run_cli("rehearse", "run", str(file), "--phones", "4", "--json")
    first, second, end = map(json.loads, out.splitlines())

    assert status == 1
    assert (first["expected"], first["ok"]) == (None, True)
    assert second["impact"]["stuck"] == 0
    assert second["impact"]["would_be_stuck"] == 4
    assert second["impact"]["locked_out"] == 4
    (refusal, *_) = second["observed"]["groups"]["hq"]["would_refuse"]
    assert refusal["reason_code"] == "tvs-not-in-itl"
    assert (end["expectations"], end["ok"], end["stuck"]) == ("none", False, [])


def test_what_is_only_mentioned_of_12_5_is_said_not_to_be_played(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tuesday.toml"
    file.write_text(HEAD.replace("11.5(1)", "12.5(1)"))
    played = play_alone(Rehearsal(load_script(file), 4))

    (said,) = played.to_json()["not_modelled"]
    assert said.startswith("guides of 12.5(1)SU1 and SU3 speak of phones")
    assert _leading(played).startswith("SAFE")
    console = Console(width=300, color_system=None)
    with console.capture() as capture:
        console.print(verdict_lines(played))
    assert "NOT MODELLED: " in capture.get()


def test_dates_that_phones_do_not_judge_are_told_where_certificates_expire(
    tmp_path: Path,
) -> None:
    later = """
[[steps]]
title = "Six years later"
run = ["time pass 2190", "phones boot"]
"""
    played = _play(tmp_path, later)
    (said,) = played.not_modelled
    assert said.startswith("CallManager of cucm-1051-a-pub, ")
    assert "those of hq, branch do not" in said
    assert "`minds_expiry = true`" in said
    minding = replace(
        played.script,
        groups=[replace(each, minds_expiry=True) for each in played.script.groups],
    )
    assert dataclasses.replace(played, script=minding).not_modelled == ()


def test_nothing_is_left_out_of_other_releases(tmp_path: Path) -> None:
    played = _play(tmp_path, "")
    assert played.to_json()["not_modelled"] == []


def test_a_change_that_was_not_made_is_not_called_safe(tmp_path: Path) -> None:
    refused = tmp_path / "refused.toml"
    refused.write_text(
        'name = "refused"\nlesson = "x"\n[[groups]]\nname = "hq"\nmodel = "7975"\n'
        '[[steps]]\ntitle = "one"\n'
        'run = ["admin utils ctl update CTLFile", "phones boot"]\n'
    )
    page, tests = tmp_path / "page.html", tmp_path / "junit.xml"
    status, out, err = run_cli(
        *("rehearse", "run", str(refused), "--phones", "1"),
        *("--report", str(page), "--junit", str(tests)),
    )
    assert status == 1
    assert err.count("BROKE OFF in step 1") == 1
    assert "NO VERDICT: the change was not made as it is written" in out
    for told in (out, page.read_text(), tests.read_text()):
        assert "BROKE OFF" in told
        assert "SAFE" not in told
    assert "badge good" not in page.read_text()


def test_a_report_of_all_is_refused_without_a_page_of_names(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    status, _, err = run_cli("rehearse", "run", "--all", "--report", str(page))
    assert status == 2
    assert "choose one of " in err
    assert err.endswith(" more\n")
    assert len(err) < 500
    assert not page.exists()
