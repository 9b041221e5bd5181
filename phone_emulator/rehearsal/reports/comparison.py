"""Rehearsals side by side: what each order of a change costs phones.

No source of the reference tells how long phones are without service in a change. The
time is computed from the lines of the steps, with the assumptions of a runbook
(`planner.runbook.Pace`), and is an upper bound: an outage begins during its first step
and ends during its last.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.table import Table

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell
from tokenless.phone_emulator.planner.runbook import COMMAND_S, Pace
from tokenless.phone_emulator.rehearsal.outcome.outage import Outage
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    LineAction,
    Phones,
    PhoneVerb,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action


def comparison_table(all_played: Sequence[Played], phones: int | None = None) -> Table:
    """Return a column for each rehearsal, a row for each cost.

    Args:
        all_played: The rehearsals.
        phones: Of the real cluster, for the computed times; None: as rehearsed.
    """
    told = dict.fromkeys(pace_of(played, phones).words() for played in all_played)
    table = Table(
        header_style="bold", show_lines=True, caption=f"computed: {'; '.join(told)}"
    )
    table.add_column("")
    for played in all_played:
        table.add_column(cell(played.script.name), overflow="fold")
    costs = [_costs(played, phones) for played in all_played]
    for name in costs[0] if costs else ():
        table.add_row(name, *(cell(each[name]) for each in costs))
    return table


def comparison_json(
    all_played: Sequence[Played], phones: int | None = None
) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [
        {
            "rehearsal": played.script.name,
            "release": played.script.release,
            "phones": played.impact.of,
            "stuck_at_worst": _most_stuck(played),
            "stuck_at_end": played.impact.stuck + played.impact.would_be_stuck,
            "at_another_moment": played.restarts.at_risk.total(),
            "without_dial_tone": [
                {**each.to_json(), "computed_s": round(seconds)}
                for each, seconds in _computed(played, phones)
            ],
            "assumptions": pace_of(played, phones).words(),
            "resets": {
                "automatic": played.restarts.automatic,
                "by_hand": played.restarts.by_hand,
            },
            "lines": _lines(played),
            "not_modelled": list(played.not_modelled),
            "seed": played.seed,
            "ok": played.ok,
        }
        for played in all_played
    ]


def _computed(played: Played, phones: int | None) -> list[tuple[Outage, float]]:
    pace = pace_of(played, phones)
    return [(each, computed_s(played, each, pace)) for each in played.outages]


def _costs(played: Played, real: int | None) -> dict[str, str]:
    end, restarts = played.impact, played.restarts
    phones = end.of or 1
    resets = restarts.automatic + restarts.by_hand
    return {
        "release": played.script.release or "the lab's",
        "stuck at the worst moment": _of(_most_stuck(played), end.of),
        "stuck at the end": _of(end.stuck + end.would_be_stuck, end.of),
        "stuck at another moment of a race": _of(restarts.at_risk.total(), end.of),
        "without dial tone": "; ".join(map(str, played.outages)) or "none",
        "for how long (measured)": "; ".join(
            f"{each.group}: {each.least_s:.1f} to {each.most_s:.1f} s"
            for each in played.outages
        )
        or "none",
        "at most (computed)": "; ".join(
            f"{each.group}: {seconds / 60:.0f} min"
            for each, seconds in _computed(played, real)
        )
        or "none",
        "automatic resets": str(restarts.automatic),
        "restarts by hand": str(restarts.by_hand),
        "restarts of a phone": f"{resets / phones:.1f}",
        "lines typed": str(_lines(played)),
        "not modelled": "; ".join(played.not_modelled) or "nothing known",
        "as expected": "yes" if played.ok else f"no: {played.first_difference}",
    }


def _most_stuck(played: Played) -> int:
    impacts = [step.impact for step in played.steps]
    return max((each.stuck + each.would_be_stuck for each in impacts), default=0)


def _lines(played: Played) -> int:
    return sum(len(step.run) for step in played.script.steps)


def _of(count: int, phones: int) -> str:
    return f"{count} of {counted(phones, 'phone')}" if count else "none"


def pace_of(played: Played, phones: int | None) -> Pace:
    """Return the assumptions for a rehearsal.

    Args:
        played: It.
        phones: Of the real cluster; None: as many as were rehearsed.
    """
    return Pace(phones=phones or played.impact.of)


def computed_s(played: Played, outage: Outage, pace: Pace) -> float:
    """Return for how long at most phones would be without dial tone."""
    last = outage.to_step or len(played.steps)
    return sum(
        _step_s(step, pace)
        for step in played.steps
        if outage.from_step <= step.number <= last
    )


def _step_s(step: StepReport, pace: Pace) -> float:
    """Return how long a step takes; a change that resets phones takes that, too."""
    lines = sum(_line_s(step, parse_action(line), pace) for line in step.step.run)
    return lines + len(step.restarts.races) * pace.automatic_reset_s()


def _line_s(step: StepReport, action: LineAction, pace: Pace) -> float:
    match action:
        case Admin(everywhere=True):
            nodes = sum(node.is_up for node in step.nodes)
            return nodes * (pace.restart_s if action.is_restart else COMMAND_S)
        case Admin(is_restart=True):
            return pace.restart_s
        case Phones(verb=PhoneVerb.BOOT, groups=groups):
            share = _share(step, groups)
            return replace(pace, phones=round((pace.phones or 0) * share)).reset_s()
        case _:
            return COMMAND_S


def _share(step: StepReport, groups: tuple[str, ...]) -> float:
    """Return which part of the phones belongs to some groups."""
    sizes = {each.group: each.impact.of for each in step.statuses}
    chosen = groups or tuple(sizes)
    return sum(sizes.get(name, 0) for name in chosen) / (sum(sizes.values()) or 1)
