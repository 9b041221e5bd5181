"""Phones that are reset by themselves: moments, dial tone, what is counted."""

import json
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.rig.clusters.race import Moment
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script

PUB, SUB = "cucm-1051-a-pub", "cucm-1051-a-sub1"
HEAD = """
name = "monday"
lesson = "A certificate changes, and nobody resets a phone."

[cluster.cluster]
version = "14SU3"
MORE

[[groups]]
name = "hq"
share = 0.5

[[groups]]
name = "branch"
model = "8861"
tftp = ["cucm-1051-a-sub1", "cucm-1051-a-pub"]

[[steps]]
title = "As it is"
run = [
    "admin utils ctl set-cluster mixed-mode",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]
"""
TVS = """
[[steps]]
title = "TVS"
run = ["admin --all set cert regen TVS"]
"""
CALLMANAGER = """
[[steps]]
title = "CallManager"
run = ["admin --all set cert regen CallManager"]
"""
CTL = """
[[steps]]
title = "The CTL"
run = [
    "admin utils ctl update CTLFile",
    "admin --all utils service restart Cisco Tftp",
    "phones boot",
]
"""
SECURE = """
[[steps]]
title = "Encrypted phones"
run = [
    "capf install branch",
    "phones boot branch",
    "device secure branch encrypted",
    "phones boot branch",
]
expect = [{ group = "branch", secure = true }]
"""
NO_TVS = """
[[steps]]
title = "ITLRecovery, while nobody can ask TVS"
run = [
    "admin --all utils service stop Cisco Trust Verification Service",
    "admin set cert regen ITLRecovery",
]
"""


def play(
    folder: Path, steps: str, *, more: str = "", phones: int = 8, seed: int = 0
) -> Played:
    file = folder / "monday.toml"
    file.write_text(HEAD.replace("MORE", more) + steps)
    script = load_script(file)
    return play_alone(Rehearsal(script, phones, seed))


def test_every_change_resets_every_phone_at_some_moment(tmp_path: Path) -> None:
    played = play(tmp_path, TVS + CTL)
    first, second, last = played.steps

    assert (first.restarts.automatic, first.restarts.by_hand) == (0, 0)
    assert [race.resets for race in second.restarts.races] == [8, 8]
    assert all(set(race.nodes) == {PUB, SUB} for race in second.restarts.races)
    assert sum(second.restarts.moments.values()) == 16
    assert (last.restarts.automatic, last.restarts.by_hand) == (0, 8)
    assert "phones reset automatically: " in second.transcript
    assert played.impact.is_safe
    assert played.ok
    assert played.not_modelled == ()
    for status in last.statuses:
        assert status.fewest is not None
        assert len(status.fewest.tvs) == 2


def test_a_phone_that_came_too_early_holds_old_files(tmp_path: Path) -> None:
    """Whoever booted before the last node followed can ask fewer TVS servers."""
    played = play(tmp_path, TVS, phones=24)
    step = played.steps[-1]
    late = step.restarts.races[-1].moments[Moment.AFTER]
    knowing = sum(
        count
        for status in step.statuses
        for anchors, count in status.anchors.items()
        if len(anchors.tvs) == 2
    )
    assert 0 < late < 24
    assert late <= knowing < 24
    assert 0 < step.impact.waiting <= 24 - late


def test_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    played = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        played.append(play(tmp_path / name, TVS, seed=seed))
    drawn = [each.steps[-1].restarts.races for each in played]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert [each.to_json()["seed"] for each in played] == [3, 3, 4]


def test_in_manual_mode_phones_wait(tmp_path: Path) -> None:
    played = play(tmp_path, TVS, more='phone_interaction = "manual"')
    step = played.steps[-1]
    assert step.restarts.races == ()
    assert step.impact.waiting == 8
    for status in step.statuses:
        assert status.fewest is not None
        assert status.fewest.tvs == ()  # both TVS have restarted by themselves


def test_12_5_can_be_automatic_and_says_when_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    release = '14SU3"\n'
    with_setting = HEAD.replace(release, '12.5(1)"\nphone_interaction = "automatic"\n')
    played = []
    for name, head in (("a", HEAD.replace(release, '12.5(1)"\n')), ("b", with_setting)):
        file = tmp_path / name / "monday.toml"
        file.write_text(head.replace("MORE", "") + TVS)
        played.append(play_alone(Rehearsal(load_script(file), 2)))
    by_hand, automatic = played
    assert by_hand.restarts.automatic == 0
    assert "`phone_interaction` of `[cluster]`" in by_hand.not_modelled[0]
    assert automatic.restarts.automatic == 4
    assert automatic.not_modelled == ()


def test_secure_phones_are_silent_until_the_ctl_is_updated(tmp_path: Path) -> None:
    played = play(tmp_path, SECURE + CALLMANAGER + CTL, phones=4)
    *_, callmanager, end = played.steps
    assert callmanager.impact.unregistered == 2
    (outage,) = played.outages
    assert (outage.group, outage.phones) == ("branch", 2)
    assert (outage.from_step, outage.to_step) == (3, 4)
    assert end.impact.is_safe
    by_itself = callmanager.restarts
    # The second change finds phones that no reset reaches any more.
    assert by_itself.races[0].unreached == 0
    assert by_itself.races[0].resets == 4
    assert by_itself.races[1].resets + by_itself.races[1].unreached == 4


def test_moments_that_would_end_worse_are_said(tmp_path: Path) -> None:
    played = play(tmp_path, NO_TVS, phones=12)
    step = played.steps[-1]
    (race,) = step.restarts.races
    stuck = step.impact.stuck
    assert 0 < stuck < 12
    assert sum(race.at_risk.values()) == 12
    assert not played.ok
    assert any("another moment" in each for each in step.unforeseen)
    late = race.moments[Moment.AFTER]
    assert late <= stuck


@pytest.mark.parametrize(("steps", "wanted"), [(NO_TVS, True), (TVS, False)])
def test_what_may_happen_in_a_race_can_be_expected(
    tmp_path: Path, steps: str, wanted: bool
) -> None:
    said = ", ".join(
        f'{{ group = "{name}", at_risk = {str(wanted).lower()} }}'
        for name in ("hq", "branch")
    )
    step = play(tmp_path, f"{steps}expect = [{said}]\n").steps[-1]
    assert step.differences == ()
    assert not any("another moment" in each for each in step.unforeseen)


def test_a_risk_that_was_expected_otherwise_is_a_difference(tmp_path: Path) -> None:
    said = '{ group = "hq", at_risk = true }'
    step = play(tmp_path, f"{TVS}expect = [{said}]\n").steps[-1]
    (difference,) = step.differences
    assert difference.startswith("0 phones of hq would refuse a file at some moment")
    assert difference.endswith("at_risk is false, not true")


def test_a_node_that_is_down_follows_nothing(tmp_path: Path) -> None:
    down = f"""
[[steps]]
title = "TVS, one node down"
run = ["node stop {SUB}", "admin set cert regen TVS"]
"""
    played = play(tmp_path, down)
    (race,) = played.steps[-1].restarts.races
    assert race.nodes == (PUB,)
    assert race.resets == 8


def test_phones_that_are_off_are_not_reset(tmp_path: Path) -> None:
    off = """
[[steps]]
title = "TVS, a branch off"
run = ["phones off branch", "admin set cert regen TVS"]
"""
    played = play(tmp_path, off)
    (race,) = played.steps[-1].restarts.races
    assert race.resets == 4


@pytest.mark.parametrize("unit", ["CAPF", "ITLRecovery"])
def test_the_publishers_units_reset_phones_too(tmp_path: Path, unit: str) -> None:
    step = TVS.replace("admin --all set cert regen TVS", f"admin set cert regen {unit}")
    played = play(tmp_path, step)
    assert played.steps[-1].restarts.automatic == 8
    assert played.ok


def test_the_command_line_leads_with_what_happened(tmp_path: Path) -> None:
    file = tmp_path / "monday.toml"
    file.write_text(HEAD.replace("MORE", "") + TVS)
    run = ("rehearse", "run", str(file), "--phones", "4", "--seed", "5")
    status, out, _ = run_cli(*run)
    assert status == 0
    assert out.startswith("SAFE")
    assert "AUTOMATIC RESETS: 8 resets after 2 changes: " in " ".join(out.split())
    status, out, _ = run_cli(*run, "--json")
    end = json.loads(out.splitlines()[-1])
    assert end["restarts"] == {"automatic": 8, "by_hand": 0}
    assert (end["seed"], end["not_modelled"]) == (5, [])
    step = json.loads(out.splitlines()[1])
    assert [sum(r[m] for m in Moment) for r in step["restarts"]["races"]] == [4, 4]
