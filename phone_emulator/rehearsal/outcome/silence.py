"""The steps of a rehearsal during which phones were without dial tone.

A rehearsal has no clock that a person would recognise: what takes a night there takes
seconds here. So an outage is told by the steps between which it lasted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenless.phone_emulator.rehearsal.outcome.expectations import StepReport
from tokenless.phone_emulator.rehearsal.outcome.impact import phones_words


@dataclass(frozen=True, slots=True)
class Silence:
    """Phones of a group without dial tone, from one step to another."""

    group: str
    phones: int
    """The most of the group at a time."""
    from_step: int
    """In this step it began."""
    to_step: int | None
    """In this step it ended; None: it has not."""

    def to_json(self) -> dict[str, Any]:
        """Return what `rehearse run --json` prints of it."""
        return {
            "group": self.group,
            "phones": self.phones,
            "from_step": self.from_step,
            "to_step": self.to_step,
        }

    def __str__(self) -> str:
        """Write it as a sentence."""
        end = "to the end" if self.to_step is None else f"to step {self.to_step}"
        who = f"{phones_words(self.phones)} of {self.group}"
        return f"{who} from step {self.from_step} {end}"


def silences(steps: Sequence[StepReport]) -> Iterator[Silence]:
    """Return when phones had no dial tone, by group, in order."""
    names = dict.fromkeys(each.group for step in steps for each in step.statuses)
    for name in names:
        yield from _of_group(name, steps)


def _of_group(name: str, steps: Sequence[StepReport]) -> Iterator[Silence]:
    most, began = 0, 0
    for step in steps:
        count = sum(
            each.impact.unregistered for each in step.statuses if each.group == name
        )
        if count and not most:
            began = step.number
        if most and not count:
            yield Silence(name, most, began, step.number)
        most = max(most, count) if count else 0
    if most:
        yield Silence(name, most, began, None)
