"""Planning for the cluster that a rehearsal ends with: what the model cannot follow."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.model.steps import Regenerate, UpdateCtl
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.rehearsal.explore.exploration import ranked
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.reports.exploration import summary_lines
from tokenless.phone_emulator.rehearsal.scripts.script import (
    Approximated,
    Group,
    Script,
    Step,
)
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.codes import Role, TrustStore

SUBSCRIBER = "cucm-1051-a-sub1"
UNKNOWN = "the planner's model does not know the step"


def rehearsal(*lines: str, tftp: tuple[str, ...] = ()) -> Script:
    return Script(
        name="ours",
        lesson="ours",
        groups=(Group(name="desk", tftp=tftp),),
        steps=(Step(title="all of it", run=("phones boot", *lines)),),
    )


def test_a_plan_tells_what_the_import_guessed(tmp_path: Path) -> None:
    """It called a change safe by guesses that it did not name."""
    guess = Approximated("the CallManager group is a guess", "lists do not tell it")
    ours = msgspec.structs.replace(rehearsal(), approximations=(guess,))
    file, runbook = tmp_path / "ours.toml", tmp_path / "runbook.md"
    file.write_text(write_script(ours))
    asked = ("rehearse", "plan", "--goal", "TVS", "--for", str(file))
    told = "approximated: the CallManager group is a guess (lists do not tell it)"

    _, said, _ = run_cli(*asked, "--runbook", str(runbook))
    assert said.splitlines()[0] == told
    assert told in runbook.read_text()
    planned = json.loads(run_cli(*asked, "--json")[1])
    assert planned["approximations"] == [guess.to_json()]
    found = ranked(ours, [], 0)
    assert told in list(summary_lines(found))
    assert found.to_json()["approximations"] == [guess.to_json()]


def test_a_regeneration_is_understood_in_any_case() -> None:
    changed = rehearsal(f"admin --node {SUBSCRIBER} set cert regen tvs")
    task = task_for(changed, "CAPF")
    world, before = task.first_world(), task_for(rehearsal(), "CAPF").first_world()
    slot = task.layout.slots.index((TrustStore.TVS, 1))
    assert world.cluster.generations[slot] == before.cluster.generations[slot] + 1
    assert task.goal == (Regenerate(TrustStore.CAPF),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("admin set cert regen tomcat", "there is no certificate 'tomcat'"),
        ("admin --node nobody set cert regen TVS", "there is no node 'nobody'"),
        (
            f"admin --node {SUBSCRIBER} set cert regen CAPF",
            "CAPF is the publisher's, for the whole cluster",
        ),
        # In another cluster: the model would do something else.
        ("admin --cluster old utils ctl update CTLFile", UNKNOWN),
        ("admin --cluster old --all utils service restart Cisco Tftp", UNKNOWN),
    ],
)
def test_a_step_that_the_model_does_not_know_is_refused(line: str, why: str) -> None:
    with pytest.raises(PhoneError, match=UNKNOWN) as refused:
        task_for(rehearsal(line), "CAPF")
    assert why in str(refused.value)
    assert refused.value.hint


def test_a_saved_plan_can_be_planned_for() -> None:
    """Plans have restarts of Cisco CallManager, which the model need not know."""
    restart = "admin --all utils service restart Cisco CallManager"
    task = task_for(rehearsal(restart), "CAPF")
    assert task.first_world() == task_for(rehearsal(), "CAPF").first_world()


def test_files_that_are_served_without_a_restart_are_refused() -> None:
    """Phones that boot right after a regeneration would meet the new signer."""
    script = msgspec.structs.replace(
        rehearsal(), cluster={"tftp": {"reload": "automatic"}}
    )
    with pytest.raises(PhoneError, match=r"tftp\.reload is 'automatic'") as refused:
        task_for(script, "CallManager")
    assert refused.value.hint == "plan for a rehearsal in which it is 'restart'"


def test_phones_of_another_cluster_are_refused() -> None:
    with pytest.raises(PhoneError, match="desk ask far, which is not in the cluster"):
        task_for(rehearsal(tftp=("far",)), "CAPF")


def test_a_regeneration_on_every_node_is_understood() -> None:
    task = task_for(rehearsal("admin --all set cert regen callmanager"), "TVS")
    generations = task.first_world().cluster.generations
    assert [
        generation
        for (unit, _), generation in zip(task.layout.slots, generations, strict=True)
        if unit is TrustStore.CALLMANAGER
    ] == [1, 1]


def test_a_cluster_that_went_mixed_and_back_is_planned_for() -> None:
    """Its CTL stays, with the servers emptied; nothing can update it."""
    lines = (
        "admin utils ctl set-cluster mixed-mode",
        "admin utils ctl set-cluster non-secure-mode",
        "admin --all utils service restart Cisco Tftp",
        "phones boot",
    )
    task = task_for(rehearsal(*lines), "regenerate CallManager, TVS")
    world = task.first_world()
    assert not task.layout.is_mixed
    assert world.cluster.ctl is not None
    assert world.cluster.ctl.holders(Role.SAST)
    assert not world.cluster.ctl.holders(Role.CCM_TFTP)
    assert world.phones[0].ctl is world.cluster.ctl
    plan = make_plan(task)
    assert plan.steps is not None
    assert plan.proven
    assert not plan.unsafe
    assert not any(isinstance(each.step, UpdateCtl) for each in plan.steps)


@pytest.mark.parametrize("others", [(), (Group(name="desk"),)])
def test_a_phone_that_lost_its_anchors_is_not_said_to_refuse_what_it_holds(
    others: tuple[Group, ...],
) -> None:
    """No step makes a new CTL there: the phone keeps the one that its node serves."""
    lines = (
        "admin utils ctl set-cluster mixed-mode",
        "admin utils ctl set-cluster non-secure-mode",
        "admin --all utils service restart Cisco Tftp",
        "phones boot",
    )
    script = msgspec.structs.replace(
        rehearsal(*lines), groups=(Group(name="old", model="7960"), *others)
    )
    plan = make_plan(task_for(script, "CallManager"))
    assert [group.name for group in plan.by_hand] == ["old"]
    said = "hold what their node serves, but will refuse any new list"
    assert said in "\n".join(in_words(plan))
    assert "still refuse" not in "\n".join(in_words(plan))
    if others:
        assert said in list(rounds(plan))[-1].why
    more = rehearsal(lines[0], *lines[2:]).steps
    mixed = msgspec.structs.replace(script, steps=more)
    plan = make_plan(task_for(mixed, "CallManager"))
    assert "still refuse the files" in "\n".join(in_words(plan))


def test_non_secure_without_a_ctl_makes_none() -> None:
    line = "admin utils ctl set-cluster non-secure-mode"
    world = task_for(rehearsal(line), "TVS").first_world()
    assert world.cluster.ctl is None


def test_the_phones_ask_the_tvs_of_their_callmanager_group() -> None:
    script = msgspec.structs.replace(
        rehearsal(),
        cluster={"callmanager_groups": [{"name": "Lab-CMG", "members": [SUBSCRIBER]}]},
    )
    assert task_for(script, "TVS").groups[0].members == (1,)


def test_what_import_writes_for_nine_nodes_and_three_models_is_planned_for() -> None:
    """27 groups; the search was endless with a model that no order is safe for."""
    names = ["pub", *(f"sub{number}" for number in range(1, 9))]
    nodes = [
        {"name": name, "address": f"127.0.62.{number}", "publisher": number == 1}
        for number, name in enumerate(names, 1)
    ]
    members = [{"name": "Lab-CMG", "members": names[:5]}]
    script = Script(
        name="imported",
        lesson="ours",
        groups=tuple(
            Group(name=f"{model}-at-{name}", model=model, tftp=(name,))
            for model in ("7821", "8861", "Jabber")
            for name in names
        ),
        steps=(
            Step(
                title="as it is",
                run=(
                    "admin utils ctl set-cluster mixed-mode",
                    "admin --all utils service restart Cisco Tftp",
                    "phones boot",
                ),
            ),
        ),
        cluster={
            "cluster": {"version": "12.5(1)"},
            "nodes": nodes,
            "callmanager_groups": members,
        },
    )
    task = task_for(script, "regenerate CallManager, TVS")
    assert len(task.groups) == 27
    plan = make_plan(task)
    assert plan.proven
    assert plan.steps is not None
    assert {each.group.model for each in plan.unsafe} == {"Jabber"}
    assert all(each.to_step is not None for each in plan.unsafe)
    assert plan.by_hand == ()
