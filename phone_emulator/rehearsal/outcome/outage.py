"""The steps of a rehearsal during which phones were without dial tone.

What takes a night on a real cluster takes seconds here. So an outage is told by the
steps between which it lasted, and by the seconds that these took here: it began during
the first of them and ended during the last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport


@dataclass(frozen=True, slots=True)
class Outage:
    """Phones of a group without dial tone, from one step to another."""

    group: str
    phones: int
    """The most of the group at a time."""
    from_step: int
    """In this step it began."""
    to_step: int | None
    """In this step it ended; None: it has not."""
    least_s: float = 0.0
    """The seconds of the steps that it lasted through, on the rehearsal's cluster."""
    most_s: float = 0.0
    """The same with the steps in which it began and ended."""

    def to_json(self) -> dict[str, Any]:
        """Return what `rehearse run --json` prints of it."""
        return {
            "group": self.group,
            "phones": self.phones,
            "from_step": self.from_step,
            "to_step": self.to_step,
            "measured_s": {
                "least": round(self.least_s, 3),
                "most": round(self.most_s, 3),
            },
        }

    def __str__(self) -> str:
        """Write it as a sentence."""
        end = "to the end" if self.to_step is None else f"to step {self.to_step}"
        who = f"{counted(self.phones, 'phone')} of {self.group}"
        return f"{who} from step {self.from_step} {end}"


def outages(steps: Sequence[StepReport]) -> Iterator[Outage]:
    """Return when phones had no dial tone, by group, in order."""
    names = dict.fromkeys(each.group for step in steps for each in step.statuses)
    for name in names:
        yield from _of_group(name, steps)


def _of_group(name: str, steps: Sequence[StepReport]) -> Iterator[Outage]:
    seconds = {step.number: step.seconds for step in steps}
    most, began = 0, 0
    for step in steps:
        count = sum(
            each.impact.unregistered for each in step.statuses if each.group == name
        )
        if count and not most:
            began = step.number
        if most and not count:
            yield _timed(Outage(name, most, began, step.number), seconds)
        most = max(most, count) if count else 0
    if most:
        yield _timed(Outage(name, most, began, None), seconds)


def _timed(outage: Outage, seconds: Mapping[int, float]) -> Outage:
    """Return it with the seconds that its steps took."""
    last = max(seconds) if outage.to_step is None else outage.to_step
    whole = [seconds[each] for each in range(outage.from_step, last + 1)]
    through = whole[1:] if outage.to_step is None else whole[1:-1]
    return replace(outage, least_s=sum(through), most_s=sum(whole))
