"""The verdict over a plan: for which phones it is not safe, and what these need."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tokenless.phone_emulator.planner.model.phones import PhoneGroup
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.planner.search.unsafe import Unsafe

_SHOWN: Final = 4
"""Of so many groups that are alike the names are printed."""


def names_of(names: Iterable[str]) -> str:
    """Return names, the first ones of many."""
    listed = list(names)
    if len(listed) <= _SHOWN + 1:
        return ", ".join(listed)
    return f"{', '.join(listed[:_SHOWN])} and {len(listed) - _SHOWN} more groups"


def not_safe_in_words(plan: Plan) -> Iterator[str]:
    """Say for which groups the order of a plan is not safe, and what they need."""
    if plan.by_hand:
        yield (
            f"NOT SAFE for {_named(plan.by_hand)}: locked out permanently. "
            f"{by_hand_in_words(plan)}."
        )
    refusing = _refusing(plan)
    if refusing:
        yield (
            f"NOT SAFE for {_named(each.group for each in refusing)}: locked out "
            f"{_between(refusing)}. Afterwards they accept their files again."
        )
    careful = [each for each in _passing(plan) if each.only_if_restarted]
    if careful:
        yield (
            f"NOT SAFE for {_named(each.group for each in careful)} if services "
            f"restart {_between(careful)}: restart nothing and no node in that time."
        )
    if plan.not_strict:
        yield (
            f"NOT SAFE for {_named(plan.not_strict)} at other nodes: no order lets "
            "these phones change nodes at every moment."
        )


def by_hand_in_words(plan: Plan) -> str:
    """Return the recovery of the phones that no order is safe for."""
    return f"Delete {held_lists(plan)} on each of these phones after the last step"


def left_as(plan: Plan) -> str:
    """Return what phones do at the end that must be recovered by hand.

    A phone may hold what its node serves and have lost all anchors: in a cluster that
    was mixed once, no step makes a new CTL.
    """
    if plan.steps:
        last = plan.steps[-1].boots
        known = [last[each.name] for each in plan.by_hand if each.name in last]
        refusing = [bool(boot.refusals) for boot in known]
    else:
        refusing = [plan.in_one_go.lockout is not None]
    if all(refusing):
        return "still refuse the files that their node serves"
    if not any(refusing):
        return "hold what their node serves, but will refuse any new list"
    return "still refuse the files that their node serves, or will refuse any new list"


def held_lists(plan: Plan) -> str:
    """Name the lists that phones hold which must be recovered by hand."""
    pairs = zip(plan.task.groups, plan.task.first_world().phones, strict=True)
    held = [phone for group, phone in pairs if group in plan.by_hand]
    kinds = {
        "the CTL": any(phone.ctl for phone in held),
        "the ITL": any(phone.itl for phone in held),
    }
    return " and ".join(name for name, is_held in kinds.items() if is_held)


def what_to_do(plan: Plan) -> str:
    """Return what the administrator can do about a plan that is not safe."""
    if plan.gave_up and plan.steps is None:
        return "allow more time with --timeout, or plan fewer units at a time"
    if plan.by_hand:
        lists = held_lists(plan)
        tokens = ", or keep tokens that sign the CTL" if "CTL" in lists else ""
        return f"delete {lists} on each of these phones after the change{tokens}"
    if plan.task.strict and (plan.steps is None or plan.not_strict):
        return "plan without --strict: phones then must not change nodes at some steps"
    if plan.steps is not None and not _refusing(plan):
        return f"restart no service and no node {_between(_passing(plan))}"
    last = max((each.to_step or 0 for each in plan.unsafe), default=0)
    if not last:
        return "plan fewer units at a time"
    when = "made all at once, " if plan.steps is None else ""
    return f"{when}they accept their files again once step {last} is done: announce it"


def why_not(plan: Plan) -> str:
    """Return the line that says that a plan is not safe."""
    if plan.steps is None:
        words = "no safe order was found" if plan.gave_up else "no order is safe"
        return f"{words} for these phones"
    if plan.by_hand:
        return f"the plan locks out {_named(plan.by_hand)} permanently"
    if plan.not_strict:
        return f"no strict order is safe for {_named(plan.not_strict)}"
    if refusing := _refusing(plan):
        names = _named(each.group for each in refusing)
        return f"the plan locks out {names} {_between(refusing)}"
    careful = _passing(plan)
    names = _named(each.group for each in careful)
    return f"the plan locks out {names} if services restart {_between(careful)}"


def _refusing(plan: Plan) -> list[Unsafe]:
    """Return the groups that refuse files for some steps, whatever restarts."""
    return [each for each in _passing(plan) if not each.only_if_restarted]


def _passing(plan: Plan) -> list[Unsafe]:
    """Return each risk for some steps only, of groups that are well at the end.

    A group may have several; groups come in the plan's order.
    """
    place = {group: number for number, group in enumerate(plan.task.groups)}
    passing = [each for each in plan.unsafe if each.group not in plan.by_hand]
    return sorted(passing, key=lambda each: place[each.group])


def _named(groups: Iterable[PhoneGroup]) -> str:
    return names_of(dict.fromkeys(group.name for group in groups))


def _between(passing: Sequence[Unsafe]) -> str:
    """Say between which steps groups are not safe, all of them together."""
    first = min(each.from_step for each in passing)
    last = max(each.to_step or 0 for each in passing)
    return f"between step {first} and {last}" if first else f"before step {last}"
