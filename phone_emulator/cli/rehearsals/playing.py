"""Play a script, report it, set the exit status."""

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from tokenless.command_line import ExitStatus, complain
from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell, cells, progress_bar, result_console
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.executor import ordered_results
from tokenless.phone_emulator.rehearsal.play.run import (
    Played,
    rehearsal_folder,
    run_script,
)
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal, play_alone
from tokenless.phone_emulator.rehearsal.reports.tables import (
    WIDTH_IN_FILES,
    progress_view,
    steps_table,
)
from tokenless.phone_emulator.rehearsal.reports.text_report import (
    step_story,
    verdict_lines,
)
from tokenless.phone_emulator.rehearsal.reports.verdict import run_verdicts
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.certificates.name_text import printable


class Reporter:
    """Reports a rehearsal on standard output; this one prints nothing."""

    console: Console | None = None
    """The output for people, beside the bar; None for programs."""

    def begin(self, script: Script) -> None:
        """Print the rehearsals that are going to be played."""

    def tell(self, report: StepReport) -> None:
        """Tell a step that has ended."""

    def end(self, played: Played) -> None:
        """Say how it ended."""


class LastingReporter(Reporter):
    """Another one until the reader of its output goes, as `head` does; then silence.

    What was played for minutes still goes into its files.

    Attributes:
        is_gone: Whether the reader has gone.
    """

    def __init__(self, inner: Reporter) -> None:
        self._inner = inner
        self.console = inner.console
        self.is_gone = False

    def begin(self, script: Script) -> None:
        """Pass it on."""
        self._do(partial(self._inner.begin, script))

    def tell(self, report: StepReport) -> None:
        """Pass it on."""
        self._do(partial(self._inner.tell, report))

    def end(self, played: Played) -> None:
        """Pass it on."""
        self._do(partial(self._inner.end, played))

    def _do(self, action: Callable[[], None]) -> None:
        if self.is_gone:
            return
        try:
            action()
        except (BrokenPipeError, SystemExit):  # rich exits
            self.is_gone = True


class JsonReporter(Reporter):
    """One JSON object a step, and a last one."""

    def tell(self, report: StepReport) -> None:
        """Print the step."""
        click.echo(json.dumps(report.to_json()))

    def end(self, played: Played) -> None:
        """Print the verdict."""
        click.echo(json.dumps(played.to_json()))


class TextReporter(Reporter):
    """Everything, for people: the verdicts first, then the steps that led to them."""

    def __init__(self) -> None:
        self._console = self.console = result_console(WIDTH_IN_FILES)

    def end(self, played: Played) -> None:
        """Tell the rehearsal; the impact leads, so nothing is told before the end."""
        console, script = self._console, played.script
        console.print(verdict_lines(played))
        console.rule(cell(script.name), align="left")
        console.print(cells(script.lesson.splitlines()))
        marked = ", inferred from the phone's rules" if script.inferred else ""
        console.print(cell(f"source: {script.source or 'none given'}{marked}"))
        for each in script.approximations:
            console.print(cell(str(each)), soft_wrap=True)
        console.print()
        for report in played.steps:
            console.print(step_story(report))
        console.print(
            f"{counted(played.impact.of, 'phone')}, "
            f"{counted(len(played.steps), 'step')}, {played.seconds:.1f} s\n"
        )


class TableReporter(Reporter):
    """The verdicts, then a table of steps: checksums on nodes and on phones."""

    def end(self, played: Played) -> None:
        """Print the verdicts and the table."""
        console = result_console(WIDTH_IN_FILES)
        console.print(verdict_lines(played))
        console.print(steps_table(played.steps))
        console.print(
            f"{counted(played.impact.of, 'phone')}, "
            f"{counted(len(played.steps), 'step')}, "
            f"{played.seconds:.1f} s"
        )


def play_and_report(
    script: Script, phones: int, keep: Path | None, reporter: Reporter, seed: int = 0
) -> Played:
    """Play a script and tell it, with a bar on standard error.

    Raises:
        TokenlessError: When the rig cannot be opened, or `keep` is in use.
    """
    reporter.begin(script)
    with rehearsal_folder(keep) as folder, progress_view(reporter.console) as listener:
        played = run_script(script, phones, folder, listener, reporter.tell, seed=seed)
    reporter.end(played)
    return played


def play_side_by_side(
    executor: Executor, rehearsals: Sequence[Rehearsal], reporter: Reporter
) -> list[Played]:
    """Play rehearsals by an executor; tell each in its turn, with a bar.

    Raises:
        TokenlessError: When one cannot be set up, or its folder is in use.
    """
    columns = TextColumn("{task.description}", markup=False), BarColumn()
    results = []
    with progress_bar(reporter.console, *columns, MofNCompleteColumn()) as bar:
        shown = bar.add_task("rehearsals", total=len(rehearsals))
        for played in ordered_results(executor, play_alone, rehearsals):
            bar.update(shown, advance=1, description=printable(played.script.name))
            reporter.begin(played.script)
            for step in played.steps:
                reporter.tell(step)
            reporter.end(played)
            results.append(played)
    return results


def exit_by_verdict(results: Sequence[Played]) -> None:
    """Exit with status 1 and one line about the first surprise, if there is one."""
    failed = next((played for played in results if not played.ok), None)
    if failed is None:
        return
    leading = run_verdicts(failed)[0]
    complain(f"{failed.script.name}: {leading.short}: {failed.first_difference}")
    sys.exit(ExitStatus.FAILED)
