"""Plans played with real services and real phones: the model's predictions hold."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.phone_emulator.planner.tasks import layout_of
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.planner.in_one_go import naive_steps
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import (
    ResetPhones,
    apply,
    boots,
    commands,
)
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.rehearsal.planning.script import expectations, script_of
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step
from tokenless.phone_emulator.rehearsal.scripts.script_files import load_script
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction

NODES = ("cucm-1051-a-pub", "cucm-1051-a-sub1")


def task(goal: str, version: str, *models: str, mixed: bool = True) -> Task:
    layout = layout_of(version, NODES, mixed)
    groups = tuple(
        PhoneGroup(f"{model}-at-{number}", model, number)
        for model in models
        for number in range(len(NODES))
    )
    return Task(layout, groups, parse_goal(goal, layout))


def play(script: Script) -> Played:
    return play_alone(Rehearsal(script, len(script.groups)))


@pytest.mark.parametrize(
    ("goal", "version", "models", "mixed"),
    [
        ("CallManager, TVS, CAPF", "10.5(1)", ("7975", "7960"), True),
        ("CallManager, TVS, CAPF, ITLRecovery", "11.5(1)", ("8861",), False),
        ("CallManager, TVS, CAPF, ITLRecovery", "12.5(1)", ("7975", "7960"), True),
        ("CallManager, TVS", "14", ("8861", "Jabber"), True),
        ("CallManager, TVS, CAPF, ITLRecovery", "14SU3", ("7975", "8861"), True),
        ("TVS, ITLRecovery", "15", ("8861",), False),
        ("CallManager, TVS", "10.5(1)", ("7960", "7940"), False),
    ],
    ids=[
        *("10.5", "11.5-non-secure", "12.5", "14-Jabber", "14SU3", "15-non-secure"),
        "10.5-no-lists",
    ],
)
def test_a_plan_ends_as_it_was_predicted(
    goal: str, version: str, models: tuple[str, ...], mixed: bool
) -> None:
    plan = make_plan(task(goal, version, *models, mixed=mixed))
    script = script_of(plan, name="plan", version=version)
    played = play(script)
    assert played.first_difference is None
    assert played.ok
    assert played.stuck == ()


@pytest.mark.parametrize(
    ("version", "interaction"),
    [
        ("12.5(1)", PhoneInteraction.AUTOMATIC),
        ("14", PhoneInteraction.AUTOMATIC),
        ("15", PhoneInteraction.MANUAL),
    ],
)
def test_secure_phones_have_dial_tone_at_the_end_of_a_plan(
    version: str, interaction: PhoneInteraction
) -> None:
    """Whether Cisco CallManager restarts by hand or by itself (REFERENCE-2 3.3)."""
    wanted = task("CallManager", version, "8861")
    layout = replace(wanted.layout, interaction=interaction)
    plan = make_plan(replace(wanted, layout=layout))
    script = script_of(plan, name="plan", version=version)
    first, *others = script.steps
    lines = [f"device secure {group.name} encrypted" for group in script.groups]
    secured = msgspec.structs.replace(first, run=(*first.run, *lines, "phones boot"))
    secured = msgspec.structs.replace(secured, expect=())
    played = play(msgspec.structs.replace(script, steps=(secured, *others)))
    assert played.first_difference is None
    assert [each.impact.unregistered for each in played.steps] == [0, 0]


def test_secure_phones_register_before_a_plan_for_certificates_of_a_ca() -> None:
    """The cluster that is set up shows what a CA signed, as its CTL says."""
    wanted = task("TVS", "11.5(1)", "8861")
    signed = replace(wanted.layout, signed=frozenset({TrustStore.CALLMANAGER}))
    plan = make_plan(replace(wanted, layout=signed))
    script = script_of(plan, name="plan", version="11.5(1)")
    first, *_ = script.steps
    lines = [f"device secure {group.name} encrypted" for group in script.groups]
    secured = msgspec.structs.replace(first, run=(*first.run, *lines, "phones boot"))
    secured = msgspec.structs.replace(secured, expect=())
    played = play(msgspec.structs.replace(script, steps=(secured,)))
    assert [each.impact.unregistered for each in played.steps] == [0]


@pytest.mark.parametrize("version", ["10.5(1)", "11.5(1)", "12.5(1)"])
def test_the_change_in_one_go_ends_as_it_was_predicted(version: str) -> None:
    """The orders that plans avoid: locked out here is locked out there."""
    wanted = task("CallManager, TVS", version, "7975", "7960")
    world = wanted.first_world()
    lines: list[str] = []
    for step in naive_steps(wanted):
        lines += commands(wanted.layout, step)
        if isinstance(step, ResetPhones):
            break
        world = apply(wanted.layout, wanted.groups, world, step)
    predicted = {
        group.name: each
        for group, each in zip(
            wanted.groups, boots(wanted.layout, wanted.groups, world), strict=True
        )
    }
    assert any(each.refusals for each in predicted.values()) == (version < "12")
    planned = script_of(make_plan(wanted), name="naive", version=version)
    in_one_go = Step(
        title="in one go",
        run=tuple(lines),
        expect=tuple(expectations(wanted.groups, predicted)),
    )
    script = msgspec.structs.replace(planned, steps=(planned.steps[0], in_one_go))
    assert play(script).first_difference is None


def test_a_saved_plan_is_a_rehearsal(tmp_path: Path) -> None:
    saved = tmp_path / "change.toml"
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "regenerate TVS", "--models", "7975"),
        *("--save", str(saved)),
    )
    assert status == 0
    assert "The shortest safe order" in out
    assert str(saved) in err
    assert load_script(saved).name == "change"
    status, out, _ = run_cli("rehearse", "run", str(saved), "--phones", "2", "--json")
    assert status == 0
    assert '"ok": true' in out.splitlines()[-1]


def test_a_saved_plan_with_tftp_apart_is_a_rehearsal(tmp_path: Path) -> None:
    """CAPF serves phones on the publisher only; subscribers are not given it."""
    saved = tmp_path / "change.toml"
    status, _, _ = run_cli(
        *("rehearse", "plan", "--goal", "regenerate TVS", "--models", "7975"),
        *("--nodes", "pub,sub1,sub2", "--tftp", "sub1", "--save", str(saved)),
    )
    assert status == 0
    script = load_script(saved)
    roles = [node.get("roles") for node in script.cluster["nodes"]]
    assert roles == [["callmanager", "capf"], None, ["callmanager"]]
    assert play(script).ok


def test_no_safe_order_is_exit_status_1() -> None:
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "CallManager", "--models", "7960", "--json")
    )
    assert status == 1
    assert '"safe": false' in out
    assert err.startswith("tokenless: no order is safe")


def test_a_plan_that_locks_phones_out_is_exit_status_1(tmp_path: Path) -> None:
    """Its outputs are written all the same: it may be the best that there is."""
    saved, book = tmp_path / "change.toml", tmp_path / "change.md"
    words = ("rehearse", "plan", "--goal", "CallManager", "--models", "7960,7975")
    status, out, err = run_cli(
        *words, "--json", "--save", str(saved), "--runbook", str(book)
    )
    assert status == 1
    assert (json.loads(out)["safe"], len(json.loads(out)["by_hand"])) == (False, 2)
    assert "tokenless: the plan locks out 7960-at-cucm-1051-a-pub, " in err
    assert "; delete the CTL on each of these phones" in err
    assert "not safe" in load_script(saved).lesson
    _, _, first, *_ = book.read_text().splitlines()
    assert first.startswith("- NOT SAFE for 7960-at-cucm-1051-a-pub")
    status, out, err = run_cli(*words)
    assert status == 1
    assert err.count("\n") == 1
    assert out.split("\n\n")[1].startswith("NOT SAFE for 7960-at-cucm-1051-a-pub")


def test_a_plan_that_restarts_can_spoil_is_exit_status_1() -> None:
    """`safe` in JSON and the exit status say the same."""
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "CallManager", "--models", "8861,Jabber"),
        *("--version", "12.5(1)", "--json"),
    )
    found = json.loads(out)
    assert all(each["only_if_restarted"] for each in found["unsafe"])
    assert (status, found["safe"]) == (1, False)
    assert "if services restart between step 1 and 3; restart no service" in err


def test_phones_without_a_list_are_planned_for() -> None:
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "regenerate CallManager, TVS"),
        *("--models", "7960", "--mode", "non-secure"),
    )
    assert (status, err) == (0, "")
    assert "The shortest safe order (7 steps):" in out


def test_a_strict_plan_that_there_is_not_says_what_to_do() -> None:
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", "TVS", "--strict", "--nodes", "a,b,c"),
        *("--callmanager-group", "a", "--models", "8861", "--mode", "non-secure"),
    )
    assert status == 1
    assert "locks out all" not in out
    assert "plan without --strict" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--goal", "nothing"), "there is no certificate 'nothing'"),
        (("--goal", "TVS", "--version", "9.1"), "9.1 has no tokenless CTL"),
        (("--goal", "TVS", "--nodes", "a,a"), "a node is named twice"),
        (("--goal", "TVS", "--nodes", "a b"), "'a b' is not a valid node name"),
        (
            ("--goal", "TVS", "--nodes", ",".join(f"n{n}" for n in range(22))),
            "plan takes 1 to 21 nodes, not 22",
        ),
        (("--goal", "TVS", "--tftp", "nobody"), "there is no node 'nobody'"),
        (("--goal", "TVS", "--callmanager-group", ","), "has 1 to 5 nodes"),
        (("--goal", "TVS", "--models", "9999"), "there is no phone model 9999"),
    ],
)
def test_what_cannot_be_planned(arguments: tuple[str, ...], words: str) -> None:
    status, out, err = run_cli("rehearse", "plan", *arguments)
    assert (status, out) == (2, "")
    assert words in err


def test_a_plan_for_a_cluster_that_went_mixed_and_back_plays(tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(
        'name = "ours"\nlesson = "x"\n[cluster.cluster]\nversion = "11.5(1)"\n'
        '[[groups]]\nname = "desk"\nmodel = "8861"\n'
        '[[groups]]\nname = "soft"\nmodel = "Jabber"\n'
        '[[steps]]\ntitle = "as it is"\nrun = [\n'
        '"admin utils ctl set-cluster mixed-mode",\n'
        '"admin utils ctl set-cluster non-secure-mode",\n'
        '"admin --all utils service restart Cisco Tftp", "phones boot"]\n'
    )
    change = tmp_path / "change.toml"
    goal = "regenerate CallManager, TVS"
    status, out, err = run_cli(
        *("rehearse", "plan", "--goal", goal, "--for", str(ours), "--save", str(change))
    )
    # The Jabbers keep a CTL that nothing renews any more.
    assert (status, "The shortest safe order" in out) == (1, True), err
    assert "the plan locks out soft permanently" in err
    status, out, _ = run_cli("rehearse", "run", str(change), "--phones", "4", "--json")
    assert status == 0, out
