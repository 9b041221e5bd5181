"""A phone's face beside its console log."""

from typing import Final

from starlette.responses import Response

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.studio.face import frame_of, screen_of
from tokenless.phone_emulator.studio.study import PhoneLog, StepResult
from tokenless.phone_emulator.studio.visit import Page, Visit
from tokenless.protocol.decimal_text import read_decimal

_MOST_PAGES: Final = 1000


def show(visit: Visit) -> Response:
    """Show the screen of the first phone of a group, after a step."""
    step, log = _chosen(visit)
    page = read_decimal(visit.asked("page", "0"), _MOST_PAGES) or 0
    menu = visit.asked("menu")
    screen = screen_of(log.face, menu, page)
    return visit.page(
        "phone",
        visit.study(),
        face=log.face,
        log=log,
        step=step,
        screen=screen,
        frame=frame_of(log.face.model),
        here=f"{visit.base}/runs/{visit.part('run')}",
    )


def _chosen(visit: Visit) -> tuple[StepResult, PhoneLog]:
    """Return the step and the phone that the query names.

    Raises:
        PhoneError: When there is none.
    """
    live = visit.studio.runs.find(visit.part("run"))
    if live is not None:
        steps = tuple(live.steps)
    else:
        run = visit.run(visit.part("run"))
        steps = () if run is None else run.steps
    for step in steps:
        if str(step.number) == visit.asked("step"):
            for log in step.logs:
                if log.group == visit.asked("group"):
                    return step, log
    raise PhoneError("there is no such phone", hint="choose one on the page Play")


PAGES: Final = (Page("/studies/{study}/runs/{run}/phone", show),)
