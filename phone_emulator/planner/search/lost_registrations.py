"""The cost of an order in secure registrations, and the least that is left of it."""

from functools import lru_cache

from tokenless.phone_emulator.planner.model.registration import (
    NONE_LOST,
    LostRegistrations,
    lost_at_reset,
)
from tokenless.phone_emulator.planner.model.steps import PlanStep, ResetPhones, World
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.protocol.codes import TrustStore


def lost_by(
    task: Task, world: World, round_: TrustStore | None, step: PlanStep
) -> LostRegistrations:
    """Return which registrations a step costs: a reset that ends CallManager's round.

    Cisco CallManager is restarted right before it, or has restarted by itself.

    Args:
        task: What is planned.
        world: Cluster and phones before the step.
        round_: The kind of anchor that was replaced since the last reset.
        step: The step.
    """
    is_due = round_ is TrustStore.CALLMANAGER and isinstance(step, ResetPhones)
    if not is_due or not task.layout.is_mixed:
        return NONE_LOST
    return lost_at_reset(task, world)


def least_lost(
    task: Task, world: World, round_: TrustStore | None, done: int
) -> LostRegistrations:
    """Return a lower bound of the registrations that are lost later (for A*).

    An order without a step too many replaces the CallManager certificates that are left
    in one round: this one, or a later one, at whose begin phones hold current lists.

    Args:
        task: What is planned.
        world: Cluster and phones now.
        round_: The kind of anchor that was replaced since the last reset.
        done: Bits of the goals that are reached.
    """
    unit = TrustStore.CALLMANAGER
    pending = frozenset(
        goal.node
        for bit, goal in enumerate(task.goal)
        if goal.unit is unit and not done >> bit & 1
    )
    is_now = round_ is unit
    if not (pending or is_now) or not task.layout.is_mixed:
        return NONE_LOST
    if is_now:
        return lost_at_reset(task, world, pending)
    return _lost_by_replacing(task, pending)


@lru_cache(maxsize=4_096)
def _lost_by_replacing(task: Task, nodes: frozenset[int]) -> LostRegistrations:
    """Return what replacing the certificates of nodes costs phones with new lists."""
    layout = task.layout
    nowhere = elsewhere = 0
    for group in task.groups:
        members = group.members_of(layout)
        gone = [layout.holder(TrustStore.CALLMANAGER, n) in nodes for n in members]
        nowhere += all(gone)
        elsewhere += gone[0] and not all(gone)
    return LostRegistrations(nowhere, elsewhere)
