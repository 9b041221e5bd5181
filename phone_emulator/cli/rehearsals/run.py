"""`tokenless rehearse run`: play rehearsals and say what happened to the phones."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from tokenless.ground.terminal import result_console
from tokenless.phone_emulator.cli.options import (
    ReportFiles,
    Workers,
    keep_option,
    phones_option,
    report_options,
    worker_options,
)
from tokenless.phone_emulator.cli.rehearsals.playing import (
    JsonReporter,
    LastingReporter,
    Reporter,
    TextReporter,
    exit_by_verdict,
    play_and_report,
    play_side_by_side,
)
from tokenless.phone_emulator.rehearsal.importing.approximations import listed
from tokenless.phone_emulator.rehearsal.play.executor import open_executor
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.play.worker import Rehearsal
from tokenless.phone_emulator.rehearsal.reports.comparison import (
    comparison_json,
    comparison_table,
)
from tokenless.phone_emulator.rehearsal.reports.html_report import render_report
from tokenless.phone_emulator.rehearsal.reports.junit import rehearsals_junit
from tokenless.phone_emulator.rehearsal.reports.tables import WIDTH_IN_FILES
from tokenless.phone_emulator.rehearsal.reports.text_report import results_table
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.shipped import all_scripts, find_scripts

seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    help="Seed of the random moments of automatic resets, and of the order of the "
    "nodes.",
)


@click.command("run")
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@click.option("--all", "run_all", is_flag=True, help="Run every available rehearsal.")
@phones_option(1, "The number of phones, not counting groups of a fixed size.")
@report_options
@keep_option
@seed_option
@worker_options
@click.option(
    "--summary", is_flag=True, help="Print only the table of results, not each step."
)
@click.option(
    "--compare",
    is_flag=True,
    help="Print the rehearsals side by side: stuck phones, dial tone, resets.",
)
@click.option(
    "--real-phones",
    type=click.IntRange(1, 1_000_000),
    help="The number of phones of the real cluster, for the times of --compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per step.")
def run(
    *,
    names: tuple[str, ...],
    run_all: bool,
    phones: int,
    files: ReportFiles,
    keep: Path | None,
    seed: int,
    workers: Workers,
    summary: bool,
    compare: bool,
    real_phones: int | None,
    as_json: bool,
) -> None:
    """Run rehearsals by name, by NAME@VARIANT, or from a TOML file.

    The output says what happened to the phones and whether the script expected it. For
    every step it names the phones that are stuck, or would be if they started now, the
    reason, the trust anchors that each group has left, and what would recover the
    phones. Exit status 0 when every expectation holds and no phone is stuck, or would
    be, unexpectedly; else 1. Several rehearsals run side by side.
    """
    scripts = _chosen(names, run_all=run_all, for_report=files.report is not None)
    reporter = LastingReporter(
        _reporter(as_json=as_json and not compare, summary=summary or compare)
    )
    with files.open() as (page, tests):
        rehearsals = [Rehearsal(s, phones, seed, _place(keep, s)) for s in scripts]
        results = _play(rehearsals, workers, reporter)
        if page is not None:
            page.write(render_report(results[0]))
        if tests is not None:
            tests.write(rehearsals_junit(results))
    if reporter.is_gone:
        raise BrokenPipeError
    if compare:
        _compare(results, real_phones, as_json=as_json)
    elif (len(results) > 1 or summary) and not as_json:
        result_console(WIDTH_IN_FILES).print(results_table(results))
    exit_by_verdict(results)


def _play(
    rehearsals: Sequence[Rehearsal], workers: Workers, reporter: Reporter
) -> list[Played]:
    if len(rehearsals) > 1 and not workers.are_one:
        with open_executor(*workers) as executor:
            return play_side_by_side(executor, rehearsals, reporter)
    return [
        play_and_report(each.script, each.phones, each.keep, reporter, each.seed)
        for each in rehearsals
    ]


def _compare(
    results: Sequence[Played], real_phones: int | None, *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"comparison": comparison_json(results, real_phones)}))
    else:
        table = comparison_table(results, real_phones)
        result_console(WIDTH_IN_FILES).print(table)


def _chosen(
    names: tuple[str, ...], *, run_all: bool, for_report: bool
) -> Sequence[Script]:
    if bool(names) == run_all:
        raise click.UsageError("name a rehearsal, or give --all")
    if run_all:
        scripts = list(all_scripts(check_file))
    else:
        chosen = (find_scripts(name, check_file) for name in names)
        scripts = [script for each in chosen for script in each]
    if for_report and len(scripts) > 1:
        choice = listed(script.name for script in scripts)
        raise click.UsageError(
            f"--report needs exactly one rehearsal; choose one of {choice}"
        )
    return scripts


def _reporter(*, as_json: bool, summary: bool) -> Reporter:
    if as_json:
        return JsonReporter()
    return Reporter() if summary else TextReporter()


def _place(keep: Path | None, script: Script) -> Path | None:
    return None if keep is None else keep / script.name.replace("/", "-")
