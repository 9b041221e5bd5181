"""`tokenless rehearse explore`: a change under every fault of a catalogue."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from tokenless.command_line import ExitStatus, NumberRange, complain
from tokenless.ground.counting import counted
from tokenless.ground.terminal import result_console, slow_view
from tokenless.phone_emulator.cli.options import (
    ReportFiles,
    Workers,
    keep_option,
    phones_option,
    report_options,
    worker_options,
)
from tokenless.phone_emulator.cli.rehearsals.exploration_told import (
    RunLines,
    watching,
)
from tokenless.phone_emulator.cli.rehearsals.fault_options import (
    FaultChoice,
    fault_options,
)
from tokenless.phone_emulator.cli.rehearsals.playing import (
    JsonReporter,
    TextReporter,
    exit_by_verdict,
    play_and_report,
)
from tokenless.phone_emulator.errors import PhoneError, WrongNameError
from tokenless.phone_emulator.rehearsal.explore.catalogue import (
    named_faults,
    sampled_pairs,
    single_faults,
)
from tokenless.phone_emulator.rehearsal.explore.exploration import Exploration, ranked
from tokenless.phone_emulator.rehearsal.explore.faults import (
    Fault,
    with_faults,
)
from tokenless.phone_emulator.rehearsal.explore.runs import (
    WITHOUT_FAULTS,
    RunResult,
    Task,
    play_task,
    task_of,
)
from tokenless.phone_emulator.rehearsal.importing.approximations import listed
from tokenless.phone_emulator.rehearsal.play.executor import (
    open_executor,
    results_so_far,
)
from tokenless.phone_emulator.rehearsal.reports.exploration import (
    exploration_page,
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
@fault_options
@click.option(
    "--least",
    type=NumberRange(0, 1),
    help="Exit with status 1 when the resilience is below this.",
)
@worker_options
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
@report_options
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object per run as it ends, and a last one with the results.",
)
def explore(
    *,
    name: str,
    phones: int,
    choice: FaultChoice,
    least: float | None,
    workers: Workers,
    lists: bool,
    replay: str | None,
    keep: Path | None,
    files: ReportFiles,
    as_json: bool,
) -> None:
    """Play a change with every single fault.

    The output says which faults harm phones. Each run has its own services and phones,
    and one fault: a node is down during a step, a group of phones is off, a restart or
    `utils ctl update CTLFile` is omitted, a command is typed twice or on the wrong
    node, TVS of a node does not run, or phones restart too early. At the end of each
    run the failed parts are started again, and every phone restarts.

    Exit status 0 when the change is safe without faults; 1 when it is not, or the
    resilience is below --least; 3 when a run could not be played; 130 after Ctrl-C,
    which ends with the results of the runs that were played.
    """
    if keep is not None and replay is None:
        raise click.UsageError("--keep is for --replay: a whole exploration keeps none")
    alone = {"--list": lists, "--replay": replay is not None}
    _check_together(alone, {**files.given, "--least": least is not None})
    script = _one_script(name)
    first = choice.first_step(script)
    if lists:
        _list(single_faults(script, first, choice.kinds), as_json=as_json)
    elif replay is not None:
        _replay(script, replay, first, phones, keep, as_json=as_json)
    else:
        tasks = _tasks(script, first, choice, phones)
        lines = RunLines(is_silent=not as_json)
        found, ended = _explored(
            script, choice, tasks, workers, files, on_result=lines.tell
        )
        if lines.is_gone:
            raise BrokenPipeError
        _say(found, _command(name, phones, choice), as_json=as_json)
        _exit(found, ended, least)


def _explored(
    script: Script,
    choice: FaultChoice,
    tasks: Sequence[Task],
    workers: Workers,
    files: ReportFiles,
    *,
    on_result: Callable[[RunResult], None],
) -> tuple[Exploration, ExitStatus | None]:
    """Play all runs and write the files; the status is that of an early end."""
    with files.open() as (page, tests):
        results, ended = _play(tasks, workers, on_result)
        left_out = len(tasks) - len(results)
        first = choice.first_step(script)
        found = ranked(
            script, results, choice.seed, first_step=first, left_out=left_out
        )
        if page is not None:
            page.write(exploration_page(found))
        if tests is not None:
            tests.write(exploration_junit(found))
    return found, ended


def _say(found: Exploration, command: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        result_console(WIDTH_IN_FILES).print(exploration_view(found, command))


def _command(name: str, phones: int, choice: FaultChoice) -> str:
    """Return the command that plays the same runs, without its other options."""
    command = f"tokenless rehearse explore {shlex.quote(name)} --phones {phones}"
    return command + (f" --from-step {choice.from_step}" if choice.from_step else "")


def _tasks(script: Script, first: int, choice: FaultChoice, phones: int) -> list[Task]:
    """Return the runs: without a fault, with each of them, with the chosen pairs.

    Raises:
        PhoneError: When there is nothing to play.
    """
    if not script.groups:
        raise PhoneError(
            f"{script.name} has no phones, so no fault can cost any",
            hint="give it a group of phones",
        )
    with slow_view("laying faults over the change"):
        faults = single_faults(script, first, choice.kinds)
        pairs = sampled_pairs(script, faults, choice.pairs, choice.seed)
    if not faults:
        raise WrongNameError(
            f"{script.name} has no such fault from step {first} on",
            hint="choose other kinds, or an earlier step with --from-step",
        )
    sets = [(), *((each,) for each in faults), *pairs]
    return [task_of(script, each, phones, first) for each in sets]


def _check_together(alone: Mapping[str, bool], others: Mapping[str, bool]) -> None:
    """Refuse options that have no effect together with others.

    Raises:
        UsageError: When an option that goes alone is given with another one.
    """
    for one in (name for name, is_given in alone.items() if is_given):
        for each, is_given in ({**alone, **others}).items():
            if is_given and each != one:
                raise click.UsageError(f"{one} and {each} cannot be combined")


def _one_script(name: str) -> Script:
    scripts = find_scripts(name, check_file)
    if len(scripts) > 1:
        choice = listed(script.name for script in scripts)
        raise click.UsageError(
            f"explore needs exactly one rehearsal; choose one of {choice}"
        )
    return scripts[0]


def _play(
    tasks: Sequence[Task], workers: Workers, on_result: Callable[[RunResult], None]
) -> tuple[list[RunResult], ExitStatus | None]:
    """Play runs; when somebody or something ends that, return those that have ended.

    Returns:
        The results, and the status to exit with when some are missing.

    Raises:
        PhoneError: When there are no workers, or all died before a run had ended.
        KeyboardInterrupt: When no run has ended.
    """
    with (
        watching(len(tasks), on_result) as watch,
        open_executor(*workers) as executor,
    ):
        results, ended = results_so_far(
            executor, play_task, tasks, watch, _tell_of_interrupt
        )
    if ended is not None and not results:
        raise ended
    match ended:
        case KeyboardInterrupt():
            return results, ExitStatus.INTERRUPTED
        case PhoneError():
            complain(ended.explain())
            return results, ExitStatus.CANNOT_TELL
        case None:
            return results, None


def _tell_of_interrupt() -> None:
    complain("interrupted: the runs that are being played end first")


def _list(faults: Sequence[Fault], *, as_json: bool) -> None:
    for fault in faults:
        if as_json:
            click.echo(json.dumps({"name": fault.name, "words": fault.words}))
        else:
            click.echo(printable(f"{fault.name}: {fault.words}"))


def _replay(
    script: Script,
    name: str,
    first: int,
    phones: int,
    keep: Path | None,
    *,
    as_json: bool,
) -> None:
    faults = (
        ()
        if name == WITHOUT_FAULTS
        else named_faults(single_faults(script, first), name)
    )
    if not as_json:
        _list(faults, as_json=False)
    reporter = JsonReporter() if as_json else TextReporter()
    played = play_and_report(with_faults(script, faults), phones, keep, reporter)
    exit_by_verdict([played])


def _exit(found: Exploration, ended: ExitStatus | None, least: float | None) -> None:
    """Leave with a status other than 0 when there is something to complain of."""
    if found.left_out and ended is not None:
        played = 1 + len(found.singles) + len(found.pairs)
        runs = played + found.left_out
        complain(f"{found.left_out} of {runs} runs were not played")
        sys.exit(ended)
    if found.not_played:
        complain(f"{counted(len(found.not_played), 'run')} could not be played")
        sys.exit(ExitStatus.CANNOT_TELL)
    if any(found.baseline.end.weight) or any(found.baseline.worst.weight):
        complain(f"{found.script.name} harms phones without any fault")
        sys.exit(ExitStatus.FAILED)
    if least is not None and found.resilience is not None and found.resilience < least:
        complain(f"resilience {found.resilience:.3f} is below {least}")
        sys.exit(ExitStatus.FAILED)
