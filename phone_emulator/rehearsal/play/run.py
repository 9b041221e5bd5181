"""Plays one rehearsal from an empty folder to its verdict."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import partial
from pathlib import Path
from typing import Any

from tokenless.ground.files import not_synced
from tokenless.ground.interrupts import run_trio, terminated_as_interrupted
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import listed
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.outage import Outage, outages
from tokenless.phone_emulator.rehearsal.outcome.restarts import Restarts
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener, play
from tokenless.phone_emulator.rehearsal.rig.clusters.made import MadeClusters
from tokenless.phone_emulator.rehearsal.rig.opening import open_rig
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.errors import TokenlessError
from tokenless.protocol.release import Release


@unique
class Expectations(StrEnum):
    """The result of a script's expectations, apart from the impact."""

    MET = "met"
    FAILED = "failed"
    NONE = "none"
    """The script expects nothing."""


@dataclass(frozen=True, slots=True)
class Played:
    """A rehearsal that was played."""

    script: Script
    phones: int
    steps: tuple[StepReport, ...]
    seconds: float
    seed: int = 0
    """Of the moments at which phones booted that were reset by themselves."""

    @property
    def ok(self) -> bool:
        """Return whether every expectation holds and no other phone is stuck."""
        return len(self.steps) == len(self.script.steps) and all(
            step.ok for step in self.steps
        )

    @property
    def first_difference(self) -> str | None:
        """Return the first difference from the script, or None."""
        for step in self.steps:
            for difference in (*step.differences, *step.unforeseen):
                return f"step {step.number} ({step.step.title}): {difference}"
        return None

    @property
    def expectations(self) -> Expectations:
        """Return whether what the script says of its steps came true."""
        if any(step.differences for step in self.steps):
            return Expectations.FAILED
        if any(step.expects_something for step in self.steps):
            return Expectations.MET
        return Expectations.NONE

    @property
    def impact(self) -> Impact:
        """Return the impact on the phones at the end."""
        return self.steps[-1].impact if self.steps else Impact()

    @property
    def worst(self) -> StepReport | None:
        """The first of the steps that harmed phones most, None when none did."""
        worst = max(self.steps, key=lambda each: each.impact.weight, default=None)
        return None if worst is None or worst.impact.is_safe else worst

    @property
    def broke_off(self) -> StepReport | None:
        """The first step in which a line was refused that should not be."""
        return next((step for step in self.steps if step.broke_off), None)

    @property
    def restarts(self) -> Restarts:
        """Return the numbers of restarts, by hand and automatic."""
        return Restarts.total(step.restarts for step in self.steps)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """Return the times in which phones were without dial tone."""
        return tuple(outages(self.steps))

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """Return effects of the real cluster that were not played."""
        return (*self._dates_not_judged(), *self._resets_not_played())

    def _dates_not_judged(self) -> tuple[str, ...]:
        """Say that phones took files of expired signers (REFERENCE-2 9, 6)."""
        blind = [each.name for each in self.script.groups if not each.minds_expiry]
        expired = [name for step in self.steps for name in step.expired]
        if not blind or not expired:
            return ()
        said = (
            f"{listed(expired)} expired. As far as is known, phones judge no dates, "
            f"and those of {listed(blind)} do not; the vendor says that phones refuse "
            "files of an expired CallManager: `minds_expiry = true` of a group plays it"
        )
        return (said,)

    def _resets_not_played(self) -> tuple[str, ...]:
        """Say that phones were not reset, though guides speak of it."""
        if self.script.release is None:
            return ()
        release = Release.parse(self.script.release)
        if not release.has_phone_interaction or release.resets_phones:
            return ()
        if self.script.phone_interaction is not None:
            return ()
        said = "guides of 12.5(1)SU1 and SU3 speak of phones that are reset"
        how = (
            "Phone Interaction on Certificate Update: automatic "
            "(`phone_interaction` of `[cluster]`)"
        )
        return (f"{said} when a certificate changes; {how} plays that",)

    @property
    def stuck(self) -> tuple[str, ...]:
        """Devices that are stuck at the end."""
        return self.steps[-1].stuck if self.steps else ()

    def to_json(self) -> dict[str, Any]:
        """Return the last object that `rehearse run --json` prints."""
        return {
            "rehearsal": self.script.name,
            "impact": self.impact.to_json(),
            "worst": _worst_json(self.worst),
            "expectations": self.expectations.value,
            "broke_off": None if self.broke_off is None else self.broke_off.number,
            "ok": self.ok,
            "steps": len(self.steps),
            "stuck": list(self.stuck),
            "approximations": [e.to_json() for e in self.script.approximations],
            "restarts": {
                "automatic": self.restarts.automatic,
                "by_hand": self.restarts.by_hand,
            },
            "without_dial_tone": [each.to_json() for each in self.outages],
            "seed": self.seed,
            "not_modelled": list(self.not_modelled),
            "seconds": round(self.seconds, 3),
        }


def _worst_json(step: StepReport | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {"step": step.number, "impact": step.impact.to_json()}


def run_script(
    script: Script,
    phones: int,
    folder: Path,
    listener: ProgressListener,
    on_report: Callable[[StepReport], None] = lambda _: None,
    *,
    seed: int = 0,
    made: MadeClusters | None = None,
) -> Played:
    """Play a script in an empty folder.

    Args:
        script: What.
        phones: How many, beside groups of a fixed size.
        folder: Where cluster, flash and logs are put.
        listener: Sees it run.
        on_report: Is given each step's report as it ends.
        seed: Of the moments at which phones boot that are reset by themselves.
        made: The clusters of earlier rehearsals, of which it may have a copy.

    Raises:
        TokenlessError: When the rig cannot be opened, or a line of the script cannot
            be done, as far as that can be known before anything is played.
    """
    check_lines(script)
    run = partial(_run, script, phones, folder, listener, on_report, seed, made)
    try:
        # No power cut matters to a rehearsal; waiting for the disk takes a tenth of it.
        with not_synced():
            return run_trio(run)
    except ExceptionGroup as group:
        if (error := _only_error(group)) is not None:
            raise error from group
        raise


def _only_error(group: ExceptionGroup) -> TokenlessError | None:
    """Return the one error of ours that tasks ended with."""
    error: Exception = group
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, TokenlessError) else None


async def _run(  # noqa: PLR0917 - one caller
    script: Script,
    phones: int,
    folder: Path,
    listener: ProgressListener,
    on_report: Callable[[StepReport], None],
    seed: int,
    made: MadeClusters | None,
) -> Played:
    began = time.monotonic()
    reports = []
    async with open_rig(script, phones, folder, seed=seed, made=made) as rig:
        async for report in play(script, rig, listener):
            reports.append(report)
            on_report(report)
    spent = time.monotonic() - began
    return Played(script, phones, tuple(reports), spent, seed)


@contextmanager
def rehearsal_folder(keep: Path | None) -> Iterator[Path]:
    """Yield a scratch folder, or the new one that is to be kept.

    Raises:
        PhoneError: When there is something in it.
    """
    if keep is None:
        with (
            terminated_as_interrupted(),
            tempfile.TemporaryDirectory(prefix="tokenless-") as scratch,
        ):
            yield Path(scratch)
        return
    if keep.exists() and any(keep.iterdir()):
        raise PhoneError(f"{keep} is not empty", hint="name a new folder")
    keep.mkdir(parents=True, exist_ok=True)
    with terminated_as_interrupted():
        yield keep
