"""What `rehearse run` and `demo` share: a script is played, told, and judged."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from tokenless.command_line import complain
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.expectations import StepReport
from tokenless.phone_emulator.rehearsal.narrative import step_story
from tokenless.phone_emulator.rehearsal.run import Played, rehearsal_folder, run_script
from tokenless.phone_emulator.rehearsal.script import Script
from tokenless.phone_emulator.rehearsal.standing import phones_words
from tokenless.phone_emulator.rehearsal.view import (
    WIDTH_IN_FILES,
    progress_view,
    steps_table,
)
from tokenless.terminal import cell, cells, result_console


class Voice:
    """How a rehearsal is told on standard output; this one says nothing."""

    console: Console | None = None
    """Where people read it, beside the bar; None where programs do."""

    def begin(self, script: Script) -> None:
        """Say what is going to be played."""

    def tell(self, report: StepReport) -> None:
        """Tell a step that has ended."""

    def end(self, played: Played) -> None:
        """Say how it ended."""


class JsonVoice(Voice):
    """One JSON object a step, and a last one."""

    def tell(self, report: StepReport) -> None:
        """Print the step."""
        click.echo(json.dumps(report.to_json()))

    def end(self, played: Played) -> None:
        """Print the verdict."""
        click.echo(json.dumps(played.to_json()))


class StoryVoice(Voice):
    """Everything, for people."""

    def __init__(self) -> None:
        self._console = self.console = result_console(WIDTH_IN_FILES)

    def begin(self, script: Script) -> None:
        """Say what the rehearsal is about."""
        self._console.rule(cell(script.name), align="left")
        self._console.print(cells(script.lesson.splitlines()))
        marked = ", inferred from the phone's rules" if script.inferred else ""
        self._console.print(cell(f"source: {script.source or 'none given'}{marked}"))
        for each in script.approximations:
            said = f"approximated: {each.what} ({each.why})"
            self._console.print(cell(said), soft_wrap=True)
        self._console.print()

    def tell(self, report: StepReport) -> None:
        """Tell a step."""
        self._console.print(step_story(report))

    def end(self, played: Played) -> None:
        """Say how it ended."""
        self._console.print(
            f"{phones_words(len(played.stuck))} stuck at the end; "
            f"{played.seconds:.1f} s: {played.verdict}\n"
        )


class TableVoice(Voice):
    """A table of steps when all is over: checksums on nodes beside those on phones."""

    def end(self, played: Played) -> None:
        """Print the table and the verdict."""
        console = result_console(WIDTH_IN_FILES)
        console.print(steps_table(played.steps))
        console.print(
            f"{phones_words(played.phones)}, {len(played.steps)} steps, "
            f"{played.seconds:.1f} s: {played.verdict}"
        )


def play_aloud(script: Script, phones: int, keep: Path | None, voice: Voice) -> Played:
    """Play a script and tell it, with a bar on standard error.

    Raises:
        TokenlessError: When the stage cannot be set up, or `keep` is in use.
    """
    voice.begin(script)
    with rehearsal_folder(keep) as folder, progress_view(voice.console) as watcher:
        played = run_script(script, phones, folder, watcher, voice.tell)
    voice.end(played)
    return played


def exit_unless_as_expected(results: Sequence[Played]) -> None:
    """Exit with status 1 and one line about the first difference, if there is one."""
    failed = next((played for played in results if not played.ok), None)
    if failed is None:
        return
    error = PhoneError(
        f"{failed.script.name} went otherwise than expected: {failed.first_difference}"
    )
    complain(error.explain())
    sys.exit(1)
