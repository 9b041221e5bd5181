"""Walks a script's steps over a stage, and reports each as it ends."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from tokenless.phone_emulator.rehearsal.outcome.call_losses import CallHistory
from tokenless.phone_emulator.rehearsal.outcome.expectations import (
    StepReport,
    differences,
)
from tokenless.phone_emulator.rehearsal.outcome.expected_stuck import ExpectedStuck
from tokenless.phone_emulator.rehearsal.outcome.group_status import group_statuses
from tokenless.phone_emulator.rehearsal.outcome.restarts import Restarts
from tokenless.phone_emulator.rehearsal.rig.rig import RehearsalRig
from tokenless.phone_emulator.rehearsal.scripts.actions import (
    LineAction,
    Phones,
    PhoneVerb,
)
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Script, Step
from tokenless.protocol.errors import TokenlessError

_TRANSCRIPT_LINE: Final = "$ {line}"
_INJECTED_LINE: Final = "[put in by hand] $ {line}"


async def _go_on(_number: int, _line: int | None) -> Sequence[str]:
    """Play the next line at once."""
    await trio.lowlevel.checkpoint()
    return ()


@dataclass(frozen=True, slots=True)
class ProgressListener:
    """Callbacks that follow a rehearsal while it runs."""

    on_step: Callable[[int, Step], None] = lambda *_: None
    """Is told which step begins."""
    on_boot: Callable[[int], None] = lambda _: None
    """Is told how many phones are about to boot."""
    on_phone: Callable[[], None] = lambda: None
    """Is told that one of them has."""
    on_rig: Callable[[RehearsalRig], None] = lambda _: None
    """Is given the clusters and phones before the first step."""
    before_line: Callable[[int, int | None], Awaitable[Sequence[str]]] = _go_on
    """Is asked before each line, with the numbers of its step and its own from 0, and
    with None after the last line of a step. It may wait, and returns lines that a
    person puts before it."""


async def play(
    script: Script, rig: RehearsalRig, listener: ProgressListener
) -> AsyncIterator[StepReport]:
    """Play a script on a stage that was set up for it.

    Raises:
        PhoneError: When a line of the script is not understood; before anything is
            done.
    """
    expected_stuck, calls = ExpectedStuck(), CallHistory()
    listener.on_rig(rig)
    parsed = [[parse_action(line) for line in step.run] for step in script.steps]
    for number, (step, actions) in enumerate(zip(script.steps, parsed, strict=True), 1):
        listener.on_step(number, step)
        yield await _play_step(
            number, step, actions, rig, listener, expected_stuck, calls
        )


async def _play_step(  # noqa: PLR0917 - one caller
    number: int,
    step: Step,
    actions: list[LineAction],
    rig: RehearsalRig,
    listener: ProgressListener,
    expected_stuck: ExpectedStuck,
    calls: CallHistory,
) -> StepReport:
    began = time.monotonic()
    rig.begin_step()
    ran = await _run_lines(number, step, actions, rig, listener)
    nodes, groups = await rig.nodes(), rig.phone_groups.reports
    statuses = group_statuses(
        rig.phone_groups,
        await rig.facts(),
        await rig.prospects(),
        await rig.registrations(),
    )
    restarts = Restarts(
        rig.phone_groups.restarts, tuple(rig.resets.races), rig.resets.unregistered
    )
    printed = "\n".join(text.rstrip("\n") for text in ran.transcript)
    return StepReport(
        number=number,
        step=step,
        transcript=printed,
        refusal=ran.refusal,
        left_out=ran.left_out,
        nodes=nodes,
        groups=groups,
        statuses=statuses,
        stuck=rig.phone_groups.stuck,
        calls=tuple(rig.calls),
        call_losses=calls.after(rig.calls),
        differences=tuple(
            differences(
                step,
                refusal=ran.refusal,
                transcript=printed,
                nodes=nodes,
                groups=groups,
                statuses=statuses,
                calls=rig.calls,
                at_risk=restarts.at_risk,
            )
        ),
        unforeseen=expected_stuck.unforeseen(
            step, rig.phone_groups.booted, statuses, restarts.at_risk
        ),
        restarts=restarts,
        seconds=time.monotonic() - began,
        injected=tuple(ran.injected),
    )


@dataclass(slots=True)
class _RunLines:
    """The result of the lines of a step."""

    transcript: list[str] = field(default_factory=list)
    injected: list[str] = field(default_factory=list)
    """Faults that a person has put in meanwhile."""
    refusal: str | None = None
    left_out: tuple[str, ...] = ()
    """The lines after the one that was refused."""


async def _run_lines(
    number: int,
    step: Step,
    actions: list[LineAction],
    rig: RehearsalRig,
    listener: ProgressListener,
) -> _RunLines:
    """Run the lines of a step until one is refused."""
    ran = _RunLines()
    transcript = ran.transcript
    for done, (line, action) in enumerate(zip(step.run, actions, strict=True), 1):
        ran.injected += await _inject(number, done - 1, rig, listener, transcript)
        transcript.append(_TRANSCRIPT_LINE.format(line=line))
        if isinstance(action, Phones) and action.verb is PhoneVerb.BOOT:
            listener.on_boot(rig.phone_groups.size(action.groups))
        try:
            await rig.perform(
                action, transcript.append, listener.on_phone, listener.on_boot
            )
        except TokenlessError as error:
            ran.refusal, ran.left_out = error.explain(), step.run[done:]
            transcript.append(ran.refusal)
            break
    ran.injected += await _inject(number, None, rig, listener, transcript)
    return ran


async def _inject(
    number: int,
    line: int | None,
    rig: RehearsalRig,
    listener: ProgressListener,
    transcript: list[str],
) -> list[str]:
    """Carry out what a person puts before a line; say what was refused."""
    injected = []
    for text in await listener.before_line(number, line):
        transcript.append(_INJECTED_LINE.format(line=text))
        said = text
        try:
            action = parse_action(text)
            await rig.perform(
                action, transcript.append, listener.on_phone, listener.on_boot
            )
        except TokenlessError as error:
            transcript.append(error.explain())
            said = f"{text} (refused: {error})"
        place = "after the last line" if line is None else f"before line {line + 1}"
        injected.append(f"{place}: {said}")
    return injected
