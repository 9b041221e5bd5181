"""The search at full size: the same as a plain search, on clusters small and large."""

import random
from dataclasses import replace
from itertools import count

import pytest

from tests.phone_emulator.planner.tasks import layout_of
from tokenless.ground.terminal import slow_view
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.steps import ResetCtl, ResetItl
from tokenless.phone_emulator.planner.model.task import Task, parse_goal
from tokenless.phone_emulator.planner.plan import make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.search.alike import Kinds, part_of
from tokenless.phone_emulator.planner.search.search import Effort, search
from tokenless.phone_emulator.planner.search.solve import failing_groups, solve
from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release

ALL = "CallManager, TVS, CAPF, ITLRecovery"
EIGHT = ("7975", "7965", "7945", "7960", "7940", "8861", "7821", "Jabber")
RESETS = (ResetCtl(), ResetItl())
CHEAP = 6_000


def large(version: str, goal: str = ALL, *, models: tuple[str, ...] = EIGHT) -> Task:
    """Return 21 nodes: two serve TFTP, six CallManager groups of three."""
    layout = layout_of(version, tuple(f"n{number}" for number in range(21)))
    groups = tuple(
        PhoneGroup(
            f"{model}-{node}-{first}", model, node, (first, first + 1, first + 2)
        )
        for first in range(3, 21, 3)
        for model in models
        for node in (1, 2)
    )
    return Task(layout, groups, parse_goal(goal, layout))


def any_task(chance: random.Random) -> Task:
    nodes = tuple(f"n{number}" for number in range(chance.choice([2, 3, 3])))
    version = chance.choice(["10.5(1)", "11.5(1)", "12.5(1)", "14", "15"])
    interaction = chance.choice(list(PhoneInteraction))
    is_mixed = chance.random() < 0.8
    layout = ClusterLayout(
        Release.parse(version), nodes, is_mixed, interaction=interaction
    )
    groups = tuple(
        PhoneGroup(
            f"group-{number}",
            chance.choice(["8861", "8861", "7960", "Jabber"]),
            chance.randrange(len(nodes)),
            tuple(chance.sample(range(len(nodes)), chance.randint(1, len(nodes)))),
        )
        for number in range(chance.choice([1, 2, 3]))
    )
    units = chance.sample(["CallManager", "TVS", "CAPF", "ITLRecovery"], 2)
    goal = parse_goal(", ".join(units), layout)
    goal = tuple(chance.sample(goal, max(1, len(goal) - chance.randint(0, 1))))
    return Task(layout, groups, goal, chance.random() < 0.3)


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_plain_search_finds(seed: int) -> None:
    """As short, with the same groups and the same recovery commands."""
    chance = random.Random(seed)
    for _ in range(8):
        task = any_task(chance)
        solved = solve(task)
        for group in task.groups:
            alone = replace(task.only((group,)), resets=RESETS)
            if group in solved.task.running_only or group not in solved.task.groups:
                assert search(alone, max_states=CHEAP).steps is None
            if solved.steps is None or group not in solved.task.groups:
                lenient = replace(alone, running_only=frozenset((group,)))
                assert search(lenient, max_states=CHEAP).steps is None
        if solved.steps is not None:
            # Without any guess at what is left: every shorter order is looked at.
            found = search(solved.task, max_states=CHEAP, haste=0)
            if not found.gave_up:
                assert found.steps is not None
                assert len(found.steps) == len(solved.steps)
            for fewer in range(len(solved.task.resets)):
                without = replace(solved.task, resets=RESETS[:fewer])
                assert search(without, max_states=CHEAP).steps is None


@pytest.mark.parametrize("version", ["10.5(1)", "12.5(1)", "15"])
def test_twenty_one_nodes_and_eight_models(version: str) -> None:
    task = large(version)
    solved = solve(task)
    assert solved.proven
    assert solved.steps is not None
    assert len(solved.steps) == solved.bound
    assert not failing_groups(solved.task, solved.steps)
    assert {step for step in solved.steps if step in set(task.goal)} == set(task.goal)
    # 7960s and Jabbers have no order before 12.0; later Jabbers have a window: until
    # the CTL is updated, and from 14 on whether or not somebody restarts TFTP.
    left_out = {group.model for group in set(task.groups) - set(solved.task.groups)}
    lenient = {group.model for group in solved.task.running_only}
    if version < "12":
        assert left_out == {"7960", "7940", "Jabber"}
    elif version < "14":
        assert (left_out, lenient) == (set(), {"Jabber"})
    else:
        assert (left_out, lenient) == ({"Jabber"}, set())


def test_what_is_alike_is_one() -> None:
    task = large("12.5(1)")
    kinds = Kinds(task)
    # Phones with Security by Default, those without, Jabber.
    assert len(kinds.representatives()) == 3
    part = part_of(task, list(kinds.representatives().values()), kinds)
    assert part.nodes == (0, 1, 3, 4)
    assert sorted(node for same in part.like.values() for node in same) == list(
        range(21)
    )


def test_nodes_that_differ_are_not_alike() -> None:
    layout = ClusterLayout(Release.parse("11.5(1)"), ("pub", "a", "b", "c"))
    groups = (PhoneGroup("desk", "8861", 1, (0, 2)),)
    kinds = Kinds(Task(layout, groups, parse_goal("TVS@a, TVS@b", layout)))
    assert len(set(kinds.nodes)) == 4


def test_an_order_that_fails_on_the_whole_cluster_is_seen() -> None:
    task = large("11.5(1)", "TVS", models=("8861",))
    steps = solve(task).steps
    assert steps is not None
    assert failing_groups(task, steps) == []
    # Without its last step nothing has arrived; without a restart, nothing may.
    assert failing_groups(task, steps[:-1]) == list(task.groups)
    assert failing_groups(task, (*steps[:-2], steps[-1])) == list(task.groups)


def test_out_of_time_the_best_order_is_said_to_be_no_more_than_that() -> None:
    """The clock here counts looks at it: no real time is spent."""
    layout = ClusterLayout(Release.parse("12.5(1)"), ("pub", "sub"))
    groups = (PhoneGroup("one", "8861", 0), PhoneGroup("two", "8861", 1))
    task = Task(layout, groups, parse_goal("CallManager, TVS", layout))
    looks = count()
    effort = Effort(is_over=lambda: next(looks) > 2, every=4)
    found = search(task, effort=effort)
    assert found.gave_up
    assert found.steps is None
    assert 0 < found.bound <= 10
    hasty = search(task, haste=4)
    assert hasty.steps is not None
    assert len(hasty.steps) >= found.bound
    assert hasty.bound == 0, "nothing is proven"


def test_without_time_an_order_is_not_called_the_shortest() -> None:
    plan = make_plan(large("12.5(1)", models=("8861",)), timeout_s=1e-9)
    assert plan.gave_up
    assert not plan.proven
    assert to_json(plan)["proven"] is False
    words = "\n".join(in_words(plan))
    assert "The shortest safe order" not in words
    if plan.steps is not None:
        assert plan.bound <= len(plan.steps)
        assert f"no safe order has fewer than {plan.bound}" in words


def test_progress_is_told() -> None:
    told: list[int] = []
    solve(large("12.5(1)"), progress=told.append)
    assert told == sorted(told)
    assert len(told) > 1


def test_progress_is_silent_where_no_terminal_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with slow_view("checking orders") as tell:
        solve(large("12.5(1)", "TVS"), progress=lambda n: tell(f"{n} checked"))
    assert capfd.readouterr() == ("", "")
