"""`tokenless rehearse plan`: the shortest order of steps that locks no phone out."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tokenless.command_line import FILE, ExitStatus, NumberRange, complain, json_option
from tokenless.ground.terminal import result_console, slow_view
from tokenless.phone_emulator.cli.rehearsals.plan_outputs import (
    check_runbook,
    comparison_json,
    comparison_table,
    find_orders,
    pace_options,
    play_orders,
    write_runbook,
)
from tokenless.phone_emulator.cli.rehearsals.plan_task import AskedPlan, task_options
from tokenless.phone_emulator.cli.rehearsals.saving import check_output, save_script
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.files import check_place
from tokenless.phone_emulator.planner.plan import Plan, make_plan
from tokenless.phone_emulator.planner.plan_json import to_json
from tokenless.phone_emulator.planner.report import in_words
from tokenless.phone_emulator.planner.runbook import Pace
from tokenless.phone_emulator.planner.verdict import what_to_do, why_not
from tokenless.phone_emulator.rehearsal.reports.tables import WIDTH_IN_FILES
from tokenless.phone_emulator.rehearsal.scripts.script import Approximated, Script
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.certificates.name_text import printable


@click.command("plan")
@task_options
@click.option(
    "--save",
    type=FILE,
    help="Write the plan as a rehearsal, for `tokenless rehearse run FILE`.",
)
@click.option(
    "--runbook",
    type=FILE,
    help="Write the plan as a runbook: one table, Markdown (.md) or HTML (.html).",
)
@pace_options
@click.option(
    "--compare",
    multiple=True,
    metavar="NAME|FILE",
    help="Also play this order, and print it next to the plan; may be repeated.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop after this time, and print the best order so far and a lower bound of "
    "its length.",
)
@json_option
def plan(
    *,
    asked: AskedPlan,
    save: Path | None,
    runbook: Path | None,
    pace: Pace,
    compare: tuple[str, ...],
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Search orders of steps on a model of the cluster and its phones.

    The plan shows what the change does when it is made all at once; the shortest order
    of steps that locks no phone out; the anchors and TVS members that are left after
    each step; and the regenerations that must wait, each until a step. It names groups
    of phones for which the order is not safe, with the reason and the steps between
    which they are at risk. Exit status 1 when no order is safe for all of them, even if
    services restart at a wrong moment; 2 when an option names what does not exist; 3
    when the time was too short to find one.
    """
    if runbook is not None:
        check_runbook(runbook)
    if save is not None:
        check_output(save)
        check_place(save)
    others = find_orders(compare)
    with slow_view("checking orders") as tell:
        made = make_plan(
            asked.task,
            timeout_s=timeout_s,
            progress=lambda count: tell(f"{count} orders checked"),
        )
    if made.steps is not None and runbook is not None:
        write_runbook(runbook, made, pace, asked)
    if made.steps is not None and save is not None:
        _save(save, asked, made)
    _print(made, asked.guesses, as_json=as_json)
    if made.steps is not None and others:
        _compare(asked.played(made, "the plan"), others, as_json=as_json)
    if not made.is_safe:
        complain(PhoneError(why_not(made), hint=what_to_do(made)).explain())
        is_open = made.steps is None and made.gave_up
        sys.exit(ExitStatus.CANNOT_TELL if is_open else ExitStatus.FAILED)


def _print(made: Plan, guesses: Sequence[Approximated], *, as_json: bool) -> None:
    if as_json:
        guessed = {"approximations": [each.to_json() for each in guesses]}
        click.echo(json.dumps({**to_json(made), **guessed}))
        return
    for line in (*map(str, guesses), *in_words(made)):
        click.echo(printable(line))


def _save(path: Path, asked: AskedPlan, made: Plan) -> None:
    comment = (
        f"Made by `tokenless rehearse plan --goal {asked.goal!r}`.\nThe "
        "expectations are predictions of the planner's model; play this "
        "rehearsal to verify them."
    )
    save_script(path, write_script(asked.played(made, path.stem), comment=comment))


def _compare(planned: Script, others: Sequence[Script], *, as_json: bool) -> None:
    compared = play_orders(planned, others)
    if as_json:
        click.echo(json.dumps(comparison_json(compared)))
    else:
        result_console(WIDTH_IN_FILES).print(comparison_table(compared))
