"""Further outputs of `rehearse plan`: a runbook, a comparison of orders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec.structs import replace
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table

from tokenless.command_line import NumberRange, gathered
from tokenless.ground.terminal import cell, progress_bar
from tokenless.phone_emulator.cli.rehearsals.plan_task import AskedPlan
from tokenless.phone_emulator.errors import WrongNameError
from tokenless.phone_emulator.files import check_place, output_file
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.planner.runbook import Pace, runbook_of
from tokenless.phone_emulator.rehearsal.explore.runs import (
    Loss,
    RunResult,
    play_task,
    task_of,
)
from tokenless.phone_emulator.rehearsal.play.executor import open_executor, results_of
from tokenless.phone_emulator.rehearsal.reports.exploration import loss_words
from tokenless.phone_emulator.rehearsal.reports.runbook_pages import html, markdown
from tokenless.phone_emulator.rehearsal.scripts.actions import Admin, Phones, PhoneVerb
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.lines import parse_action
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts

_PAGES: Final = {".md": markdown, ".html": html, ".htm": html}

pace_options = gathered(
    "pace",
    Pace,
    click.option(
        "--phones",
        type=click.IntRange(1, 1_000_000),
        help="The number of phones, for the times of the runbook.",
    ),
    click.option(
        "--batch",
        type=click.IntRange(1, 1_000_000),
        default=500,
        help="The number of phones that are reset together.",
    ),
    click.option(
        "--phones-per-s",
        type=NumberRange(0, 100_000, min_open=True),
        default=20.0,
        help="The number of phones that register again per second.",
    ),
    click.option(
        "--phone-restart-s",
        type=NumberRange(0, 86_400),
        default=180.0,
        help="Seconds from the reset of a phone to its registration.",
    ),
    click.option(
        "--restart-s",
        type=NumberRange(0, 86_400),
        default=60.0,
        help="Seconds for the restart of a service on a node.",
    ),
)


def check_runbook(path: Path) -> None:
    """Refuse a file name that says no form, and a place that can take no file.

    Raises:
        WrongNameError: When the name ends otherwise.
        PhoneError: When no file can be put there.
    """
    if path.suffix.lower() not in _PAGES:
        raise WrongNameError(
            f"{path}: a runbook is Markdown or HTML",
            hint="name it .md or .html; --save writes the plan as TOML",
        )
    check_place(path)


def write_runbook(path: Path, plan: Plan, pace: Pace, asked: AskedPlan) -> None:
    """Write the runbook of a plan.

    Raises:
        PhoneError: When no file can be put there.
    """
    write = _PAGES[path.suffix.lower()]
    book = runbook_of(plan, pace, guesses=list(map(str, asked.guesses)))
    with output_file(path) as file:
        file.write(write(book, f"Runbook: {asked.goal}"))


def find_orders(names: Sequence[str]) -> list[Script]:
    """Return the orders to which a plan is compared.

    Args:
        names: Rehearsals by name, by NAME@VARIANT, or files.

    Raises:
        WrongNameError: When there is none of a name.
        PhoneError: When one cannot be read.
    """
    return [script for name in names for script in find_scripts(name, check_file)]


def play_orders(
    planned: Script, others: Sequence[Script]
) -> list[tuple[Script, RunResult]]:
    """Play the plan and other orders with real services, side by side.

    Raises:
        PhoneError: When no process can play them.
    """
    scripts = [planned, *others]
    # Two orders may have the same name: a task is called by its place.
    tasks = [
        replace(task_of(each, (), len(each.groups), 1), name=str(number))
        for number, each in enumerate(scripts)
    ]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    results: dict[str, RunResult] = {}
    with open_executor(None, None) as executor, progress_bar(None, *columns) as bar:
        shown = bar.add_task("playing", total=len(tasks))
        for result in results_of(executor, play_task, tasks):
            results[result.name] = result
            bar.advance(shown)
    return [(each, results[str(number)]) for number, each in enumerate(scripts)]


def comparison_table(compared: Sequence[tuple[Script, RunResult]]) -> Table:
    """Return the orders side by side, as they were played."""
    table = Table(header_style="bold", title="Orders, played with services and phones")
    for name in (
        "order",
        "release",
        "commands",
        "restarts",
        "phone resets",
        "at the worst moment",
        "at the end",
    ):
        table.add_column(name, overflow="fold")
    for script, result in compared:
        table.add_row(*(cell(each) for each in _columns(script, result)))
    return table


def comparison_json(
    compared: Sequence[tuple[Script, RunResult]],
) -> list[dict[str, object]]:
    """Return the same for programs."""
    return [
        {
            "order": script.name,
            "release": script.release,
            **_counts(script),
            "phones": result.phones,
            "worst": _loss(result.worst),
            "worst_step": result.worst_step,
            "end": _loss(result.end),
            "refused": result.refused,
            "failure": result.failure,
        }
        for script, result in compared
    ]


def _loss(loss: Loss) -> dict[str, int]:
    built: dict[str, int] = msgspec.to_builtins(loss)
    return built


def _counts(script: Script) -> dict[str, int]:
    actions = [parse_action(line) for step in script.steps for line in step.run]
    phones = [each for each in actions if isinstance(each, Phones)]
    return {
        "commands": len(actions) - len(phones),
        "restarts": sum(isinstance(e, Admin) and e.is_restart for e in actions),
        "phone_resets": sum(each.verb is PhoneVerb.BOOT for each in phones),
    }


def _columns(script: Script, result: RunResult) -> tuple[str, ...]:
    counts = _counts(script)
    if result.failure is not None:
        worst = end = f"not played: {result.failure}"
    else:
        worst = loss_words(result.worst, result.phones)
        worst += f" (step {result.worst_step})" if any(result.worst.weight) else ""
        end = loss_words(result.end, result.phones)
    if result.refused is not None:
        end += f"; refused: {result.refused}"
    return (
        script.name,
        script.release or "the lab's",
        str(counts["commands"]),
        str(counts["restarts"]),
        str(counts["phone_resets"]),
        worst,
        end,
    )
