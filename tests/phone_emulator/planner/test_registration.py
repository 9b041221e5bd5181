"""Secure registration in a plan: when it is lost, by whom, and what the plan says."""

import re

import pytest

from tokenless.phone_emulator.planner.model.cluster import ClusterLayout, first_cluster
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.registration import (
    RESTART_CALLMANAGER,
    losses,
)
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    RestartTftp,
    World,
    change,
    first_world,
)
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.runbook import Pace, runbook_of
from tokenless.phone_emulator.planner.search.solve import failing_groups
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release

PUB_FIRST = PhoneGroup("head-office", "7975", 0, (0, 1))
SUB_FIRST = PhoneGroup("branch", "7975", 1, (1, 0))


def plan(
    goal: str,
    *groups: PhoneGroup,
    version: str = "11.5(1)",
    is_mixed: bool = True,
    interaction: PhoneInteraction = PhoneInteraction.MANUAL,
) -> Plan:
    layout = ClusterLayout(
        Release.parse(version), ("pub", "sub"), is_mixed, interaction=interaction
    )
    chosen = groups or (PUB_FIRST, SUB_FIRST)
    return make_plan(Task(layout, chosen, parse_goal(f"regenerate {goal}", layout)))


def test_phones_of_one_node_go_to_the_other_until_their_reset() -> None:
    made = plan("CallManager@sub")
    (number,) = made.restarts
    (lost,) = made.losses
    assert (lost.group, lost.from_step) == (SUB_FIRST, number)
    assert (lost.at, lost.is_lasting) == ((0,), False)
    assert (
        f"  Secure phones of branch register at pub instead until step {number} is "
        in ("\n".join(in_words(made)))
    )
    assert to_json(made)["registration"]["not_at_first_node"] == [
        {
            "group": "branch",
            "before_step": number,
            "registers_at": ["pub"],
            "lasting": False,
        }
    ]


def test_both_nodes_at_once_leave_no_node_to_go_to() -> None:
    made = plan("CallManager")
    assert {each.at for each in made.losses} == {()}
    assert not any(each.is_lasting for each in made.losses)


@pytest.mark.parametrize("goal", ["{0}, {1}", "{1}, {0}"])
def test_of_equally_short_orders_the_one_with_less_silence_is_taken(goal: str) -> None:
    """The subscriber has a new CallManager certificate that no phone knows yet.

    Whatever is replaced first lets phones learn it. After ITLRecovery, which the CTL
    holds, too, they still have the subscriber when the publisher changes.
    """
    layout = ClusterLayout(Release.parse("12.5(1)"), ("pub", "sub"), is_mixed=True)
    healthy = first_cluster(layout)
    renewed = change(layout, healthy, Regenerate(TrustStore.CALLMANAGER, 1))
    cluster = change(layout, renewed, RestartTftp())
    phones = first_world(layout, (PUB_FIRST,), healthy).phones
    task = Task(
        layout,
        (PUB_FIRST,),
        parse_goal(goal.format("ITLRecovery", "CallManager@pub"), layout),
        start=World(cluster, phones),
    )
    made = make_plan(task)
    steps = [each.step for each in made.steps or ()]
    units = [each.unit for each in steps if isinstance(each, Regenerate)]
    assert units == [TrustStore.ITLRECOVERY, TrustStore.CALLMANAGER]
    assert [each.at for each in made.losses] == [(1,)]
    # The other order is as short and as safe, and leaves phones no node.
    half = len(steps) // 2
    other = [*steps[half:], *steps[:half]]
    assert not failing_groups(task, other)
    assert [each.at for each in losses(task, other)] == [()]


def test_a_phone_that_refuses_the_new_ctl_stays_out() -> None:
    made = plan("CallManager", PUB_FIRST, PhoneGroup("old", "7960", 0, (0, 1)))
    lasting = [each.group.name for each in made.losses if each.is_lasting]
    assert lasting == ["old"]
    assert "and not after step" in "\n".join(in_words(made))


def test_other_units_and_non_secure_clusters_have_nothing_to_restart() -> None:
    for made in (plan("TVS"), plan("CallManager", is_mixed=False)):
        assert (made.restarts, made.losses) == ((), ())
        assert "Cisco CallManager" not in "\n".join(in_words(made))


def test_a_saved_plan_restarts_the_service_right_before_the_reset() -> None:
    (step,) = rounds(plan("CallManager"))
    assert step.run[-2:] == (RESTART_CALLMANAGER, "phones boot")


def test_a_runbook_has_the_restart_in_the_row_of_the_reset() -> None:
    made = plan("CallManager")
    rows = {row.number: row for row in runbook_of(made, Pace()).rows}
    row = rows[made.restarts[0]]
    assert "`utils service restart Cisco CallManager`" in row.command
    assert row.wait_for.startswith("`Cisco CallManager[STARTED]` and ")
    assert row.what.startswith("restart Cisco CallManager and Cisco CTIManager, then ")
    assert "until they are reset, all phones with a secure profile" in row.phones
    forbidden = [" ".join(rows[number].forbidden) for number in range(1, row.number)]
    said = f"do not restart Cisco CallManager or a node until step {row.number}"
    assert [said in each for each in forbidden] == [True] * len(forbidden)
    assert said not in " ".join(row.forbidden)


def test_services_are_restarted_by_hand_as_the_guide_of_the_release_says() -> None:
    """Phones that trust nothing new may stand behind a service with an old key."""
    for version, services in (
        ("12.5(1)", "Cisco CallManager and Cisco CTIManager"),
        ("14", "Cisco CallManager and Cisco CTIManager and Cisco HAProxy"),
        ("14SU1", "Cisco HAProxy"),
    ):
        interaction = PhoneInteraction.default_of(Release.parse(version))
        for is_mixed in (True, False):
            made = plan(
                "CallManager",
                version=version,
                is_mixed=is_mixed,
                interaction=interaction,
            )
            last = runbook_of(made, Pace()).rows[-1]
            assert last.what.startswith(f"restart {services}, then reset all phones")
    tvs = runbook_of(plan("TVS"), Pace()).rows
    assert not any("CallManager" in row.what for row in tvs)


def test_a_runbook_says_where_secure_phones_lose_a_callmanager_that_restarts() -> None:
    """From 14SU1 the loss begins with the regeneration, not with the last reset."""
    made = plan("CallManager", version="15", interaction=PhoneInteraction.AUTOMATIC)
    book = runbook_of(made, Pace(phones=100))
    renewed = [row for row in book.rows if row.what.startswith("regenerate")]
    elsewhere, nowhere = (row.phones for row in renewed)
    assert "register at another node of their CallManager group" in elsewhere
    assert "all phones with a secure profile register at no node" in nowhere
    assert "less the secure phones" in renewed[0].wait_for
    last = book.rows[-1]
    assert "power off and on" in last.phones
    assert "after the step" not in last.phones
    (first,) = book.without_service
    assert first.startswith(f"NO SERVICE at step {renewed[-1].number} to {last.number}")
    assert next(book.remarks()) == first
    steps = [renewed[-1].number, last.number]
    assert to_json(made)["registration"]["no_node_in_steps"] == [steps]
    said = f"from step {steps[0]} until step {steps[1]} is done, some or all secure"
    assert said in "\n".join(in_words(made))


@pytest.mark.parametrize("interaction", PhoneInteraction)
@pytest.mark.parametrize(
    "version",
    [
        *("10.5(1)", "10.5(2)", "11.0(1)", "11.5(1)SU9", "12.0(1)", "12.5(1)"),
        *("12.5(1)SU9", "14", "14SU1", "14SU5", "15", "15SU4"),
    ],
)
def test_all_forms_of_a_plan_have_the_same_restarts(
    version: str, interaction: PhoneInteraction
) -> None:
    """By hand until 14, whoever resets phones (REFERENCE-2 3.3).

    Text, JSON, saved plan and runbook agree on the resets.
    """
    made = plan("CallManager, TVS", version=version, interaction=interaction)
    steps = made.steps or ()
    words = "\n".join(in_words(made))
    told = [int(n) for n in re.findall(r"step (\d+), restart Cisco CallManager", words)]
    book = runbook_of(made, Pace()).rows
    command = "`utils service restart Cisco CallManager`"
    saved = [line for step in rounds(made) for line in step.run]
    expected = [
        line
        for each in steps
        for line in (*[RESTART_CALLMANAGER] * (each.number in told), *each.commands)
    ]
    assert told == list(made.restarts)
    assert to_json(made)["registration"]["restart_callmanager_before"] == told
    assert [row.number for row in book if command in row.command] == told
    assert saved == expected
    by_hand = version <= "14"
    assert len(told) == by_hand
    assert ("Cisco CallManager restarts by itself" in words) == (not by_hand)
    assert {each.from_step for each in made.losses} == set(told)
