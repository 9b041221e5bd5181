"""Rounds: what may be replaced in one, when one is over, and how much they take.

A round replaces one kind of anchor, and is over when every service serves what is in
use and the phones were reset. Phones that hold no list take nothing at a reset: where
no phone takes anything, the round is over without one.
"""

from typing import Final

from tokenless.phone_emulator.planner.model.cluster import PUBLISHER, ClusterLayout
from tokenless.phone_emulator.planner.model.race import follow_up_of
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    ResetPhones,
    World,
    apply,
)
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.search.risk import (
    is_settled,
    serves_what_is_in_use,
)
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.protocol.trust.signing import ctl_sasts

ANCHORS: Final = (TrustStore.CALLMANAGER, TrustStore.TVS, TrustStore.ITLRECOVERY)
"""Units that vouch for other units to phones; CAPF does not."""


def may_follow(
    task: Task, world: World, round_: TrustStore | None, goal: Regenerate
) -> bool:
    """Return whether a certificate may be replaced now: no other round is under way.

    Args:
        task: What is planned.
        world: Cluster and phones now.
        round_: The kind of anchor that was replaced since the last reset.
        goal: What is to be replaced.
    """
    if goal.unit not in ANCHORS or round_ in (None, goal.unit):
        return True
    if not serves_what_is_in_use(task.layout, world.cluster):
        return False
    return apply(task.layout, task.groups, world, ResetPhones()) == world


def least_steps(task: Task, world: World, round_: TrustStore | None, done: int) -> int:
    """Return a number of steps that is never more than are needed (for A*).

    Args:
        task: What is planned.
        world: Cluster and phones now.
        round_: The kind of anchor that was replaced since the last reset.
        done: Bits of the goals that are reached.
    """
    pending = [goal for bit, goal in enumerate(task.goal) if not done >> bit & 1]
    layout = task.layout
    if not pending:
        return 0 if is_settled(task, world) else 1
    units = {goal.unit for goal in pending}
    kinds = {unit for unit in units if unit in ANCHORS}
    in_ctl = units & _in_ctl(layout)
    # Each round needs a CTL of its own, new files and a reset of the phones. Of the
    # round that is under way all may be done but the reset.
    ctls = max(len(in_ctl & kinds), bool(in_ctl))
    under_way = bool(kinds) and round_ not in (None, *kinds)
    rounds = max(len(kinds), _is_listed(layout))
    resets = rounds + under_way
    if not any(group.security_by_default for group in task.groups):
        resets = ctls  # they take CTLs only, and nothing at the end of other rounds
    restart = TrustStore.TVS in units and not layout.release.restarts_tvs
    restarts = rounds
    if follow_up_of(layout, pending[0].unit).rebuilds_tftp:
        # TFTP follows certificates by itself, but no CTL that came after the last one
        # of a round: only CAPF's round may have a certificate that is in no CTL.
        restarts = len(in_ctl & kinds)
    return len(pending) + restart + ctls + resets + restarts


def _in_ctl(layout: ClusterLayout) -> frozenset[TrustStore]:
    """Return the units whose regeneration makes the CTL outdated."""
    if not layout.is_mixed:
        return frozenset()
    units = {key.unit for key in ctl_sasts(layout.release)}
    return frozenset(units | ({TrustStore.CAPF} if _is_listed(layout) else set()))


def _is_listed(layout: ClusterLayout) -> bool:
    """Return whether CAPF is in lists: it runs on the publisher, or not at all."""
    return NodeRole.CAPF in layout.roles_of(PUBLISHER)
