"""A plan for people: lines of text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.planner.in_one_go import InOneGo, PlanFailure
from tokenless.phone_emulator.planner.model.cluster import (
    PUBLISHER,
    CertificateIdentity,
    ClusterLayout,
)
from tokenless.phone_emulator.planner.model.phones import PhoneGroup, PredictedBoot
from tokenless.phone_emulator.planner.model.steps import describe
from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.plan import Danger, Harm, Plan, Planned
from tokenless.phone_emulator.planner.search.unsafe import (
    GroupProblem,
    OtherReason,
    Unsafe,
)
from tokenless.phone_emulator.planner.secure_phones import cut_off_in_words
from tokenless.phone_emulator.planner.verdict import (
    by_hand_in_words,
    left_as,
    names_of,
    not_safe_in_words,
)
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import FileKind

BECAUSE: Final[dict[Reason | OtherReason, str]] = {
    Reason.CANNOT_ASK: (
        "the phone does not know the signer, and this model cannot ask TVS"
    ),
    Reason.NO_TVS_LISTED: (
        "the phone does not know the signer, and its ITL lists no TVS"
    ),
    Reason.NO_TVS_CONFIGURED: (
        "the phone does not know the signer, and has no configuration that names "
        "TVS servers"
    ),
    Reason.TVS_NOT_IN_ITL: (
        "the phone does not know the signer, and no TVS member shows a certificate "
        "that is in the phone's ITL"
    ),
    Reason.TVS_TLS: (
        "the phone does not know the signer, and TVS wants a newer TLS version than "
        "this model speaks"
    ),
    Reason.NOT_VOUCHED: "neither the phone nor TVS knows the signer",
    Reason.WRONG_ROLE: (
        "TVS knows the signer, but not in a role that may sign this file"
    ),
    OtherReason.NO_ANCHOR: "the phone has no anchor and no TVS member left",
}
"""Reasons in words, for both forms of a plan."""
_FILES: Final = {
    FileKind.CTL: "the CTL",
    FileKind.ITL: "the ITL",
    FileKind.CONFIGURATION: "its configuration",
}


def in_words(plan: Plan) -> Iterator[str]:
    """Return lines for a person."""
    yield from _one_go_in_words(plan.in_one_go)
    yield ""
    if plan.steps is None:
        yield _no_order(plan)
        yield from _unsafe_in_words(plan.unsafe, "of the steps all at once")
    else:
        yield from _headings(plan)
        yield from _steps_in_words(plan.task, plan.steps)
        yield from _unsafe_in_words(plan.unsafe, "of this order")
    yield from _by_hand_in_words(plan)
    yield from _registration_in_words(plan)
    yield from cut_off_in_words(plan)
    yield f"Checked {counted(plan.explored, 'order')}."


def _registration_in_words(plan: Plan) -> Iterator[str]:
    """Say when phones with a secure profile do not register at their first node."""
    for number in plan.restarts:
        yield (
            f"Right before step {number}, restart Cisco CallManager on every node: it "
            "shows its new certificate from then on."
        )
        those = [each for each in plan.losses if each.from_step == number]
        alike: dict[tuple[tuple[int, ...], bool], list[str]] = {}
        for each in those:
            alike.setdefault((each.at, each.is_lasting), []).append(each.group.name)
        for (at, is_lasting), names in alike.items():
            until = f"until step {number} is done"
            if is_lasting:
                until = f"from then on, and not after step {number} either"
            nodes = ", ".join(plan.task.layout.nodes[node] for node in at)
            what = f"register at {nodes} instead" if at else "do not register"
            yield f"  Secure phones of {names_of(names)} {what} {until}."
        if not those:
            yield "  Secure phones register at their first node all the time."


def _no_order(plan: Plan) -> str:
    if plan.gave_up:
        return "No safe order was found in the given time. There may be one."
    if plan.task.strict:
        return (
            "There is no order in which these phones could change nodes at every "
            "moment, as a strict plan must. There may be a safe one."
        )
    return "There is no safe order: every order locks out all of these phones."


def _headings(plan: Plan) -> Iterator[str]:
    """Say first for whom the order is not safe, then what it is."""
    not_safe = " ".join(not_safe_in_words(plan))
    if not_safe:
        yield not_safe
    harmed = {*plan.not_strict, *(each.group for each in plan.unsafe)}
    others = len(plan.task.groups) > len(harmed)
    safe = "safe " if others or not not_safe else ""
    whose = " for the other phones" if others and not_safe else ""
    count = len(plan.steps or ())
    if plan.proven:
        yield f"The shortest {safe}order{whose} ({counted(count, 'step')}):"
        return
    yield (
        f"A {safe}order{whose} of {counted(count, 'step')}. It may not be the "
        f"shortest; no safe order has fewer than {counted(plan.bound, 'step')}:"
    )


def _by_hand_in_words(plan: Plan) -> Iterator[str]:
    if plan.by_hand:
        names = names_of([group.name for group in plan.by_hand])
        yield (
            f"By hand: after the last step, phones of {names} {left_as(plan)}. "
            f"{by_hand_in_words(plan)}."
        )


def _unsafe_in_words(unsafe: Sequence[Unsafe], where: str) -> Iterator[str]:
    alike: dict[tuple[object, ...], list[Unsafe]] = {}
    for each in unsafe:
        key = (each.problem, each.to_step, each.only_if_restarted, each.group.model)
        alike.setdefault(key, []).append(each)
    for same in alike.values():
        yield _window(same, where)


def _window(same: Sequence[Unsafe], where: str) -> str:
    """Say when groups are not safe, and why; they differ in the first step only."""
    first = min(same, key=lambda each: each.from_step)
    names = names_of([each.group.name for each in same])
    what = (
        "cannot be reached"
        if first.problem.file is None
        else f"that starts refuses {_FILES[first.problem.file]}"
    )
    restarted = ", if services restart in that time," if first.only_if_restarted else ""
    after = "" if first.to_step is None else " Afterwards the phones are safe."
    return (
        f"Not safe for {names}: {_when(first, where)}{restarted} a "
        f"{first.group.model} {what}: {BECAUSE[first.problem.reason]}.{after}"
    )


def _when(each: Unsafe, where: str) -> str:
    if each.to_step is None:
        since = f"after step {each.from_step}" if each.from_step else "from the start"
        return f"{since} {where}, and permanently,"
    if not each.from_step:
        return f"before step {each.to_step} {where}"
    return f"between step {each.from_step} and {each.to_step} {where}"


def why(problem: GroupProblem) -> str:
    """Return the reason why phones refuse a file, or can verify none."""
    because = BECAUSE[problem.reason]
    if problem.file is None:
        return because
    return f"a phone refuses {_FILES[problem.file]}: {because} (rule {problem.rule})"


def _steps_in_words(task: Task, steps: Sequence[Planned]) -> Iterator[str]:
    """Write the steps; of anchors and TVS members only what has changed."""
    before: dict[str, str] = {}
    warned: set[TrustStore] = set()
    for index, step in enumerate(steps):
        yield f"{step.number:3}. {step.title}"
        yield from (f"       {line}" for line in step.commands)
        if step.resets_phones:
            yield "       phones are reset automatically, at unknown moments"
        if step.refused:
            refused = names_of(step.refused)
            yield f"       at some of these moments {refused} refuse a file"
        for boot, names in _by_value(step.boots, _boot_in_words):
            yield f"       {names}: {boot}"
        for late, names in _by_value(step.other_boots, _late_in_words):
            yield f"       {names}, reset too early or not at all: {late}"
        ways = {g.name: _ways_in_words(task.layout, g, step) for g in task.groups}
        changed = {name: ways[name] for name in ways if before.get(name) != ways[name]}
        for left, names in _by_value(changed, str):
            yield f"       anchors of {names}: {left}"
        before = ways
        for danger in step.dangers:
            if danger.unit not in warned:
                yield f"       {_danger_in_words(danger, steps[index:])}"
        warned = {danger.unit for danger in step.dangers}


def _ways_in_words(layout: ClusterLayout, group: PhoneGroup, step: Planned) -> str:
    """Say by what the phones of a group can be reached."""
    signers = ", ".join(
        _own(who, group) or describe(layout, who) for who in step.anchors[group.name]
    )
    members = ", ".join(layout.nodes[node] for node in step.tvs[group.name])
    takes_any = group.name in step.without_lists
    words = signers or ("none needed, they hold no list" if takes_any else "NONE")
    return f"{words}; TVS members: {members}" if members else words


def _own(who: CertificateIdentity, group: PhoneGroup) -> str:
    """Name a subscriber's certificate so that groups of several nodes read alike."""
    if who.node == PUBLISHER or who.node != group.node:
        return ""
    return f"{who.unit} of their own node"


def _by_value(
    values: Mapping[str, Any],
    words: Any,  # noqa: ANN401 - of whatever the values are
) -> Iterator[tuple[str, str]]:
    """Return the words for values, with the names of all that have the same."""
    alike: dict[str, list[str]] = {}
    for name, value in values.items():
        alike.setdefault(words(value), []).append(name)
    for text, names in alike.items():
        yield text, names_of(names)


def _danger_in_words(danger: Danger, steps: Sequence[Planned]) -> str:
    """Say until which step a regeneration must wait."""
    until = next(
        (
            f"before step {each.number} is done"
            for each in steps
            if danger.unit not in {other.unit for other in each.dangers}
        ),
        "during and after all steps",
    )
    harm = (
        "leave no anchor and no TVS member to"
        if danger.harm is Harm.BURNS_LAST_ANCHOR
        else "lock out"
    )
    return (
        f"{until}, do not regenerate {danger.unit}: it would {harm} "
        f"{names_of(danger.groups)}"
    )


def _boot_in_words(boot: PredictedBoot) -> str:
    parts = []
    for kind, outcome in (("CTL", boot.ctl), ("ITL", boot.itl)):
        if outcome is not None:
            by = f" by {outcome.verified_by}" if outcome.verified_by else ""
            parts.append(f"{kind} {outcome.action}{by}")
    return ", ".join(parts)


def _late_in_words(boots: Sequence[PredictedBoot]) -> str:
    return " / ".join(sorted({_boot_in_words(each) for each in boots}))


def _one_go_in_words(naive: InOneGo) -> Iterator[str]:
    yield f"All at once, in the order given ({_one_go_verdict(naive)}):"
    for number, words in enumerate(naive.titles, 1):
        yield f"{number:3}. {words}"
    yield from (f"  {words}" for words in one_go_outcome(naive))


def _one_go_verdict(naive: InOneGo) -> str:
    """Say before the steps whether to follow them: they look like a plan."""
    if naive.lockout is not None:
        return "NOT SAFE: phones are locked out"
    if naive.burnt is not None:
        return "NOT SAFE: phones are left without an anchor"
    if naive.lockout_if_restarted is not None:
        return "NOT SAFE if a service restarts too early"
    return "safe"


def one_go_outcome(naive: InOneGo) -> Iterator[str]:
    """Yield what comes of a change that is made all at once, without its steps."""
    if naive.lockout is not None:
        yield _failure_in_words("locks out", naive.lockout)
    elif naive.lockout_if_restarted is not None:
        yield "no phone is locked out unless a service restarts too early; but"
        yield _failure_in_words(
            "followed by a restart of services locks out", naive.lockout_if_restarted
        )
    else:
        yield "no phone is locked out."
    if naive.burnt is None:
        # "Every step leaves an anchor" would contradict a lock-out just told.
        if naive.lockout is None:
            yield "every step leaves each phone at least one anchor or TVS member."
    else:
        words = "leaves no anchor and no TVS member to"
        yield _failure_in_words(words, naive.burnt)


def _failure_in_words(what: str, failure: PlanFailure) -> str:
    because = "" if failure.problem.is_burnt else f": {why(failure.problem)}"
    groups = names_of(failure.groups)
    return f"step {failure.number} ({failure.title}) {what} {groups}{because}."
