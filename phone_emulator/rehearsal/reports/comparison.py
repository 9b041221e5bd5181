"""Rehearsals side by side: what each order of a change costs phones."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tokenless.ground.terminal import cell
from tokenless.phone_emulator.rehearsal.outcome.impact import phones_words
from tokenless.phone_emulator.rehearsal.outcome.silence import Silence
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.reports.outage_time import computed_s, pace_of


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
            "seed": played.seed,
            "ok": played.ok,
        }
        for played in all_played
    ]


def _computed(played: Played, phones: int | None) -> list[tuple[Silence, float]]:
    pace = pace_of(played, phones)
    return [(each, computed_s(played, each, pace)) for each in played.silences]


def _costs(played: Played, real: int | None) -> dict[str, str]:
    end, restarts = played.impact, played.restarts
    phones = end.of or 1
    resets = restarts.automatic + restarts.by_hand
    return {
        "release": played.script.release or "the lab's",
        "stuck at the worst moment": _of(_most_stuck(played), end.of),
        "stuck at the end": _of(end.stuck + end.would_be_stuck, end.of),
        "stuck at another moment of a race": _of(restarts.at_risk.total(), end.of),
        "without dial tone": "; ".join(map(str, played.silences)) or "none",
        "for how long (measured)": "; ".join(
            f"{each.group}: {each.least_s:.1f} to {each.most_s:.1f} s"
            for each in played.silences
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
        "as expected": "yes" if played.ok else f"no: {played.first_difference}",
    }


def _most_stuck(played: Played) -> int:
    impacts = [step.impact for step in played.steps]
    return max((each.stuck + each.would_be_stuck for each in impacts), default=0)


def _lines(played: Played) -> int:
    return sum(len(step.run) for step in played.script.steps)


def _of(count: int, phones: int) -> str:
    return f"{count} of {phones_words(phones)}" if count else "none"
