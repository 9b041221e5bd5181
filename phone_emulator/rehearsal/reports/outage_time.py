"""How long phones would be without dial tone on a real cluster, computed.

No source of the reference tells how long phones are without service in a change. The
time is computed from the lines of the steps, with the assumptions of a runbook
(`planner.runbook.Pace`), and is an upper bound: an outage begins during its first step
and ends during its last.
"""

from dataclasses import replace

from tokenless.phone_emulator.planner.runbook import COMMAND_S, Pace
from tokenless.phone_emulator.rehearsal.outcome.expectations import StepReport
from tokenless.phone_emulator.rehearsal.outcome.silence import Silence
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    Admin,
    LineAction,
    Phones,
    PhoneVerb,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action


def pace_of(played: Played, phones: int | None) -> Pace:
    """Return the assumptions for a rehearsal.

    Args:
        played: It.
        phones: Of the real cluster; None: as many as were rehearsed.
    """
    return Pace(phones=phones or played.impact.of)


def computed_s(played: Played, silence: Silence, pace: Pace) -> float:
    """Return for how long at most phones would be without dial tone."""
    last = silence.to_step or len(played.steps)
    return sum(
        _step_s(step, pace)
        for step in played.steps
        if silence.from_step <= step.number <= last
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
