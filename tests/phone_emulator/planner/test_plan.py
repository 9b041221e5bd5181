"""Plans: what the vendor's procedures say in words, found by search."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.phone_emulator.planner.tasks import NODES, rounds, task
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.planner.in_one_go import naive_steps
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    ResetPhones,
    RestartTftp,
    RestartTvs,
    apply,
    commands,
)
from tokenless.phone_emulator.planner.model.task import parse_goal
from tokenless.phone_emulator.planner.plan import Harm, make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.search.risk import assess, is_settled
from tokenless.phone_emulator.planner.search.search import search
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.release import Release

CALLMANAGER, TVS = TrustStore.CALLMANAGER, TrustStore.TVS
CAPF, ITLRECOVERY = TrustStore.CAPF, TrustStore.ITLRECOVERY


@pytest.mark.parametrize(
    ("goal", "version", "mixed", "length"),
    [
        ("CallManager", "10.5(1)", True, 5),
        ("TVS", "10.5(1)", True, 5),
        ("CAPF", "10.5(1)", True, 4),
        ("CAPF", "10.5(1)", False, 3),
        ("ITLRecovery", "11.5(1)", True, 4),
        ("regenerate CallManager, TVS, CAPF", "10.5(1)", True, 11),
        ("CallManager and TVS", "12.5(1)", False, 8),
        ("CallManager, TVS, CAPF, ITLRecovery", "12.5(1)", True, 14),
    ],
)
def test_the_shortest_order(goal: str, version: str, mixed: bool, length: int) -> None:
    wanted = task(goal, version=version, mixed=mixed)
    plan = make_plan(wanted)
    assert plan.steps is not None
    assert len(plan.steps) == length
    world = wanted.first_world()
    for planned in plan.steps:
        world = apply(wanted.layout, wanted.groups, world, planned.step)
        assert assess(wanted, world) is not None, planned.title
        assert all(planned.anchors.values())
    assert is_settled(wanted, world)
    done = [p.step for p in plan.steps if isinstance(p.step, Regenerate)]
    assert sorted(done, key=str) == sorted(wanted.goal, key=str)


def test_callmanager_and_tvs_never_share_a_round() -> None:
    plan = make_plan(task("CallManager, TVS, CAPF, ITLRecovery", version="11.5(1)"))
    kinds = [{unit for unit in each if unit is not CAPF} for each in rounds(plan)]
    assert all(len(each) == 1 for each in kinds)
    assert len(kinds) == 3


def test_in_one_go_locks_everybody_out_and_itlrecovery_is_left() -> None:
    plan = make_plan(task("CallManager, TVS"))
    lockout = plan.in_one_go.lockout
    assert lockout is not None
    assert lockout.groups == ("7975-pub", "7975-sub1")
    assert lockout.title == "restart Cisco Tftp on every node"
    assert plan.in_one_go.burnt is None


def test_the_step_that_burns_the_last_anchor() -> None:
    plan = make_plan(task("TVS, CallManager, ITLRecovery"))
    burnt = plan.in_one_go.burnt
    assert burnt is not None
    # TVS still runs with the old certificates until it is restarted.
    assert burnt.title.startswith("restart Cisco Trust Verification Service")
    assert set(burnt.groups) == {"7975-pub", "7975-sub1"}


@pytest.mark.parametrize(
    ("version", "left"), [("11.5(1)", {"7975-sub1"}), ("12.5(1)", set())]
)
def test_a_subscribers_callmanager_is_an_anchor_before_12_only(
    version: str, left: set[str]
) -> None:
    """Until then it signs its node's ITL; from 12.0 on neither lists nor resets."""
    wanted = task("ITLRecovery, CallManager@pub, TVS", version=version)
    burnt = make_plan(wanted).in_one_go.burnt
    assert burnt is not None
    assert set(burnt.groups) == {"7975-pub", "7975-sub1"} - left


def test_from_12_on_callmanager_and_tvs_in_one_go_lock_nobody_out() -> None:
    plan = make_plan(task("CallManager, TVS", version="12.5(1)"))
    assert plan.in_one_go.lockout is None


@pytest.mark.parametrize(
    ("goal", "version", "verdict"),
    [
        ("CallManager, TVS", "10.5(1)", "NOT SAFE: phones are locked out"),
        ("CallManager, TVS", "12.5(1)", "safe"),
        ("TVS", "10.5(1)", "safe"),
    ],
)
def test_the_steps_all_at_once_begin_with_their_verdict(
    goal: str, version: str, verdict: str
) -> None:
    """They are numbered like a plan, and must not be taken for one."""
    first, *_ = in_words(make_plan(task(goal, version=version)))
    assert first == f"All at once, in the order given ({verdict}):"


def test_what_must_not_follow_a_step() -> None:
    plan = make_plan(task("CallManager"))
    assert plan.steps is not None
    after_regeneration = plan.steps[1]
    assert [each.unit for each in after_regeneration.dangers] == [TVS]
    assert after_regeneration.dangers[0].harm is Harm.LOCKS_OUT
    assert not plan.steps[-1].dangers


def test_one_node_replaces_its_tvs_in_a_round_of_its_own() -> None:
    plan = make_plan(task("CallManager, TVS", nodes=("only",)))
    assert plan.steps is not None
    assert all(len(set(each)) == 1 for each in rounds(plan))


def test_strict_plans_replace_one_tvs_at_a_time() -> None:
    plan = make_plan(task("CallManager, TVS", strict=True))
    assert rounds(plan).count([TVS]) == 2
    loose = make_plan(task("CallManager, TVS"))
    assert len(plan.steps or ()) > len(loose.steps or ())


def test_one_node_of_the_goal() -> None:
    wanted = task("CallManager@sub1")
    assert wanted.goal == (Regenerate(CALLMANAGER, 1),)
    plan = make_plan(wanted)
    assert plan.steps is not None
    assert plan.steps[0].commands == ("admin --node sub1 set cert regen CallManager",)


def test_the_search_gives_up_where_it_is_told_to() -> None:
    found = search(task("CallManager, TVS, CAPF, ITLRecovery"), max_states=5)
    assert found.gave_up
    assert found.steps is None


def test_a_search_for_nothing_ends_at_once() -> None:
    found = search(replace(task("TVS"), goal=()))
    assert found.steps == ()


def test_the_order_in_one_go_ends_with_everything_restarted() -> None:
    steps = naive_steps(task("TVS", mixed=False))
    assert steps[-3:] == (RestartTvs(), RestartTftp(), ResetPhones())


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("regenerate", "names no certificate"),
        ("tomcat", "there is no certificate 'tomcat'"),
        ("T" * 10_000, "there is no certificate 'T{64}'$"),
        ("TVS@elsewhere", "there is no node 'elsewhere'"),
        ("CallManager@", "there is no node ''"),
        ("CAPF@sub1", "CAPF is the publisher's"),
    ],
)
def test_goals_that_are_none(goal: str, words: str) -> None:
    layout = ClusterLayout(Release.parse("10.5(1)"), NODES)
    with pytest.raises(PhoneError, match=words):
        parse_goal(goal, layout)


def test_a_plan_as_json_names_what_its_words_say() -> None:
    plan = make_plan(task("CallManager, TVS", models=("7975", "7960")))
    found = to_json(plan)
    assert found["safe"] is False, "7960s are not"
    assert found["proven"] is True
    assert found["bound"] == len(found["steps"])
    assert found["by_hand"] == ["7960-pub", "7960-sub1"]
    assert found["in_one_go"]["first_lockout"]["step"] == 7
    # Nothing but the first regeneration of the publisher's CallManager burns them.
    burnt = found["in_one_go"]["first_step_that_burns_the_last_anchor"]
    assert burnt["groups"] == ["7960-pub", "7960-sub1"]
    assert found["steps"][-1]["phones"]["7975-pub"]["ctl"]["action"] == "unchanged"
    words = "\n".join(in_words(plan))
    for step in found["steps"]:
        assert step["title"] in words


def test_jabber_has_a_window_with_its_reason_and_needs_no_hands() -> None:
    plan = make_plan(task("CallManager", version="12.5(1)", models=("8861", "Jabber")))
    assert plan.steps is not None
    assert plan.by_hand == ()
    found = to_json(plan)["unsafe"]
    assert [(each["group"], each["from_step"], each["to_step"]) for each in found] == [
        ("Jabber-sub1", 1, 3),
        ("Jabber-pub", 2, 3),
    ]
    assert {each["reason_code"] for each in found} == {"cannot-ask"}
    assert all(each["only_if_restarted"] for each in found)
    words = "\n".join(in_words(plan))
    assert "between step 1 and 3 of this order, if services restart" in words
    assert "refuses its configuration" in words
    assert "Afterwards the phones are safe." in words
    assert "By hand" not in words


def test_jabber_alone_is_planned_for_too() -> None:
    plan = make_plan(task("CallManager", version="12.5(1)", models=("Jabber",)))
    assert plan.steps is not None
    assert plan.proven


def test_what_is_lost_for_good_has_its_reason_and_no_last_step() -> None:
    plan = make_plan(task("CallManager", models=("8861", "7960", "Jabber")))
    lost = [each for each in to_json(plan)["unsafe"] if each["to_step"] is None]
    assert {each["model"] for each in lost} == {"7960", "Jabber"}
    assert {group.name for group in plan.by_hand} == {each["group"] for each in lost}
    assert {each["reason_code"] for each in lost} <= {"cannot-ask", "no-anchor"}
    assert "By hand: after the last step" in "\n".join(in_words(plan))


@pytest.mark.parametrize("version", ["10.5(1)", "11.5(1)", "12.5(1)", "14"])
@pytest.mark.parametrize("models", [("8861", "Jabber"), ("7975", "7960")])
def test_warnings_never_forbid_what_the_plan_does_next(
    version: str, models: tuple[str, ...]
) -> None:
    goal = "CallManager, TVS, CAPF, ITLRecovery"
    plan = make_plan(task(goal, version=version, models=models))
    assert plan.steps is not None
    for number, planned in enumerate(plan.steps[:-1]):
        following = plan.steps[number + 1].step
        if isinstance(following, Regenerate):
            assert following.unit not in {each.unit for each in planned.dangers}


def test_an_anchor_is_a_signer_and_a_tvs_member_is_none() -> None:
    plan = make_plan(task("TVS", version="11.5(1)", models=("8861", "7960")))
    last = to_json(plan)["steps"][-1]
    assert last["anchors"]["8861-sub1"] == [
        "CallManager of pub",
        "CallManager of sub1",
        "ITLRecovery",
    ]
    # A 7960 takes CTLs only, and before 12.0 ITLRecovery signs none.
    assert last["anchors"]["7960-sub1"] == ["CallManager of pub"]
    assert last["tvs"] == {
        "8861-pub": ["pub", "sub1"],
        "8861-sub1": ["pub", "sub1"],
        "7960-pub": [],
        "7960-sub1": [],
    }


def test_the_reason_of_a_lockout_is_a_value_and_a_sentence() -> None:
    plan = make_plan(task("CallManager, TVS, ITLRecovery", models=("8861", "7960")))
    found = to_json(plan)["in_one_go"]["first_lockout"]
    assert found["reason_code"] in {"tvs-not-in-itl", "cannot-ask"}
    assert "the phone does not know the signer" in found["reason"]


@pytest.mark.parametrize("signed", [frozenset(), frozenset({CALLMANAGER})])
def test_the_page_has_the_one_step_that_renews_a_shared_certificate(
    signed: frozenset[TrustStore],
) -> None:
    unit = frozenset({CALLMANAGER})
    layout = ClusterLayout(Release.parse("14"), NODES, shared=unit, signed=signed)
    (step,) = parse_goal("CallManager", layout)
    (line,) = commands(layout, step)
    page = (Path(__file__).parents[3] / "docs" / "planning.md").read_text()
    assert f"`{line}`" in " ".join(page.split())
