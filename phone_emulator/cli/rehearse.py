"""`tokenless rehearse`: try a change on a copy before it meets the phones."""

import importlib
import json
import sys
from pathlib import Path
from typing import Final, Protocol

import click

from phone_emulator.cli.terminal import result_console
from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.expectations import StepReport
from phone_emulator.rehearsal.library import all_scripts, find_scripts
from phone_emulator.rehearsal.narrative import (
    lessons_table,
    results_table,
    step_story,
)
from phone_emulator.rehearsal.run import Played, rehearsal_folder, run_script
from phone_emulator.rehearsal.script import Script
from phone_emulator.rehearsal.standing import phones_words
from phone_emulator.rehearsal.view import WIDTH_IN_FILES, ProgressView

_ELSEWHERE: Final = {
    "import": ("phone_emulator.cli.rehearse_import", "import_script"),
    "plan": ("phone_emulator.cli.rehearse_plan", "plan"),
}
"""Subcommands with modules of their own, imported when they are asked for."""


class _Rehearse(click.Group):
    """A group that finds some of its commands in other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, sorted."""
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, attribute = _ELSEWHERE[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Rehearse)
def rehearse() -> None:
    """Play a change against a scratch cluster and emulated phones, step by step."""


@rehearse.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_rehearsals(*, as_json: bool) -> None:
    """List the rehearsals at hand, each with its lesson."""
    scripts = list(all_scripts())
    if not as_json:
        result_console(WIDTH_IN_FILES).print(lessons_table(scripts))
        return
    for script in scripts:
        click.echo(
            json.dumps(
                {
                    "name": script.name,
                    "lesson": script.lesson,
                    "source": script.source,
                    "inferred": script.inferred,
                    "steps": len(script.steps),
                }
            )
        )


@rehearse.command("run")
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@click.option("--all", "run_all", is_flag=True, help="Run every rehearsal at hand.")
@click.option(
    "--phones",
    type=click.IntRange(1, 20_000),
    default=20,
    show_default=True,
    help="How many phones, beside groups of a fixed size.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one self-contained HTML page.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the clusters, logs and the phones' flash in this new folder.",
)
@click.option(
    "--summary", is_flag=True, help="Print the table of results only, not each step."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a step.")
def run(
    *,
    names: tuple[str, ...],
    run_all: bool,
    phones: int,
    report: Path | None,
    keep: Path | None,
    summary: bool,
    as_json: bool,
) -> None:
    """Run rehearsals by name, by NAME@VARIANT, or from a TOML file.

    Says for every step what happened, which phones are stuck, why, how many trust
    anchors each group has left, and what would recover them. Exit status 0 only when
    every expectation holds.
    """
    if bool(names) == run_all:
        raise click.UsageError("name rehearsals, or give --all")
    scripts = _chosen(names)
    if report is not None and len(scripts) > 1:
        listed = ", ".join(script.name for script in scripts)
        raise click.UsageError(f"--report is about one rehearsal; choose of {listed}")
    voice = _Json() if as_json else _Silence() if summary else _Story()
    results = [_run_one(script, phones, keep, voice) for script in scripts]
    if report is not None:
        from phone_emulator.rehearsal.html_report import write_report  # noqa: PLC0415

        write_report(results[0], report)
    if (len(results) > 1 or summary) and not as_json:
        result_console(WIDTH_IN_FILES).print(results_table(results))
    _end(results)


def _chosen(names: tuple[str, ...]) -> list[Script]:
    if not names:
        return list(all_scripts())
    return [script for name in names for script in find_scripts(name)]


def _run_one(script: Script, phones: int, keep: Path | None, voice: "_Voice") -> Played:
    voice.begin(script)
    place = None if keep is None else keep / script.name.replace("/", "-")
    with rehearsal_folder(place) as folder, ProgressView() as view:
        played = run_script(script, phones, folder, view.watcher, voice.tell)
    voice.end(played)
    return played


class _Voice(Protocol):
    """How a rehearsal is told on standard output."""

    def begin(self, script: Script) -> None: ...

    def tell(self, report: StepReport) -> None: ...

    def end(self, played: Played) -> None: ...


class _Json:
    """One object a step, and a last one."""

    def begin(self, script: Script) -> None:
        """Say nothing yet."""

    def tell(self, report: StepReport) -> None:
        """Print the step."""
        click.echo(json.dumps(report.to_json()))

    def end(self, played: Played) -> None:
        """Print the verdict."""
        click.echo(json.dumps(played.to_json()))


class _Silence:
    """Nothing: a table comes when all is over."""

    def begin(self, script: Script) -> None:
        """Say nothing."""

    def tell(self, report: StepReport) -> None:
        """Say nothing."""

    def end(self, played: Played) -> None:
        """Say nothing."""


class _Story:
    """Everything, for people."""

    def __init__(self) -> None:
        self._console = result_console(WIDTH_IN_FILES)

    def begin(self, script: Script) -> None:
        """Say what the rehearsal is about."""
        self._console.rule(script.name, align="left")
        self._console.print(script.lesson)
        marked = ", inferred from the phone's rules" if script.inferred else ""
        self._console.print(f"source: {script.source or 'none given'}{marked}\n")

    def tell(self, report: StepReport) -> None:
        """Tell a step."""
        self._console.print(step_story(report))

    def end(self, played: Played) -> None:
        """Say how it ended."""
        words = "every step ended as expected" if played.ok else "not as expected"
        self._console.print(
            f"{phones_words(len(played.stuck))} stuck at the end; "
            f"{played.seconds:.1f} s: {words}\n"
        )


def _end(results: list[Played]) -> None:
    failed = [played for played in results if not played.ok]
    if not failed:
        return
    first = failed[0]
    error = PhoneError(
        f"{first.script.name} went otherwise than expected: {first.first_difference}"
    )
    click.echo(f"tokenless: {error.explain()}", err=True)
    sys.exit(1)
