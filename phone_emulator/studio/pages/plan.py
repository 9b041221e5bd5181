"""Page 3, Plan: the runbook, beside the orders of the vendor's texts."""

from typing import Final

import trio
from msgspec.structs import replace
from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.events import PlanTask
from tokenless.phone_emulator.studio.orders import digest_of, orders_of, script_for
from tokenless.phone_emulator.studio.study import PlanResult, Study
from tokenless.phone_emulator.studio.visit import Page, Visit

_TIMEOUT_S: Final = 20.0


def show(visit: Visit) -> Response:
    """Show the plan; make it when there is none yet."""
    study, plans = visit.study(), visit.studio.plans
    failure = plans.failure(visit.study_id)
    needs_plan = study.change.kind == "ticked" and study.plan is None
    if needs_plan and not failure:
        _start(visit, study)
    played = {run.digest: run for run in reversed(visit.runs())}
    marks = [(each, digest_of(script_for(study, each))) for each in orders_of(study)]
    orders = [(each, mark, played.get(mark)) for each, mark in marks]
    return visit.page(
        "plan",
        study,
        is_planning=needs_plan and not failure,
        failure=failure if needs_plan else "",
        orders=orders,
    )


def again(visit: Visit) -> Response:
    """Plan once more."""
    study = visit.change(lambda old: replace(old, plan=None), "")
    _start(visit, study)
    return visit.go_on("plan")


def _start(visit: Visit, study: Study) -> None:
    if study.cluster is None:
        raise PhoneError("there is no cluster yet", hint="give its lists first")
    counts = [group.count or 0 for group in study.cluster.phones]
    task = PlanTask(
        study.cluster.script,
        f"regenerate {', '.join(study.change.units)}",
        sum(counts) or study.phones,
        _TIMEOUT_S,
    )
    units, studio, name = study.change.units, visit.studio, visit.study_id

    def keep(made: PlanResult) -> None:
        def edit(old: Study) -> Study:
            # Another change may have been ticked meanwhile.
            return replace(old, plan=made) if old.change.units == units else old

        studio.change(name, edit, f"Planned: {made.headline}")

    trio.from_thread.run(studio.plans.start, name, task, keep)


_PLAN: Final = "/studies/{study}/plan"

PAGES: Final = (Page(_PLAN, show), Page(_PLAN, None, again, _PLAN))
