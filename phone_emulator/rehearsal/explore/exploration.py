"""An exploration: the ranked runs of a change under faults, and its resilience."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokenless.phone_emulator.rehearsal.explore.runs import (
    NO_FAULT,
    WITHOUT_FAULTS,
    RunResult,
    not_played,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Script

_NOT_YET: Final = not_played(
    WITHOUT_FAULTS, NO_FAULT, "the exploration was ended before"
)


@dataclass(frozen=True, slots=True)
class Exploration:
    """The results of all runs."""

    script: Script
    baseline: RunResult
    """The change without any fault."""
    singles: tuple[RunResult, ...]
    """The runs under one fault, the one that costs most first."""
    pairs: tuple[RunResult, ...]
    """The runs under two faults, likewise."""
    seed: int
    first_step: int = 1
    """The first step in which something could go wrong."""
    left_out: int = 0
    """Runs that were not played, as the exploration was ended before."""

    @property
    def resilience(self) -> float | None:
        """The share of phones that are well at the end, over all single faults.

        Calls are no phones: they count in the ranking alone. None when no run under a
        fault could be played.
        """
        return _share_well(self.singles)

    @property
    def pair_resilience(self) -> float | None:
        """The same over the pairs that were sampled."""
        return _share_well(self.pairs)

    @property
    def not_played(self) -> tuple[RunResult, ...]:
        """Runs of which nothing is known."""
        runs = (self.baseline, *self.singles, *self.pairs)
        return tuple(each for each in runs if each.failure is not None)

    @property
    def costly(self) -> tuple[RunResult, ...]:
        """Single faults that leave a phone or a call worse off at the end."""
        return tuple(each for each in self.singles if any(each.end.weight))

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """Effects of the real cluster that some run did not play, each once."""
        runs = (self.baseline, *self.singles, *self.pairs)
        return tuple(dict.fromkeys(said for run in runs for said in run.not_modelled))

    def to_json(self) -> dict[str, Any]:
        """Return the last object that `rehearse explore --json` prints.

        It holds no times, so that two explorations can be compared.
        """
        ended = (*self.singles, *self.pairs)
        costly = [each for each in ended if any(each.end.weight)]
        return {
            "rehearsal": self.script.name,
            "runs": len(ended) + (self.baseline is not _NOT_YET),
            "worst": [
                _in_short(each) for each in sorted(costly, key=_cost, reverse=True)
            ],
            "approximations": [e.to_json() for e in self.script.approximations],
            "not_modelled": list(self.not_modelled),
            "seed": self.seed,
            "resilience": _rounded(self.resilience),
            "pair_resilience": _rounded(self.pair_resilience),
            "not_played": len(self.not_played),
            "left_out": self.left_out,
            "no_fault": _to_json(self.baseline),
            "faults": [_to_json(each) for each in self.singles],
            "pairs": [_to_json(each) for each in self.pairs],
        }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def run_to_json(run: RunResult) -> dict[str, Any]:
    """Return the object that `rehearse explore --json` prints when a run has ended."""
    values = _to_json(run)
    for key in ("name", "phones", "end", "step"):  # `fault`, `impact`, `step`
        del values[key]
    return {**_in_short(run), **values}


def _in_short(run: RunResult) -> dict[str, Any]:
    return {"fault": run.name, "step": run.step, "impact": run.impact_json()}


def _to_json(run: RunResult) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(run)
    del values["seconds"]
    return values


def _share_well(runs: Sequence[RunResult]) -> float | None:
    played = [run for run in runs if run.failure is None]
    phones = sum(run.phones for run in played)
    lost = sum(run.end.phones for run in played)
    return 1 - lost / phones if phones else None


def ranked(
    script: Script,
    results: Sequence[RunResult],
    seed: int,
    *,
    first_step: int = 1,
    left_out: int = 0,
) -> Exploration:
    """Put the runs in order: what costs most first.

    Args:
        script: The change.
        results: The runs that were played.
        seed: Of the choice of pairs.
        first_step: The first step in which something could go wrong.
        left_out: How many were not, as the exploration was ended before.
    """
    by_cost = sorted(results, key=_cost, reverse=True)
    faults = [each for each in by_cost if each.name != WITHOUT_FAULTS]
    without = (each for each in results if each.name == WITHOUT_FAULTS)
    baseline = next(without, _NOT_YET)
    return Exploration(
        script,
        baseline,
        tuple(each for each in faults if len(each.words) == 1),
        tuple(each for each in faults if len(each.words) > 1),
        seed,
        first_step,
        left_out,
    )


def _cost(run: RunResult) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    return run.end.weight, run.worst.weight, run.name
