"""The two verdicts in words: the impact on phones, then the expectation.

"As expected" is said only where something was expected, and nothing is called safe that
was not seen to be.
"""

from collections.abc import Iterator
from enum import StrEnum, unique
from typing import NamedTuple, assert_never

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Expectations, Played


@unique
class Tone(StrEnum):
    """The colour of a verdict."""

    GOOD = "good"
    PLAIN = "plain"
    """Neither good nor bad: nothing was expected."""
    LATER = "later"
    """Nobody is stuck yet."""
    BAD = "bad"


class Verdict(NamedTuple):
    """One verdict in words."""

    short: str
    """For a label: `LOCKED OUT 400 of 400 phones`."""
    tone: Tone
    rest: str = ""
    """The rest of the sentence."""

    def __str__(self) -> str:
        """Write all of it."""
        return f"{self.short}{self.rest}"


def impact_verdict(impact: Impact) -> Verdict:
    """Return an impact in words."""
    first, *others = impact.parts()
    is_bad = (
        impact.stuck or impact.locked_out or impact.unregistered or impact.failed_calls
    )
    tone = Tone.BAD if is_bad else Tone.LATER
    rest = f": {'; '.join(others)}" if others else ""
    return Verdict(first, Tone.GOOD if impact.is_safe else tone, rest)


def step_verdicts(step: StepReport) -> Iterator[Verdict]:
    """Return the verdicts of one step, the impact first."""
    if step.broke_off:
        yield Verdict("BROKE OFF", Tone.BAD)
    if not (step.broke_off and step.impact.is_safe):
        yield impact_verdict(step.impact)
    if step.differences:
        yield Verdict("not as expected", Tone.BAD)
    elif step.unforeseen:
        yield Verdict("not expected", Tone.BAD)
    elif step.expects_something:
        yield Verdict("as expected", Tone.GOOD)
    else:
        yield Verdict("nothing was expected", Tone.PLAIN)


def run_verdicts(played: Played) -> list[Verdict]:
    """Return the verdicts of a whole rehearsal, what matters most first."""
    impact, broken = _impact(played), _broken(played)
    leading = [impact, *broken]
    if played.impact.is_safe:
        leading.reverse()  # nothing that broke off is called safe first
    said = [*_at_another_moment(played), *_resets(played), *_outages(played)]
    if played.impact.is_safe and any(each.tone is Tone.BAD for each in said):
        leading, said = [*said, *leading], []
    return [*leading, *said, *_not_modelled(played), _expectations(played)]


def _impact(played: Played) -> Verdict:
    if not played.steps:
        return Verdict("NOTHING WAS DONE", Tone.PLAIN, ": the rehearsal has no steps")
    if played.broke_off is not None and played.impact.is_safe:
        return _unjudged(played)
    worst = played.worst
    if worst is None or not played.impact.is_safe:
        return impact_verdict(played.impact)
    then = f"after step {worst.number} ({worst.step.title}): {worst.impact}"
    well = "no phone is stuck at the end"
    if any(step.impact.unregistered for step in played.steps):
        well = "no phone is stuck or without dial tone at the end"
    if any(step.call_losses.failed for step in played.steps):
        well += ", and no call fails"
    return Verdict("RECOVERED", Tone.LATER, f": {well}; {then}")


def _unjudged(played: Played) -> Verdict:
    """Call nothing safe that was not done; say how the phones are."""
    first, *others = played.impact.parts()
    worst = played.worst
    if worst is not None:
        others.append(f"after step {worst.number} ({worst.step.title}): {worst.impact}")
    said = "; ".join(others) or first
    return Verdict(
        "NO VERDICT",
        Tone.PLAIN,
        f": the change was not made as it is written; after what was done, {said}",
    )


def _broken(played: Played) -> list[Verdict]:
    step = played.broke_off
    if step is None:
        return []
    lines = len(step.left_out)
    rest = "" if not lines else f"; {lines} more of its lines were not carried out"
    short = f"BROKE OFF in step {step.number}"
    said = f" ({step.step.title}): refused: {step.refusal}{rest}"
    return [Verdict(short, Tone.BAD, said)]


def _at_another_moment(played: Played) -> Iterator[Verdict]:
    """Name phones that would have been stuck at other moments of a race."""
    for step in played.steps:
        stuck = {each.group: each.impact.stuck for each in step.statuses}
        risks = step.restarts.at_risk
        more = {name: n for name, n in risks.items() if n > stuck.get(name, 0)}
        if more:
            count = counted(sum(more.values()), "phone")
            yield Verdict(
                f"STUCK AT ANOTHER MOMENT {count}",
                Tone.BAD,
                f": step {step.number} ({step.step.title}) resets phones while nodes "
                f"follow the change; of {', '.join(more)} some moments end well, some "
                "do not",
            )


def _resets(played: Played) -> Iterator[Verdict]:
    """Say how often phones were reset by themselves."""
    restarts = played.restarts
    if restarts.races:
        by_hand = f"; {counted(restarts.by_hand, 'more restart')} by hand"
        drawn = f" (moments drawn with seed {played.seed})"
        yield Verdict(
            "AUTOMATIC RESETS", Tone.LATER, f": {restarts.words()}{drawn}{by_hand}"
        )


def _outages(played: Played) -> Iterator[Verdict]:
    """Say when phones were without dial tone, where phones were reset by themselves."""
    if played.outages:
        said = "; ".join(map(str, played.outages))
        yield Verdict("WITHOUT DIAL TONE MEANWHILE", Tone.LATER, f": {said}")


def _not_modelled(played: Played) -> list[Verdict]:
    return [
        Verdict("NOT MODELLED", Tone.LATER, f": {each}") for each in played.not_modelled
    ]


def _expectations(played: Played) -> Verdict:
    first = played.first_difference
    rest = "" if first is None else f": {first}"
    match played.expectations:
        case Expectations.FAILED:
            return Verdict("not as expected", Tone.BAD, rest)
        case Expectations.MET if first is None:
            return Verdict("as expected", Tone.GOOD, ": every expectation holds")
        case Expectations.MET:
            return Verdict("not expected", Tone.BAD, rest)
        case Expectations.NONE if first is None:
            return Verdict("nothing was expected", Tone.PLAIN)
        case Expectations.NONE:
            said = f", so no phone may be stuck{rest}"
            return Verdict("nothing was expected", Tone.BAD, said)
        case _:
            assert_never(played.expectations)
