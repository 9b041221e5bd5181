"""Secure registration in a plan: who lacks it, and what must not be restarted."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from tokenless.phone_emulator.planner.model.equal_groups import EqualGroups
from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.model.registration import (
    SecureGaps,
    StepGaps,
    gaps_of,
)
from tokenless.phone_emulator.planner.model.steps import Regenerate, ResetPhones
from tokenless.phone_emulator.planner.plan import Plan, Planned
from tokenless.phone_emulator.planner.runbook_services import (
    Service,
    callmanager_restarts,
    named,
)
from tokenless.protocol.codes import TrustStore

_AT_NO_NODE: Final = "register at no node"


def gaps_in(plan: Plan) -> tuple[StepGaps, ...]:
    """Return for each step of a plan which groups lack secure registration."""
    steps = [each.step for each in plan.steps or ()]
    equal = EqualGroups(plan.task)
    return tuple(
        StepGaps(_of_all(equal, each.during), _of_all(equal, each.after))
        for each in gaps_of(equal.task, steps, callmanager_restarts(plan))
    )


def _of_all(equal: EqualGroups, gaps: SecureGaps) -> SecureGaps:
    return SecureGaps(equal.all(gaps.nowhere), equal.all(gaps.elsewhere))


def losing(plan: Plan, gaps: StepGaps) -> Iterator[str]:
    """Say which secure phones do not register where they should."""
    during = gaps.during
    if during.nowhere or during.elsewhere:
        yield f"until they are reset, {_gap(plan, during)}"
    if _is_lost(plan, during):
        # A reset goes over the registration (docs/rehearsals.md).
        yield (
            "the reset reaches registered phones only: power off and on those that do "
            "not come back"
        )
    if gaps.after.nowhere or gaps.after.elsewhere:
        yield f"after the step, {_gap(plan, gaps.after)}"


def _gap(plan: Plan, gaps: SecureGaps) -> str:
    where = (
        (gaps.nowhere, _AT_NO_NODE),
        (gaps.elsewhere, "register at another node of their CallManager group"),
    )
    return ", ".join(
        f"{_secure(groups, plan)} {does}" for groups, does in where if groups
    )


def _secure(groups: tuple[PhoneGroup, ...], plan: Plan) -> str:
    """Name phones that have a secure profile."""
    if len(groups) == len(plan.task.groups):
        return "all phones with a secure profile"
    names = named((each.name for each in groups), plan)
    return f"phones with a secure profile of {names}"


def lost_steps(plan: Plan, gaps: Sequence[StepGaps]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of steps at which secure phones have no node.

    Groups that are recovered by hand do not count: they are named as not safe.
    """
    lost = [_is_lost(plan, each.during) or _is_lost(plan, each.after) for each in gaps]
    number = 0
    for is_lost, run in groupby(lost):
        first, number = number + 1, number + len(list(run))
        if is_lost:
            yield first, number


def without_service(plan: Plan, gaps: Sequence[StepGaps]) -> Iterator[str]:
    """Say at which steps secure phones register at no node."""
    for first, last in lost_steps(plan, gaps):
        to = "" if first == last else f" to {last}"
        cut = gaps[first - 1 : last]
        found = {group for each in cut for group in _nowhere(each)} - {*plan.by_hand}
        groups = tuple(group for group in plan.task.groups if group in found)
        yield f"NO SERVICE at step {first}{to}: {_secure(groups, plan)} {_AT_NO_NODE}."


def cut_off(plan: Plan) -> Iterator[tuple[int, int]]:
    """Yield what `lost_steps` does, of a plan of which no more is known."""
    return lost_steps(plan, gaps_in(plan))


def cut_off_in_words(plan: Plan) -> Iterator[str]:
    """Say when secure phones have no node where CallManager restarts by itself."""
    if not plan.task.layout.release.restarts_callmanager:
        return
    for first, last in cut_off(plan):
        yield (
            f"{Service.CALLMANAGER} restarts by itself after a regeneration: from step "
            f"{first} until step {last} is done, some or all secure phones register at "
            "no node."
        )


def until_registered(plan: Plan, step: Planned, gaps: StepGaps) -> str:
    """Return a warning for a step at which nobody should rest; or nothing."""
    if isinstance(step.step, ResetPhones) or not _is_lost(plan, gaps.after):
        return ""
    return "secure phones are not registered now, so go on soon; otherwise "


def _nowhere(gaps: StepGaps) -> tuple[PhoneGroup, ...]:
    return (*gaps.during.nowhere, *gaps.after.nowhere)


def _is_lost(plan: Plan, gaps: SecureGaps) -> bool:
    """Return whether phones register nowhere that a later reset brings back."""
    return any(each not in plan.by_hand for each in gaps.nowhere)


def no_restart(plan: Plan, step: Planned) -> Iterator[str]:
    """Forbid a restart of CallManager between new certificates and the reset."""
    layout = plan.task.layout
    done = [each.step for each in (plan.steps or ())[: step.number]]
    until = min(
        (each for each in callmanager_restarts(plan) if each >= step.number),
        default=None,
    )
    last_reset = max(
        (n for n, each in enumerate(done, 1) if isinstance(each, ResetPhones)),
        default=0,
    )
    is_due = any(
        isinstance(each, Regenerate) and each.unit is TrustStore.CALLMANAGER
        for each in done[last_reset:]
    )
    if layout.is_mixed and is_due and until is not None and until > step.number:
        yield (
            f"do not restart {Service.CALLMANAGER} or a node until step {until}: "
            "phones with a secure profile could not register there"
        )
