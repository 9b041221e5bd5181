"""`tokenless rehearse explore`: a change under every fault of a catalogue."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tokenless.command_line import ExitStatus, complain
from tokenless.ground.terminal import progress_bar, result_console
from tokenless.phone_emulator.cli.options import (
    executor_options,
    junit_option,
    keep_option,
    phones_option,
)
from tokenless.phone_emulator.cli.rehearsals.playing import (
    TextReporter,
    exit_by_verdict,
    play_and_report,
)
from tokenless.phone_emulator.files import output_file
from tokenless.phone_emulator.rehearsal.explore.catalogue import (
    named_faults,
    sampled_pairs,
    single_faults,
)
from tokenless.phone_emulator.rehearsal.explore.exploration import (
    Exploration,
    ranked,
)
from tokenless.phone_emulator.rehearsal.explore.faults import FaultKind, with_faults
from tokenless.phone_emulator.rehearsal.explore.runs import (
    WITHOUT_FAULTS,
    RunResult,
    play_task,
    task_of,
)
from tokenless.phone_emulator.rehearsal.play.executor import open_executor, results_of
from tokenless.phone_emulator.rehearsal.reports.exploration_page import (
    exploration_page,
)
from tokenless.phone_emulator.rehearsal.reports.exploration_text import (
    exploration_view,
)
from tokenless.phone_emulator.rehearsal.reports.junit import exploration_junit
from tokenless.phone_emulator.rehearsal.reports.tables import WIDTH_IN_FILES
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_file
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.shipped import find_scripts
from tokenless.protocol.certificates.name_text import printable


@click.command("explore")
@click.argument("name", metavar="NAME|FILE")
@phones_option(1, "The number of phones, not counting groups of a fixed size.")
@click.option(
    "--pairs",
    type=click.IntRange(0, 10_000),
    default=0,
    help="The number of pairs of faults to play as well, chosen at random.  "
    "[default: 0]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32),
    default=1,
    help="Seed of the random choice; the same seed chooses the same pairs.  "
    "[default: 1]",
)
@click.option(
    "--only",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in FaultKind]),
    help="Play only faults of this kind; may be repeated.",
)
@click.option(
    "--from-step",
    type=click.IntRange(1),
    help="The first step with faults; default: the second, because the first one "
    "prepares the cluster.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    help="Exit with status 1 when the resilience is below this.",
)
@executor_options
@click.option(
    "--list", "lists", is_flag=True, help=("Print the faults without playing them.")
)
@click.option(
    "--replay",
    metavar="FAULT[+FAULT]",
    help="Play one run again, as `rehearse run` does; `no-fault` plays the change "
    "without a fault.",
)
@keep_option
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one self-contained HTML page.",
)
@junit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explore(
    *,
    name: str,
    phones: int,
    pairs: int,
    seed: int,
    kinds: tuple[str, ...],
    from_step: int | None,
    least: float | None,
    jobs: int | None,
    scheduler: str | None,
    lists: bool,
    replay: str | None,
    keep: Path | None,
    report: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Play a change with every single fault.

    The output says which faults harm phones.

    Each run has its own services and phones, and one fault: a node is down during a
    step, a group of phones is off, a restart or `utils ctl update CTLFile` is omitted,
    a command is typed twice or on the wrong node, TVS of a node does not run, or phones
    restart too early. At the end of each run the failed parts are started again, and
    every phone restarts.

    Exit status 0 when the change is safe without faults; 1 when it is not, or the
    resilience is below --least; 3 when a run could not be played.
    """
    script = _one_script(name)
    first = from_step or (2 if len(script.steps) > 1 else 1)
    if first > len(script.steps):
        raise click.UsageError(f"{script.name} has {len(script.steps)} steps")
    chosen = [FaultKind(kind) for kind in kinds]
    if lists:
        for fault in single_faults(script, first, chosen):
            click.echo(printable(f"{fault.name}: {fault.words}"))
        return
    if replay is not None:
        _replay(script, replay, first, phones, keep)
        return
    faults = single_faults(script, first, chosen)
    sets = [(), *((each,) for each in faults)]
    sets += sampled_pairs(script, faults, pairs, seed)
    tasks = [task_of(script, each, phones, first) for each in sets]
    with (
        nullcontext() if report is None else output_file(report) as page,
        nullcontext() if junit is None else output_file(junit) as tests,
        open_executor(jobs, scheduler) as executor,
    ):
        played = results_of(executor, play_task, tasks)
        found = ranked(script, list(_watched(played, runs_of=len(tasks))), seed)
        if page is not None:
            page.write(exploration_page(found))
        if tests is not None:
            tests.write(exploration_junit(found))
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        command = f"tokenless rehearse explore {shlex.quote(name)} --phones {phones}"
        command += f" --from-step {from_step}" if from_step else ""
        result_console(WIDTH_IN_FILES).print(exploration_view(found, command))
    _exit(found, least)


def _one_script(name: str) -> Script:
    scripts = find_scripts(name, check_file)
    if len(scripts) > 1:
        listed = ", ".join(script.name for script in scripts)
        raise click.UsageError(
            f"explore needs exactly one rehearsal; choose one of {listed}"
        )
    return scripts[0]


def _watched(results: Iterator[RunResult], *, runs_of: int) -> Iterator[RunResult]:
    """Pass results on, with a bar on standard error and the time that is left."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    costly = 0
    with progress_bar(None, *columns) as bar:
        shown = bar.add_task("playing", total=runs_of)
        for result in results:
            costly += any(result.end.weight)
            bar.update(shown, advance=1, description=f"{costly} harm phones")
            yield result


def _replay(
    script: Script, name: str, first: int, phones: int, keep: Path | None
) -> None:
    faults = (
        ()
        if name == WITHOUT_FAULTS
        else named_faults(single_faults(script, first), name)
    )
    for fault in faults:
        click.echo(printable(f"{fault.name}: {fault.words}"))
    played = play_and_report(with_faults(script, faults), phones, keep, TextReporter())
    exit_by_verdict([played])


def _exit(found: Exploration, least: float | None) -> None:
    if found.not_played:
        complain(f"{len(found.not_played)} runs could not be played")
        sys.exit(ExitStatus.CANNOT_TELL)
    if any(found.baseline.end.weight) or any(found.baseline.worst.weight):
        complain(f"{found.script.name} harms phones without any fault")
        sys.exit(ExitStatus.FAILED)
    if least is not None and found.resilience is not None and found.resilience < least:
        complain(f"resilience {found.resilience:.3f} is below {least}")
        sys.exit(ExitStatus.FAILED)
