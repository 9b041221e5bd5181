"""Plans for phones that no order spares, and for phones that hold no list."""

import json
from dataclasses import replace

import pytest

from tests.phone_emulator.planner.tasks import rounds, task
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    ResetCtl,
    ResetPhones,
    RestartTftp,
    UpdateCtl,
)
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.runbook import Pace, runbook_of
from tokenless.phone_emulator.planner.verdict import (
    not_safe_in_words,
    what_to_do,
    why_not,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.reasons import Reason

CALLMANAGER, TVS = TrustStore.CALLMANAGER, TrustStore.TVS
CAPF, ITLRECOVERY = TrustStore.CAPF, TrustStore.ITLRECOVERY


def test_phones_without_security_by_default_need_hands_before_12() -> None:
    plan = make_plan(task("CallManager", models=("7975", "7960")))
    assert [group.name for group in plan.by_hand] == ["7960-pub", "7960-sub1"]
    assert plan.steps is not None
    reset = plan.steps[-1]
    assert reset.boots["7960-pub"].ctl.action == "rejected"
    assert reset.boots["7975-pub"].ctl.action == "updated"


def test_from_12_on_they_pass_and_itlrecovery_goes_by_the_vendors_procedure() -> None:
    both = ("7975", "7960")
    assert make_plan(task("CallManager", version="12.5(1)", models=both)).by_hand == ()
    plan = make_plan(task("ITLRecovery", version="12.5(1)", models=both))
    assert plan.by_hand == ()
    assert [type(planned.step) for planned in plan.steps or ()] == [
        Regenerate,
        ResetCtl,
        RestartTftp,
        ResetPhones,
        UpdateCtl,
        RestartTftp,
        ResetPhones,
    ]


def test_recovery_commands_are_no_shortcuts() -> None:
    plan = make_plan(task("CallManager, TVS"))
    assert not any(isinstance(each.step, ResetCtl) for each in plan.steps or ())


def test_the_heading_says_first_for_whom_the_order_is_not_safe() -> None:
    plan = make_plan(task("CallManager, TVS", models=("7975", "7960")))
    words = list(in_words(plan))
    heading = words.index("") + 1
    assert words[heading] == (
        "NOT SAFE for 7960-pub, 7960-sub1: locked out permanently. Delete the CTL on "
        "each of these phones after the last step."
    )
    order = words[heading + 1]
    assert order == "The shortest safe order for the other phones (10 steps):"
    assert not plan.is_safe
    assert why_not(plan) == "the plan locks out 7960-pub, 7960-sub1 permanently"


@pytest.mark.parametrize(
    ("version", "words", "error"),
    [
        (
            "12.5(1)",
            "if services restart between step 1 and 3: restart nothing",
            "restart no service and no node between step 1 and 3",
        ),
        (
            "14",
            "locked out between step 1 and 4. Afterwards they accept",
            "they accept their files again once step 4 is done: announce it",
        ),
    ],
)
def test_groups_at_risk_for_some_steps_are_in_the_heading(
    version: str, words: str, error: str
) -> None:
    plan = make_plan(task("CallManager", version=version, models=("8861", "Jabber")))
    said = list(in_words(plan))
    heading = said[said.index("") + 1]
    assert heading.startswith("NOT SAFE for Jabber-pub, Jabber-sub1")
    assert words in heading
    assert not to_json(plan)["safe"]
    assert why_not(plan).startswith("the plan locks out Jabber-pub, Jabber-sub1 ")
    assert what_to_do(plan) == error


def two_windows() -> Plan:
    """Return a plan in which Jabbers are at risk twice; the second time is made up."""
    plan = make_plan(task("CallManager", version="14", models=("8861", "Jabber")))
    jabbers = [each for each in plan.unsafe if each.group.model == "Jabber"]
    later = [replace(each, from_step=7, to_step=9) for each in jabbers]
    return replace(plan, unsafe=(*jabbers, *later))


def test_every_window_of_a_group_is_told_of() -> None:
    plan = two_windows()
    (heading,) = not_safe_in_words(plan)
    assert heading.startswith("NOT SAFE for Jabber-pub, Jabber-sub1: locked out ")
    assert "between step 1 and 9." in heading
    assert what_to_do(plan).startswith("they accept their files again once step 9")


def test_a_group_that_needs_hands_is_not_said_to_be_well_afterwards() -> None:
    """Jabbers wait for the CTL first; then their only anchor is replaced (14SU2)."""
    goal = "ITLRecovery, CallManager"
    plan = make_plan(task(goal, version="14SU2", models=("8861", "Jabber")))
    first, last = (each for each in plan.unsafe if each.group.name == "Jabber-pub")
    assert first.to_step is not None
    assert last.to_step is None
    (heading,) = not_safe_in_words(plan)
    assert "permanently" in heading
    assert "accept their files again" not in heading
    book = [each for each in runbook_of(plan, Pace()).not_safe if "Jabber-pub" in each]
    assert [each.split(": ")[1].split(" on")[0] for each in book] == [
        f"may refuse files from step {first.from_step}",
        f"refuses files from step {last.from_step}",
    ]
    assert ["by hand" in each for each in book] == [False, True]


def test_a_strict_plan_names_the_groups_for_which_it_is_none() -> None:
    wanted = task("TVS", models=("8861",), mixed=False, nodes=("a", "b", "c"))
    one, two = PhoneGroup("one", "8861", 1, (0,)), PhoneGroup("two", "8861", 1, (0, 1))
    plan = make_plan(replace(wanted, groups=(one, two), strict=True))
    assert plan.steps is not None
    assert (plan.unsafe, plan.not_strict) == ((), (one,))
    found = to_json(plan)
    assert (found["safe"], found["not_strict"]) == (False, ["one"])
    assert "NOT SAFE for one at other nodes" in "\n".join(in_words(plan))
    assert not plan.is_safe


def test_phones_that_no_order_spares_may_need_no_hands() -> None:
    """From 14 on Jabbers alone refuse files until the CTL is updated, in any order."""
    plan = make_plan(task("CallManager", version="14", models=("Jabber",)))
    assert plan.steps is None
    assert plan.by_hand == ()
    assert what_to_do(plan).startswith("made all at once, they accept their files")


def test_the_lists_to_delete_are_those_that_phones_hold() -> None:
    plan = make_plan(task("CallManager", models=("7960",)))
    assert what_to_do(plan).startswith("delete the CTL on each")


def test_no_order_for_7960s_alone() -> None:
    plan = make_plan(task("CallManager", models=("7960",)))
    assert plan.steps is None
    assert len(plan.by_hand) == 2
    assert "There is no safe order" in "\n".join(in_words(plan))


@pytest.mark.parametrize("version", ["10.5(1)", "12.5(1)", "15"])
@pytest.mark.parametrize("models", [("7960",), ("7960", "7940"), ("Jabber",)])
def test_phones_without_a_list_need_no_reset_between_rounds(
    version: str, models: tuple[str, ...]
) -> None:
    wanted = task("CallManager, TVS, CAPF", version=version, models=models, mixed=False)
    plan = make_plan(wanted)
    found = to_json(plan)
    assert (found["safe"], found["proven"], found["unsafe"]) == (True, True, [])
    assert {TVS, CALLMANAGER} < {goal.unit for goal in wanted.goal}
    assert not any(isinstance(each.step, ResetPhones) for each in plan.steps or ())
    assert found["bound"] == len(found["steps"])
    assert "There is no safe order" not in "\n".join(in_words(plan))


def test_phones_with_a_list_are_reset_between_rounds_whoever_is_beside_them() -> None:
    plan = make_plan(task("CallManager, TVS", models=("7960", "8861"), mixed=False))
    assert rounds(plan) == [[CALLMANAGER] * 2, [TVS] * 2]


def test_rounds_that_change_no_ctl_need_no_reset_of_phones_that_take_ctls_only() -> (
    None
):
    plan = make_plan(task("TVS, ITLRecovery", models=("7960",)))
    assert to_json(plan)["safe"]


def test_what_only_a_strict_plan_cannot_do_is_not_called_a_lockout() -> None:
    """Phones with one TVS member are refused files of other nodes in its round."""
    wanted = task("TVS", models=("8861",), mixed=False, nodes=("a", "b", "c"))
    groups = tuple(PhoneGroup(f"at-{n}", "8861", n, (0,)) for n in range(3))
    plan = make_plan(replace(wanted, groups=groups, strict=True))
    assert plan.steps is None
    words = "\n".join(in_words(plan))
    assert "There may be a safe one." in words
    assert "locks out" not in words
    assert to_json(plan)["strict"]
    assert to_json(make_plan(replace(wanted, groups=groups)))["safe"]


def test_phones_with_too_old_a_tls_version_are_told_of() -> None:
    """They cannot ask TVS, and a CTL's only anchor is replaced (before 12.0)."""
    wanted = task("CallManager, ITLRecovery", models=("7975",))
    groups = tuple(replace(group, speaks_tls=False) for group in wanted.groups)
    plan = make_plan(replace(wanted, groups=groups))
    assert {each.problem.reason for each in plan.unsafe} == {Reason.TVS_TLS}
    assert "than this model speaks" in "\n".join(in_words(plan))


def test_equal_groups_are_told_of_by_all_their_names() -> None:
    """7965s do what 7975s do, 7940s what 7960s do: in orders, losses, dangers, too."""
    goal = "CallManager, TVS"
    few = to_json(make_plan(task(goal, version="14", models=("7975", "7960"))))
    models = ("7975", "7960", "7965", "7940")
    plan = make_plan(task(goal, version="14", models=models))
    many = to_json(plan)
    assert [each["run"] for each in many["steps"]] == [e["run"] for e in few["steps"]]
    for other, model in (("7965", "7975"), ("7940", "7960")):
        renamed = json.loads(json.dumps(few).replace(model, other))
        for found, wanted in zip(many["steps"], renamed["steps"], strict=True):
            for key in ("anchors", "tvs", "phones"):
                mine = {k: v for k, v in wanted[key].items() if k.startswith(other)}
                assert mine.items() <= found[key].items()
    names = [group.name for group in plan.task.groups]
    for step in many["steps"]:
        assert list(step["anchors"]) == names
        for danger in step["must_not_follow"]:
            alike = {name.replace("65", "75").replace("40", "60") for name in names}
            told = danger["locks_out"]
            few_told = {name.replace("65", "75").replace("40", "60") for name in told}
            assert len(told) == 2 * len(few_told & alike)
    assert len(many["unsafe"]) == 2 * len(few["unsafe"])
