"""Plans from 14 on, where services restart and phones are reset by themselves."""

from dataclasses import replace

from tests.phone_emulator.planner.tasks import NODES, task
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import Regenerate, ResetPhones, apply
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.search.risk import assess, is_settled
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release
from tokenless.protocol.trust.reasons import Reason


def automatic(goal: str, version: str = "14SU3", *models: str) -> Plan:
    plan = make_plan(task(goal, version=version, models=models or ("8861",)))
    assert plan.steps is not None
    return plan


def test_every_node_that_shows_a_shared_tvs_certificate_can_be_asked() -> None:
    wanted = task("CallManager", version="14SU3", models=("8861",))
    layout = replace(wanted.layout, shared=frozenset({TrustStore.TVS}))
    plan = make_plan(replace(wanted, layout=layout))
    assert plan.steps is not None
    assert {each for step in plan.steps for each in step.tvs.values()} == {(0, 1)}
    assert f"TVS members: {', '.join(NODES)}" in "\n".join(in_words(plan))


def test_from_14_on_a_new_tvs_certificate_needs_no_restart() -> None:
    """A reset at the end is left: some phones came too early, some were not reached."""
    plan = automatic("TVS")
    assert plan.steps is not None
    assert [type(each.step) for each in plan.steps] == [
        Regenerate,
        Regenerate,
        ResetPhones,
    ]
    assert [each.resets_phones for each in plan.steps] == [True, True, False]
    (first, *_) = plan.steps[-1].boots.values()
    assert first.itl is not None
    assert first.itl.action is FileAction.UNCHANGED
    (late, *_) = plan.steps[-1].other_boots.values()
    assert {each.itl.action for each in late if each.itl} == {FileAction.UPDATED}


def test_what_is_left_is_said_of_the_phone_that_has_the_fewest() -> None:
    """It was that of phones that were reset at the best moment: every TVS was left."""
    plan = automatic("CallManager, TVS")
    assert plan.steps is not None
    steps = {each.title: each for each in plan.steps}
    pub, sub = NODES
    anchors = steps[f"regenerate CallManager on {pub}"].anchors.values()
    assert [[who.unit for who in each] for each in anchors] == [["ITLRecovery"]] * 2
    left = [steps[f"regenerate TVS on {node}"].tvs.values() for node in (pub, sub)]
    assert [set(each) for each in left] == [{(1,)}, {()}]


def test_the_plan_says_that_phones_are_reset_by_themselves() -> None:
    plan = automatic("TVS")
    words = "\n".join(in_words(plan))
    assert "phones are reset automatically, at unknown moments" in words
    assert "reset too early or not at all: CTL unchanged, ITL updated" in words
    steps = to_json(plan)["steps"]
    assert [each["resets_phones"] for each in steps] == [True, True, False]
    by_hand = make_plan(task("TVS", version="12.5(1)", models=("8861",)))
    assert "reset automatically" not in "\n".join(in_words(by_hand))


def test_in_manual_mode_14_resets_nobody() -> None:
    layout = ClusterLayout(Release.parse("14"), NODES)
    groups = (PhoneGroup("desk", "8861"),)
    plan = make_plan(Task(layout, groups, parse_goal("TVS", layout)))
    assert plan.steps is not None
    assert not any(each.resets_phones for each in plan.steps)
    assert not any(each.other_boots for each in plan.steps)


def test_all_in_one_go_locks_phones_out_before_anybody_could_wait() -> None:
    """Phones of 14 are reset when ITLRecovery follows TVS: they cannot ask (7.8)."""
    plan = automatic("TVS, ITLRecovery")
    lockout = plan.in_one_go.lockout
    assert lockout is not None
    assert lockout.title == "regenerate ITLRecovery on pub"
    assert lockout.problem.reason is Reason.TVS_NOT_IN_ITL


def test_from_14_on_no_order_spares_a_jabber_its_window() -> None:
    """TFTP signs its configuration anew before its CTL can be updated."""
    plan = automatic("CallManager", "15", "8861", "Jabber")
    (first, second) = plan.unsafe
    assert {first.group.model, second.group.model} == {"Jabber"}
    assert first.to_step is not None
    assert not first.only_if_restarted
    assert plan.by_hand == ()
    refused = {name for each in plan.steps or () for name in each.refused}
    assert refused == {"Jabber-pub", "Jabber-sub1"}
    words = "\n".join(in_words(plan))
    assert "at some of these moments Jabber-pub" in words


def test_a_safe_order_is_safe_for_phones_that_no_reset_reaches() -> None:
    """Whatever phones hold in a race, the order ends well for all of them."""
    wanted = task("CallManager, TVS, CAPF, ITLRecovery", version="15", models=("7975",))
    plan = make_plan(wanted)
    world = wanted.first_world()
    most = 0
    for planned in plan.steps or ():
        world = apply(wanted.layout, wanted.groups, world, planned.step)
        most = max(most, len(world.others))
        assert not world.refused
        assert assess(wanted, world) is not None
    assert most > 1
    assert world.others == frozenset()
    assert is_settled(wanted, world)
