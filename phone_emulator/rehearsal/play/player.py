"""Plays a script's steps on a rig, and reports each as it ends."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import trio

from tokenless.phone_emulator.rehearsal.outcome.call_losses import CallHistory
from tokenless.phone_emulator.rehearsal.outcome.expectations import differences
from tokenless.phone_emulator.rehearsal.outcome.expected_stuck import ExpectedStuck
from tokenless.phone_emulator.rehearsal.outcome.group_status import group_statuses
from tokenless.phone_emulator.rehearsal.outcome.restarts import Restarts
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
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
    """Play a script on a rig that was opened for it.

    Raises:
        PhoneError: When a line of the script is not understood; before anything is
            done.
    """
    listener.on_rig(rig)
    parsed = [[parse_action(line) for line in step.run] for step in script.steps]
    player = _Player(rig, listener)
    for number, (step, actions) in enumerate(zip(script.steps, parsed, strict=True), 1):
        listener.on_step(number, step)
        yield await player.play_step(number, step, actions)


@dataclass(slots=True)
class _RunLines:
    """The result of the lines of a step."""

    transcript: list[str] = field(default_factory=list)
    injected: list[str] = field(default_factory=list)
    """Faults that a person has put in meanwhile."""
    refusal: str | None = None
    left_out: tuple[str, ...] = ()
    """The lines after the one that was refused."""


class _Player:
    """Plays the steps of one script, one after the other."""

    def __init__(self, rig: RehearsalRig, listener: ProgressListener) -> None:
        self._rig = rig
        self._listener = listener
        self._expected_stuck = ExpectedStuck()
        self._calls = CallHistory()

    async def play_step(
        self, number: int, step: Step, actions: list[LineAction]
    ) -> StepReport:
        """Run the lines of a step, and report what came of it."""
        began = time.monotonic()
        self._rig.begin_step()
        ran = await self._run_lines(number, step, actions)
        report = await self._report(number, step, ran)
        return replace(report, seconds=time.monotonic() - began)

    async def _report(self, number: int, step: Step, ran: _RunLines) -> StepReport:
        rig, phones = self._rig, self._rig.phone_groups
        boots = phones.boots
        nodes, groups = await rig.nodes(), boots.reports
        facts, prospects = await rig.facts(), await rig.prospects()
        registrations = await rig.registrations()
        statuses = group_statuses(phones, facts, prospects, registrations)
        resets = rig.resets
        restarts = Restarts(boots.restarts, tuple(resets.races), resets.unregistered)
        report = StepReport(
            number=number,
            step=step,
            transcript="\n".join(text.rstrip("\n") for text in ran.transcript),
            refusal=ran.refusal,
            left_out=ran.left_out,
            nodes=nodes,
            groups=groups,
            statuses=statuses,
            stuck=boots.stuck,
            calls=tuple(rig.calls),
            call_losses=self._calls.after(rig.calls),
            unforeseen=self._expected_stuck.unforeseen(
                step, boots.booted, statuses, restarts.at_risk
            ),
            restarts=restarts,
            injected=tuple(ran.injected),
            expired=tuple(name for each in facts for name in each.expired),
        )
        return replace(report, differences=differences(report))

    async def _run_lines(
        self, number: int, step: Step, actions: list[LineAction]
    ) -> _RunLines:
        """Run the lines of a step until one is refused."""
        ran = _RunLines()
        transcript = ran.transcript
        for done, (line, action) in enumerate(zip(step.run, actions, strict=True), 1):
            ran.injected += await self._inject(number, done - 1, transcript)
            transcript.append(_TRANSCRIPT_LINE.format(line=line))
            if isinstance(action, Phones) and action.verb is PhoneVerb.BOOT:
                self._listener.on_boot(self._rig.phone_groups.size(action.groups))
            try:
                await self._perform(action, transcript)
            except TokenlessError as error:
                ran.refusal, ran.left_out = error.explain(), step.run[done:]
                transcript.append(ran.refusal)
                break
        ran.injected += await self._inject(number, None, transcript)
        return ran

    async def _inject(
        self, number: int, line: int | None, transcript: list[str]
    ) -> list[str]:
        """Carry out what a person puts before a line; say what was refused."""
        injected = []
        for text in await self._listener.before_line(number, line):
            transcript.append(_INJECTED_LINE.format(line=text))
            said = text
            try:
                action = parse_action(text)
                await self._perform(action, transcript)
            except TokenlessError as error:
                transcript.append(error.explain())
                said = f"{text} (refused: {error})"
            place = "after the last line" if line is None else f"before line {line + 1}"
            injected.append(f"{place}: {said}")
        return injected

    async def _perform(self, action: LineAction, transcript: list[str]) -> None:
        listener = self._listener
        await self._rig.perform(
            action, transcript.append, listener.on_phone, listener.on_boot
        )
