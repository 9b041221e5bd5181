"""Walks a script's steps over a stage, and reports each as it ends."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from tokenless.phone_emulator.rehearsal.actions import Action, Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.expectations import StepReport, differences
from tokenless.phone_emulator.rehearsal.lines import parse_action
from tokenless.phone_emulator.rehearsal.script import Script, Step
from tokenless.phone_emulator.rehearsal.stage import Stage
from tokenless.phone_emulator.rehearsal.standing import standings
from tokenless.protocol.errors import TokenlessError

_TRANSCRIPT_LINE: Final = "$ {line}"


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to see a rehearsal while it runs."""

    on_step: Callable[[int, Step], None] = lambda *_: None
    """Is told which step begins."""
    on_boot: Callable[[int], None] = lambda _: None
    """Is told how many phones are about to boot."""
    on_phone: Callable[[], None] = lambda: None
    """Is told that one of them has."""


async def play(
    script: Script, stage: Stage, watcher: Watcher
) -> AsyncIterator[StepReport]:
    """Play a script on a stage that was set up for it.

    Raises:
        PhoneError: When a line of the script is not understood; before anything is
            done.
    """
    parsed = [[parse_action(line) for line in step.run] for step in script.steps]
    for number, (step, actions) in enumerate(zip(script.steps, parsed, strict=True), 1):
        watcher.on_step(number, step)
        yield await _play_step(number, step, actions, stage, watcher)


async def _play_step(
    number: int, step: Step, actions: list[Action], stage: Stage, watcher: Watcher
) -> StepReport:
    began = time.monotonic()
    transcript: list[str] = []
    refusal: str | None = None
    for line, action in zip(step.run, actions, strict=True):
        transcript.append(_TRANSCRIPT_LINE.format(line=line))
        if isinstance(action, Phones) and action.verb is PhoneVerb.BOOT:
            watcher.on_boot(stage.cast.size(action.groups))
        try:
            await stage.perform(action, transcript.append, watcher.on_phone)
        except TokenlessError as error:
            refusal = error.explain()
            transcript.append(refusal)
            break
    return await _report(
        number, step, stage, transcript=transcript, refusal=refusal, began=began
    )


async def _report(
    number: int,
    step: Step,
    stage: Stage,
    *,
    transcript: list[str],
    refusal: str | None,
    began: float,
) -> StepReport:
    nodes, groups = await stage.nodes(), stage.cast.reports
    found = standings(stage.cast, await stage.facts())
    printed = "\n".join(text.rstrip("\n") for text in transcript)
    return StepReport(
        number=number,
        step=step,
        transcript=printed,
        refusal=refusal,
        nodes=nodes,
        groups=groups,
        standings=found,
        stuck=stage.cast.stuck,
        differences=tuple(
            differences(
                step,
                refusal=refusal,
                transcript=printed,
                nodes=nodes,
                groups=groups,
                standings=found,
            )
        ),
        seconds=time.monotonic() - began,
    )
