"""A plan for programs (JSON) and for people (lines of text)."""

from collections.abc import Iterator, Sequence
from typing import Any

from tokenless.phone_emulator.planner.phones import Boot
from tokenless.phone_emulator.planner.plan import Danger, Mishap, Plan, Planned


def to_json(plan: Plan) -> dict[str, Any]:
    """Return the object that `rehearse plan --json` prints."""
    naive = plan.naive
    return {
        "safe": plan.steps is not None,
        "steps": [_step_json(each) for each in plan.steps or ()],
        "by_hand": [group.name for group in plan.by_hand],
        "in_one_go": {
            "steps": list(naive.titles),
            "first_lockout": _mishap_json(naive.lockout),
            "first_step_that_burns_the_last_anchor": _mishap_json(naive.burnt),
        },
        "explored": plan.explored,
        "gave_up": plan.gave_up,
    }


def _step_json(step: Planned) -> dict[str, Any]:
    return {
        "step": step.number,
        "title": step.title,
        "run": list(step.commands),
        "anchors": {name: list(left) for name, left in step.anchors.items()},
        "must_not_follow": [_danger_json(each) for each in step.dangers],
        "phones": {name: _boot_json(each) for name, each in step.boots.items()},
    }


def _danger_json(danger: Danger) -> dict[str, Any]:
    return {
        "regenerate": str(danger.unit),
        "locks_out": list(danger.groups),
        "burns_last_anchor": danger.burns_last,
    }


def _boot_json(boot: Boot) -> dict[str, Any]:
    fates = {"ctl": boot.ctl, "itl": boot.itl, "configuration": boot.configuration}
    return {
        kind: {
            "action": fate.action,
            "verified_by": fate.verified_by,
            "rule": fate.rule,
            "reason": fate.why or None,
        }
        for kind, fate in fates.items()
        if fate is not None
    }


def _mishap_json(mishap: Mishap | None) -> dict[str, Any] | None:
    if mishap is None:
        return None
    return {
        "step": mishap.number,
        "title": mishap.title,
        "groups": list(mishap.groups),
        "reason": mishap.why,
    }


def in_words(plan: Plan) -> Iterator[str]:
    """Return lines for a person."""
    yield from _naive_in_words(plan)
    yield ""
    if plan.steps is None:
        reason = (
            "the search was given up before everything was tried"
            if plan.gave_up
            else "on every order phones would be locked out"
        )
        yield f"No safe order: {reason}."
    else:
        yield "The shortest safe order:"
        yield from _steps_in_words(plan.steps)
    for group in plan.by_hand:
        yield (
            f"By hand: no order is safe for {group.name} ({group.model}). Delete the "
            "CTL on each of these phones afterwards."
        )
    yield f"{plan.explored} sequences of steps were looked at."


def _steps_in_words(steps: Sequence[Planned]) -> Iterator[str]:
    """Write the steps; of anchors and dangers only what has changed."""
    anchors: dict[str, tuple[str, ...]] = {}
    dangers: tuple[Danger, ...] = ()
    for step in steps:
        yield f"{step.number:3}. {step.title}"
        yield from (f"       {line}" for line in step.commands)
        for name, boot in step.boots.items():
            yield f"       {name}: {_boot_in_words(boot)}"
        for name, left in step.anchors.items():
            if anchors.get(name) != left:
                yield f"       anchors of {name}: {', '.join(left) or 'NONE'}"
        if step.dangers != dangers:
            yield from _dangers_in_words(step.dangers)
        anchors, dangers = step.anchors, step.dangers


def _dangers_in_words(dangers: Sequence[Danger]) -> Iterator[str]:
    if not dangers:
        yield "       nothing that could be regenerated now would lock phones out"
    for danger in dangers:
        what = "burn the last anchor of" if danger.burns_last else "lock out"
        yield (
            f"       from now on do not regenerate {danger.unit}: it would {what} "
            f"{', '.join(danger.groups)}"
        )


def _boot_in_words(boot: Boot) -> str:
    parts = []
    for kind, fate in (("CTL", boot.ctl), ("ITL", boot.itl)):
        if fate is not None:
            by = f" by {fate.verified_by}" if fate.verified_by else ""
            parts.append(f"{kind} {fate.action}{by}")
    return ", ".join(parts)


def _naive_in_words(plan: Plan) -> Iterator[str]:
    naive = plan.naive
    yield "In one go, as written:"
    for number, words in enumerate(naive.titles, 1):
        yield f"{number:3}. {words}"
    if naive.lockout is None:
        yield "  no phone is locked out."
    else:
        yield _mishap_in_words("locks out", naive.lockout)
    if naive.burnt is None:
        yield "  no step burns a last anchor."
    else:
        yield _mishap_in_words("burns the last anchor of", naive.burnt)


def _mishap_in_words(what: str, mishap: Mishap) -> str:
    return (
        f"  step {mishap.number} ({mishap.title}) {what} "
        f"{', '.join(mishap.groups)}: {mishap.why}."
    )
