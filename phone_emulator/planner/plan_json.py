"""A plan for programs: the object that `rehearse plan --json` prints."""

from typing import Any

from tokenless.phone_emulator.planner.in_one_go import PlanFailure
from tokenless.phone_emulator.planner.model.cluster import ClusterLayout
from tokenless.phone_emulator.planner.model.phones import PredictedBoot
from tokenless.phone_emulator.planner.model.registration import RegistrationLoss
from tokenless.phone_emulator.planner.model.steps import describe
from tokenless.phone_emulator.planner.plan import Danger, Harm, Plan, Planned
from tokenless.phone_emulator.planner.report import BECAUSE, why
from tokenless.phone_emulator.planner.search.unsafe import Unsafe
from tokenless.phone_emulator.planner.secure_phones import cut_off


def to_json(plan: Plan) -> dict[str, Any]:
    """Return the object that `rehearse plan --json` prints."""
    naive = plan.in_one_go
    return {
        "safe": plan.is_safe,
        "strict": plan.task.strict,
        "not_strict": [group.name for group in plan.not_strict],
        "steps": [_step_json(plan.task.layout, each) for each in plan.steps or ()],
        "unsafe": [_unsafe_json(each) for each in plan.unsafe],
        "by_hand": [group.name for group in plan.by_hand],
        "in_one_go": {
            "steps": list(naive.titles),
            "first_lockout": _failure_json(naive.lockout),
            "first_lockout_if_restarted": _failure_json(naive.lockout_if_restarted),
            "first_step_that_burns_the_last_anchor": _failure_json(naive.burnt),
        },
        "registration": {
            "restart_callmanager_before": list(plan.restarts),
            "not_at_first_node": [
                _loss_json(plan.task.layout, each) for each in plan.losses
            ],
            "no_node_in_steps": [list(each) for each in cut_off(plan)],
        },
        "explored": plan.explored,
        "proven": plan.proven,
        "bound": plan.bound,
        "gave_up": plan.gave_up,
    }


def _step_json(layout: ClusterLayout, step: Planned) -> dict[str, Any]:
    return {
        "step": step.number,
        "title": step.title,
        "run": list(step.commands),
        "resets_phones": step.resets_phones,
        "refused_at_some_moment": list(step.refused),
        "anchors": {
            name: [describe(layout, who) for who in left]
            for name, left in step.anchors.items()
        },
        "tvs": {
            name: [layout.nodes[node] for node in left]
            for name, left in step.tvs.items()
        },
        "must_not_follow": [_danger_json(each) for each in step.dangers],
        "phones": {name: _boot_json(each) for name, each in step.boots.items()},
    }


def _loss_json(layout: ClusterLayout, each: RegistrationLoss) -> dict[str, Any]:
    return {
        "group": each.group.name,
        "before_step": each.from_step,
        "registers_at": [layout.nodes[node] for node in each.at],
        "lasting": each.is_lasting,
    }


def _unsafe_json(each: Unsafe) -> dict[str, Any]:
    return {
        "group": each.group.name,
        "model": each.group.model,
        "reason_code": str(each.problem.reason),
        "file": each.problem.file,
        "rule": each.problem.rule,
        "from_step": each.from_step,
        "to_step": each.to_step,
        "only_if_restarted": each.only_if_restarted,
    }


def _danger_json(danger: Danger) -> dict[str, Any]:
    return {
        "regenerate": str(danger.unit),
        "locks_out": list(danger.groups),
        "burns_last_anchor": danger.harm is Harm.BURNS_LAST_ANCHOR,
    }


def _boot_json(boot: PredictedBoot) -> dict[str, Any]:
    outcomes = {"ctl": boot.ctl, "itl": boot.itl, "configuration": boot.configuration}
    return {
        kind: {
            "action": outcome.action,
            "verified_by": outcome.verified_by,
            "rule": outcome.rule,
            "reason_code": outcome.reason,
            "reason": None if outcome.reason is None else BECAUSE[outcome.reason],
        }
        for kind, outcome in outcomes.items()
        if outcome is not None
    }


def _failure_json(failure: PlanFailure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "step": failure.number,
        "title": failure.title,
        "groups": list(failure.groups),
        "reason_code": str(failure.problem.reason),
        "reason": why(failure.problem),
    }
