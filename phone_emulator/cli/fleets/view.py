"""Live bar of a fleet that boots, then a table."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tokenless.ground.counting import counted
from tokenless.ground.terminal import progress_bar, result_console
from tokenless.phone_emulator.fleet.report import FleetReport

_SHOWN_STUCK: Final = 20


@contextmanager
def fleet_view(phones: int) -> Iterator[Callable[[FleetReport], None]]:
    """Show a bar, the outcomes, the rate and TVS's answers; yield what renews them."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    with progress_bar(None, *columns) as bar:
        task = bar.add_task("phones", total=phones, words="")

        def update(counts: FleetReport) -> None:
            bar.update(task, completed=counts.booted, words=_words(counts))

        yield update


def _words(counts: FleetReport) -> str:
    outcomes = " ".join(f"{name} {n}" for name, n in counts.outcomes.items())
    answers = " ".join(f"{name} {n}" for name, n in counts.tvs_answers.items())
    return f"{counts.phones_per_second:.0f}/s  {outcomes}  TVS: {answers or '-'}"


def print_report(report: FleetReport) -> None:
    """Print the result of a boot as a table, and the first phones that are stuck."""
    console = result_console()
    table = Table(title=f"{counted(report.phones, 'phone')} in {report.seconds:.1f} s")
    table.add_column("file")
    table.add_column("actions")
    for name, counts in report.files.items():
        table.add_row(name, _in_words(counts))
    table.add_row("outcome", _in_words(report.outcomes))
    table.add_row("verified by", _in_words(report.verified_by))
    table.add_row("TVS", _in_words(report.tvs_answers))
    if report.capf:
        table.add_row("CAPF", _in_words(report.capf))
    if report.encrypted:
        table.add_row("encrypted", counted(report.encrypted, "configuration"))
    table.add_row("rate", f"{report.phones_per_second:.0f} phones a second")
    console.print(table)
    for line in stuck_lines(report):
        console.print(line, soft_wrap=True)


def stuck_lines(report: FleetReport) -> Iterator[str]:
    """Name the first phones that are stuck; count the others, and why all are."""
    stuck = sorted(report.stuck)
    for device in stuck[:_SHOWN_STUCK]:
        yield f"stuck: {device}"
    more = len(stuck) - _SHOWN_STUCK
    head = f"and {more} more; " if more > 0 else ""
    if stuck and report.reasons:
        counts = report.reasons.most_common()
        why = ", ".join(f"{n} {code}" for code, n in counts)
        yield f"{head}files by reason: {why}"
    elif more > 0:
        yield f"and {more} more"


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
