"""A plan as a runbook: a row for each thing to do, in the vendor's words.

The instructions for a step are in `runbook_steps`, what stands around the table in
`runbook_lists`. A runbook tells what the plan's model knows; `rehearse run` of the
saved file is the proof.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenless.ground.counting import counted
from tokenless.phone_emulator.planner import runbook_lists
from tokenless.phone_emulator.planner.model.registration import StepGaps
from tokenless.phone_emulator.planner.model.steps import (
    Regenerate,
    ResetPhones,
    RestartTftp,
    RestartTvs,
)
from tokenless.phone_emulator.planner.plan import Harm, Plan, Planned
from tokenless.phone_emulator.planner.runbook_services import (
    named,
    restarts_after,
    restarts_in,
)
from tokenless.phone_emulator.planner.runbook_steps import Doing
from tokenless.phone_emulator.planner.secure_phones import (
    gaps_in,
    losing,
    no_restart,
    until_registered,
    without_service,
)
from tokenless.phone_emulator.planner.verdict import held_lists
from tokenless.phone_emulator.planner.wording import TERMINAL, Wording

COMMAND_S: Final = 30.0
"""Seconds of a command, with the person who types it."""
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Figures for the length of a window; none of them is known to the model."""

    phones: int | None = None
    """The number of phones; None: no time is estimated."""
    batch: int = 500
    """The number of phones that are reset together."""
    phones_per_s: float = 20.0
    """The number of phones that come back in a second."""
    phone_restart_s: float = 180.0
    """From the reset of a phone to its registration."""
    restart_s: float = 60.0
    """For the restart of a service on a node."""

    def reset_s(self) -> float:
        """Return how long it takes until all phones are back."""
        phones = self.phones or 0
        batches = math.ceil(phones / self.batch)
        return phones / self.phones_per_s + batches * self.phone_restart_s

    def words(self) -> str:
        """Say what times are computed from."""
        return (
            f"{self.phones} phones reset {self.batch} at a time, {self.phones_per_s:g} "
            f"come back in a second, a phone takes {self.phone_restart_s:g} s to "
            f"restart, a service {self.restart_s:g} s on each node that has it, a "
            f"command {COMMAND_S:g} s with the person who types it"
        )

    def automatic_reset_s(self) -> float:
        """Return the same where the cluster resets all phones at once."""
        return (self.phones or 0) / self.phones_per_s + self.phone_restart_s


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One thing to do."""

    number: int
    node: str
    what: str
    page: str
    command: str
    wait_for: str
    verify: str
    back: str
    """A way to stop or go back from here."""
    forbidden: tuple[str, ...]
    """Forbidden actions, each with the step that ends it."""
    phones: str
    """The reaction of phones meanwhile."""
    seconds: float | None
    is_without_ca: bool
    """True if the time that the CA takes is not in `seconds`."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """All of them."""

    rows: tuple[RunbookRow, ...]
    pace: Pace
    assumptions: tuple[str, ...]
    not_safe: tuple[str, ...]
    """Groups that must be told of before the window."""
    without_service: tuple[str, ...]
    """Steps at which secure phones register nowhere."""
    before: tuple[str, ...]
    """Checks before the first step."""
    after: tuple[str, ...]
    """Actions after the last step."""
    rescue: tuple[str, ...]
    """Actions if phones refuse files."""
    restarts_after_s: float
    """Seconds of the restarts after the last step."""

    @property
    def seconds(self) -> float | None:
        """The length of the window in seconds, None without a number of phones."""
        if self.pace.phones is None:
            return None
        return sum(row.seconds or 0 for row in self.rows) + self.restarts_after_s

    def remarks(self) -> Iterator[str]:
        """Yield what must be known before the window, the phones at risk first."""
        for each in self.not_safe:
            yield f"NOT SAFE for {each}"
        yield from self.without_service
        if self.seconds is not None:
            ca = any(row.is_without_ca for row in self.rows)
            without = ", without the time of the CA" if ca else ""
            minutes = counted(round(self.seconds / _MINUTE_S), "minute")
            after = ""
            if self.restarts_after_s:
                last = counted(round(self.restarts_after_s / _MINUTE_S), "minute")
                after = f", {last} of them for the restarts after the last step"
            yield (
                f"The window takes {minutes} by these figures{after}{without}; "
                "backups, checks and mistakes are not in it."
            )
        yield from self.assumptions


COLUMNS: Final = (
    "step",
    "node",
    "what",
    "page",
    "command",
    "wait for",
    "verify",
    "stop or go back",
    "not yet",
    "phones meanwhile",
    "minutes",
)


def runbook_of(
    plan: Plan, pace: Pace, wording: Wording = TERMINAL, guesses: Sequence[str] = ()
) -> Runbook:
    """Return the runbook of a plan.

    Args:
        plan: One that has steps.
        pace: What its times are computed from.
        wording: Where its reader works with the product.
        guesses: What is not known of the cluster, as sentences.

    Raises:
        ValueError: When the plan has no steps (a caller's mistake).
    """
    if plan.steps is None:
        raise ValueError("a plan without steps has no runbook")
    gaps = gaps_in(plan)
    rows = tuple(
        _row(Doing(plan, step, wording), plan, step, pace, gap)
        for step, gap in zip(plan.steps, gaps, strict=True)
    )
    return Runbook(
        rows,
        pace,
        assumptions=(*guesses, *_assumptions(plan, pace, wording)),
        not_safe=tuple(_not_safe(plan)),
        without_service=tuple(without_service(plan, gaps)),
        before=tuple(runbook_lists.before(plan, wording)),
        after=tuple(runbook_lists.after(plan)),
        rescue=tuple(runbook_lists.rescue(plan, wording)),
        restarts_after_s=_restarts_after_s(plan, pace),
    )


def _restarts_after_s(plan: Plan, pace: Pace) -> float:
    """Return how long the restarts take that follow the last step."""
    return restarts_in(restarts_after(plan), plan.task.layout) * pace.restart_s


def _not_safe(plan: Plan) -> Iterator[str]:
    for each in plan.unsafe:
        name = each.group.name
        if each.to_step is None:
            yield (
                f"{name}: refuses files {_since(each.from_step)}; "
                f"{held_lists(plan)} must be deleted by hand after the last step"
            )
            continue
        when = " if services restart in between" if each.only_if_restarted else ""
        yield (
            f"{name}: may refuse files {_since(each.from_step)} until step "
            f"{each.to_step} is done{when}"
        )


def _since(step: int) -> str:
    return f"from step {step} on" if step else "from the start"


def cells_of(row: RunbookRow) -> tuple[str, ...]:
    """Return a row's cells, by `COLUMNS`."""
    minutes = "" if row.seconds is None else _minutes(row.seconds)
    return (
        str(row.number),
        row.node,
        row.what,
        row.page,
        row.command,
        row.wait_for,
        row.verify,
        row.back,
        "; ".join(row.forbidden),
        row.phones,
        f"{minutes} and the CA" if minutes and row.is_without_ca else minutes,
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}" if seconds > _MINUTE_S else "1"


def _assumptions(plan: Plan, pace: Pace, wording: Wording) -> Iterator[str]:
    yield from runbook_lists.subject(plan)
    resets = sum(each.resets_phones for each in plan.steps or ())
    if resets:
        by_hand = sum(isinstance(each.step, ResetPhones) for each in plan.steps or ())
        times = counted(resets + by_hand, "time")
        yield (
            f"All phones of the cluster restart {times}: {resets} automatically, "
            f"{by_hand} by hand."
        )
    yield (
        "Go from top to bottom and do not begin a step before the one above is "
        "verified. Do nothing else on the cluster meanwhile, and restart no node. When "
        "phones are missing after twice the minutes of a step, or show Trust List "
        "update failed, go to `If phones refuse files`."
    )
    yield runbook_lists.left_out(wording)
    if pace.phones is not None:
        yield f"Times are computed, not measured on your cluster: {pace.words()}."


def _row(
    what: Doing, plan: Plan, step: Planned, pace: Pace, gaps: StepGaps
) -> RunbookRow:
    lost = tuple(losing(plan, gaps))
    if lost and step.resets_phones:
        what.wait_for += ", less the secure phones named under `phones meanwhile`"
    return RunbookRow(
        number=step.number,
        node=what.node,
        what=what.what + step.title,
        page=what.page,
        command=what.command,
        wait_for=what.wait_for,
        verify=what.verify,
        back=until_registered(plan, step, gaps)
        + what.back
        + _except(plan, step.number),
        forbidden=(*no_restart(plan, step), *_forbidden(plan, step)),
        phones="; ".join((what.phones, *lost)),
        seconds=None if pace.phones is None else _seconds(plan, what, step, pace),
        is_without_ca=isinstance(step.step, Regenerate)
        and step.step.unit in plan.task.layout.signed,
    )


def _seconds(plan: Plan, what: Doing, step: Planned, pace: Pace) -> float:
    """Return how long a step takes: restarts on one node after the other."""
    restarts = len(what.nodes) * pace.restart_s
    match step.step:
        case RestartTvs() | RestartTftp():
            return restarts
        case ResetPhones():
            first = restarts_in(what.services, plan.task.layout)
            return first * pace.restart_s + pace.reset_s()
        case _ if step.resets_phones:
            return pace.automatic_reset_s()
        case _:
            return COMMAND_S + restarts


def _except(plan: Plan, number: int) -> str:
    """Name the groups for which it is not safe to stop after a step."""
    names = [
        each.group.name
        for each in plan.unsafe
        if each.from_step <= number and (each.to_step is None or number < each.to_step)
    ]
    return f"; not safe for {', '.join(names)}" if names else ""


def _forbidden(plan: Plan, step: Planned) -> Iterator[str]:
    """Say what must not be regenerated from here, and until which step."""
    later = (plan.steps or ())[step.number :]
    for danger in step.dangers:
        until = next(
            (
                each.number
                for each in later
                if all(danger.unit is not other.unit for other in each.dangers)
            ),
            None,
        )
        when = (
            "not even after the last step"
            if until is None
            else f"until step {until} is done"
        )
        groups = named(danger.groups, plan)
        does = (
            f"it would lock out {groups}"
            if danger.harm is Harm.LOCKS_OUT
            else f"nothing done on servers would reach {groups} any more"
        )
        yield f"do not regenerate {danger.unit} {when}: {does}"
