"""Page 4, Play: a rehearsal while it is played, and what a person does to it."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import trio
from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.events import Command, PlayTask
from tokenless.phone_emulator.studio.orders import (
    digest_of,
    order_of,
    orders_of,
    script_for,
    subject_of,
)
from tokenless.phone_emulator.studio.runs import LiveRun
from tokenless.phone_emulator.studio.study import RunResult, StepResult
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.services.console.sessions import NoticeKind

_NO_CONTENT: Final = 204
_VERBS: Final[dict[str, Literal["pause", "resume", "step"]]] = {
    "pause": "pause",
    "resume": "resume",
    "step": "step",
}


def show(visit: Visit) -> Response:
    """Show what can be played, what is being played, and what was."""
    study = visit.study()
    orders = [
        (each, digest_of(script_for(study, each)) if study.is_confirmed else "")
        for each in orders_of(study)
    ]
    return visit.page(
        "play", study, orders=orders, live=visit.live(), runs=visit.runs()
    )


def start(visit: Visit) -> Response:
    """Play an order of the change.

    Raises:
        PhoneError: When a guess is not confirmed; when there is no such order, or
            it is another one than the page showed.
    """
    study = visit.study()
    if study.cluster is None:
        raise PhoneError("there is no cluster yet", hint="give its lists first")
    if not study.is_confirmed:
        raise PhoneError(
            "the guesses about the cluster were not confirmed",
            hint="confirm them on the page Your cluster",
        )
    order = order_of(study, visit.form.one("order"))
    subject = subject_of(study, order)
    if visit.form.one("shown") not in {"", digest_of(subject.script)}:
        raise PhoneError(
            "the cluster or the change is another one since this page was loaded, so "
            "nothing is played",
            hint="look at the orders, and play one of them",
        )
    task = PlayTask(
        subject.script,
        study.phones,
        first_step=len(study.cluster.script.steps) + 1,
        is_paused=visit.form.one("paused") == "yes",
    )
    runs = visit.studio.runs
    run = trio.from_thread.run(runs.start, visit.study_id, task, order.title, subject)
    visit.change(lambda old: old, f"Played: {order.title}.")
    return visit.go_on(f"runs/{run.id}")


def watch(visit: Visit) -> Response:
    """Show a rehearsal, be it over or not."""
    run, result = _found(visit)
    study = visit.study()
    return visit.page("run", study, run=run, result=result, **_seen(visit, run, result))


def fragment(visit: Visit) -> Response:
    """Return the parts of the page that follow the rehearsal, when they are new."""
    run = visit.studio.runs.find(visit.part("run"))
    if run is None:
        # It is over: the whole page is another one.
        response = Response(status_code=200)
        response.headers["HX-Refresh"] = "true"
        return response
    if visit.asked("seen") == str(run.version):
        return Response(status_code=_NO_CONTENT)
    # What is read, or was opened, stays as it is until another step has ended.
    return visit.render(
        "run_live.html",
        base=visit.base,
        run=run,
        **_seen(visit, run, None)
        | {"is_new_step": visit.asked("steps") != str(len(run.steps))},
    )


def controls(visit: Visit) -> Response:
    """Return what can be clicked, when it has changed."""
    run = visit.studio.runs.find(visit.part("run"))
    if run is None or visit.asked("seen") == str(run.controls):
        return Response(status_code=_NO_CONTENT)
    return visit.render("run_controls.html", base=visit.base, run=run)


def command(visit: Visit) -> Response:
    """Do what was clicked."""
    run = visit.studio.runs.find(visit.part("run"))
    where = f"runs/{visit.part('run')}"
    if run is None:
        visit.say("The rehearsal is over: nothing was done.", NoticeKind.WARNING)
        return visit.go_on(where)
    runs, do = visit.studio.runs, visit.form.one("do")
    if do == "stop":
        trio.from_thread.run(runs.stop, run)
        return visit.go_on(where)
    if do in _VERBS:
        trio.from_thread.run(runs.send, run, Command(_VERBS[do]))
    else:
        line = _fault(run, do, visit.form.one("of"))
        trio.from_thread.run(runs.send, run, Command("inject", line))
    if "hx-request" in visit.request.headers:
        return Response(status_code=_NO_CONTENT)
    return visit.go_on(where)


_FAULTS: Final = {
    "node-down": "node stop {}",
    "node-up": "node start {}",
    "group-off": "phones off {}",
    "group-on": "phones on {}",
    "tvs-down": ("admin --node {} utils service stop Cisco Trust Verification Service"),
    "tvs-up": "admin --node {} utils service start Cisco Trust Verification Service",
    "link-cut": "database away {}",
    "link-back": "database back {}",
}


def _fault(run: LiveRun, kind: str, of: str) -> str:
    """Return the line of a fault.

    Raises:
        PhoneError: When there is no such fault, node or group.
    """
    groups = [group.name for group in run.task.script.groups]
    if kind not in _FAULTS or of not in [*run.state.nodes, *groups]:
        raise PhoneError("there is no such node or group", hint="load the page again")
    return _FAULTS[kind].format(of)


def _found(visit: Visit) -> tuple[LiveRun | None, RunResult | None]:
    run = visit.studio.runs.find(visit.part("run"))
    if run is not None and run.study == visit.study_id:
        return run, None
    result = visit.run(visit.part("run"))
    if result is None:
        raise PhoneError("there is no such rehearsal", hint="choose one of the list")
    return None, result


def _seen(
    visit: Visit, run: LiveRun | None, result: RunResult | None
) -> dict[str, Any]:
    """Return the steps, and the phone whose log is shown."""
    steps: Sequence[StepResult] = run.steps if run else result.steps if result else ()
    number = visit.asked("step")
    chosen = next((s for s in steps if str(s.number) == number), None)
    step = chosen or (steps[-1] if steps else None)
    group = visit.asked("group")
    logs = step.logs if step else ()
    log = next(
        (each for each in logs if each.group == group), logs[0] if logs else None
    )
    return {
        "steps_played": steps,
        "step": step,
        "log": log,
        "is_chosen": chosen is not None or bool(group),
        "is_new_step": True,
        "is_fragment": "hx-request" in visit.request.headers,
    }


_PLAY: Final = "/studies/{study}/play"
_RUN: Final = "/studies/{study}/runs/{run}"

PAGES: Final = (
    Page(_PLAY, show, start, _PLAY),
    Page(_RUN, watch, command, _RUN),
    Page(f"{_RUN}/live", fragment),
    Page(f"{_RUN}/controls", controls),
)
