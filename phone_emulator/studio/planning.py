"""The plan of a study's change, as its page shows it.

What a runbook says of a terminal's options is said here of pages.
"""

import time
from typing import Final

from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.report import in_words, one_go_outcome
from tokenless.phone_emulator.planner.runbook import (
    COLUMNS,
    Pace,
    cells_of,
    runbook_of,
)
from tokenless.phone_emulator.planner.wording import Wording
from tokenless.phone_emulator.rehearsal.planning.script import rounds
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.studio.study import PlanResult, Runbook

_MOST_LINES = 400
_LONGEST = 3900
_ON_PAGES: Final = Wording(
    ca_signed="this plan is not for it",
    models="tick them on the page Your cluster, plan again",
    interaction="choose that on the page Your cluster, plan again",
    rehearse="play it on the page Play",
    check="Look now on the page Before and after",
)


def plan_result(script: Script, goal: str, phones: int, timeout_s: float) -> PlanResult:
    """Plan a change of the cluster that a rehearsal sets up.

    Raises:
        TokenlessError: When the goal or the rehearsal cannot be planned for.
    """
    began = time.monotonic()
    made = make_plan(task_for(script, goal), timeout_s=timeout_s)
    words = [line[:_LONGEST] for line in in_words(made)]
    blank = words.index("") if "" in words else 0
    has_steps = made.steps is not None
    return PlanResult(
        is_safe=has_steps and not made.unsafe,
        headline=words[blank + 1].rstrip(":"),
        words=tuple(words[blank + 1 :][:_MOST_LINES]),
        at_once=tuple(words[:blank]),
        at_once_in_short=tuple(map(_cut, one_go_outcome(made.in_one_go))),
        steps=tuple(rounds(made)) if has_steps else (),
        runbook=_runbook(made, phones) if has_steps else None,
        seconds=round(time.monotonic() - began, 2),
    )


def _runbook(made: Plan, phones: int) -> Runbook:
    book = runbook_of(made, Pace(phones=phones), _ON_PAGES)
    return Runbook(
        COLUMNS,
        tuple(tuple(map(_cut, cells_of(row))) for row in book.rows),
        tuple(map(_cut, book.remarks())),
        tuple(map(_cut, book.before)),
        tuple(map(_cut, book.after)),
        tuple(map(_cut, book.rescue)),
        tuple(map(_cut, book.without_service)),
    )


def _cut(text: str) -> str:
    return text[:_LONGEST]
