"""One run of a change under faults: what happened to the phones, as plain values."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tokenless.ground.disk import explain
from tokenless.phone_emulator.rehearsal.explore.faults import Fault, with_faults
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.errors import TokenlessError

WITHOUT_FAULTS: Final = "no-fault"
NO_FAULT: Final = ("no fault",)
"""The words of the run without faults."""


class Loss(msgspec.Struct, frozen=True):
    """Phones that a step left without something, and calls that are lost."""

    locked_out: int
    """Those that nothing on a server brings back."""
    stuck: int
    """Those whose last boot refused a file, as in `rehearse run`."""
    unregistered: int
    """Those without dial tone."""
    failed_calls: int = 0
    """Pairs of groups whose last call failed."""
    weaker_calls: int = 0
    """Pairs of groups whose last call was less secure than one before."""
    would_be_stuck: int = 0
    """Further phones that would refuse a file if they started now."""

    @property
    def refusing(self) -> int:
        """Return the phones that are stuck, or would be."""
        return self.stuck + self.would_be_stuck

    @property
    def phones(self) -> int:
        """Return all phones that are not well.

        One that is stuck often has its old registration: it counts once.
        """
        return max(self.refusing, self.unregistered)

    @property
    def weight(self) -> tuple[int, int, int, int, int]:
        """Return the severity, for comparison."""
        calls = self.failed_calls, self.weaker_calls
        return self.locked_out, self.refusing, self.unregistered, *calls

    @classmethod
    def of(cls, impact: Impact) -> "Loss":
        """Take what counts of a step's impact."""
        return cls(
            impact.locked_out,
            impact.stuck,
            impact.unregistered,
            impact.failed_calls,
            impact.weaker_calls,
            impact.would_be_stuck,
        )


class Task(msgspec.Struct, frozen=True):
    """The run that a worker plays."""

    name: str
    words: tuple[str, ...]
    """The faults, a sentence each."""
    script: Script
    """With the faults in it."""
    phones: int
    first_step: int
    """The first step in which something may go wrong."""
    step: int | None = None
    """The step in which the first fault begins; None: there is none."""


class RunResult(msgspec.Struct, frozen=True):
    """The state of the phones after one run."""

    name: str
    """By which it is played again."""
    words: tuple[str, ...]
    phones: int
    end: Loss
    """The phones after the faults were repaired and every phone has restarted."""
    worst: Loss
    """In the step that harmed most."""
    worst_step: int
    groups: tuple[str, ...] = ()
    """Groups that are stuck at the end."""
    reasons: tuple[str, ...] = ()
    """The reasons, as values: `not-vouched`."""
    remedies: tuple[str, ...] = ()
    """The remedies, the least work first."""
    refused: str | None = None
    """The first command that was refused; the rest of its step was not typed."""
    failure: str | None = None
    """The reason why it could not be played; nothing is known of the phones then."""
    seconds: float = 0.0
    step: int | None = None
    """The step in which the first fault begins; None: there is none."""
    not_modelled: tuple[str, ...] = ()
    """Effects of the real cluster that were not played."""

    def impact_json(self) -> dict[str, int] | None:
        """Return what is lost at the end, of how many phones; None: not known."""
        if self.failure is not None:
            return None
        return {**msgspec.to_builtins(self.end), "of": self.phones}


def task_of(
    script: Script, faults: Sequence[Fault], phones: int, first_step: int
) -> Task:
    """Return what a worker is to play.

    Args:
        script: The change.
        faults: What goes wrong; none: nothing.
        phones: How many, beside groups of a fixed size.
        first_step: The first step in which something may go wrong.
    """
    return Task(
        name="+".join(fault.name for fault in faults) or WITHOUT_FAULTS,
        words=tuple(fault.words for fault in faults) or NO_FAULT,
        script=with_faults(script, faults),
        phones=phones,
        first_step=first_step,
        step=min((fault.step for fault in faults), default=None),
    )


def play_task(task: Task) -> RunResult:
    """Play a change under faults in a folder of its own, which is gone afterwards."""
    try:
        played = play_alone(Rehearsal(task.script, task.phones))
    except TokenlessError as error:
        return not_played(task.name, task.words, error.explain(), task.step)
    except OSError as error:
        # A full disk ends this run, and not the hours of the others.
        return not_played(task.name, task.words, explain(error), task.step)
    return _result(task, played)


def not_played(
    name: str, words: tuple[str, ...], why: str, step: int | None = None
) -> RunResult:
    """Return what is known of a run that could not be played: nothing."""
    none = Loss(0, 0, 0)
    return RunResult(name, words, 0, none, none, 0, failure=why, step=step)


def _result(task: Task, played: Played) -> RunResult:
    last, counted = played.steps[-1], played.steps[task.first_step - 1 :]
    worst = max(counted, key=lambda step: Loss.of(step.impact).weight)
    broke_off = played.broke_off
    stuck = [each for each in last.statuses if not each.impact.is_safe]
    return RunResult(
        name=task.name,
        words=task.words,
        phones=last.impact.of,
        end=Loss.of(last.impact),
        worst=Loss.of(worst.impact),
        worst_step=worst.number,
        groups=tuple(each.group for each in stuck),
        reasons=_reasons(last),
        remedies=tuple(
            dict.fromkeys(remedy.text for each in stuck for remedy in each.remedies)
        ),
        refused=None
        if broke_off is None
        else f"step {broke_off.number}: {broke_off.refusal}",
        seconds=played.seconds,
        step=task.step,
        not_modelled=played.not_modelled,
    )


def _reasons(step: StepReport) -> tuple[str, ...]:
    codes = {
        refusal.code.value
        for status in step.statuses
        for refusal in (*status.refusals, *status.prospects)
    }
    return tuple(sorted(codes))
