"""Live bar while phones boot, and the table of steps."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table
from rich.text import Text

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell, cells, progress_bar, talk_line
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.player import ProgressListener
from tokenless.phone_emulator.rehearsal.reports.text_report import step_mark
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.scripts.script import Step
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.trust.anchors import FileKind

WIDTH_IN_FILES: Final = 160
"""Columns of the tables where there is no terminal: whole checksums fit."""
_TABLE_WIDTH: Final = 150
"""Columns below which whole checksums leave no room for the rest of the table."""


@contextmanager
def progress_view(results: Console | None = None) -> Iterator[ProgressListener]:
    """Show how a rehearsal goes; yield what a player feeds.

    A bar when standard error is a terminal, else a line a step.

    Args:
        results: The console that steps are told on meanwhile, where there is one.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("phones"),
    )
    with progress_bar(results, *columns) as bar:
        task = bar.add_task("set up", total=None)

        def begin_step(number: int, step: Step) -> None:
            words = printable(f"step {number}: {step.title}")
            bar.update(task, description=words, total=None, completed=0)
            if bar.disable:
                talk_line(words)

        yield ProgressListener(
            begin_step,
            lambda phones: bar.update(task, total=phones, completed=0),
            lambda: bar.advance(task),
        )


def steps_table(reports: Sequence[StepReport]) -> RenderableType:
    """Draw a row for each step: checksums on nodes beside those on phones.

    A terminal that is too narrow for that has a paragraph for each step. What was not
    as expected stands below, a line each.
    """
    return _StepsView(reports)


class _StepsView:
    """The steps, as the console that draws them has room."""

    def __init__(self, reports: Sequence[StepReport]) -> None:
        self._reports = reports

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        """Choose the form by the width."""
        if options.max_width >= _TABLE_WIDTH:
            yield _wide(self._reports)
        else:
            for report in self._reports:
                yield from _paragraph(report)
            yield ""
        yield from _complaints(self._reports)


def _wide(reports: Sequence[StepReport]) -> Table:
    table = Table(show_lines=True, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("step", max_width=28, overflow="fold")
    table.add_column("CTL bytes", justify="right")
    table.add_column("MD5 of the CTL on nodes", no_wrap=True)
    table.add_column("MD5 of the CTL on phones", no_wrap=True)
    table.add_column("what phones did with the CTL", overflow="fold")
    table.add_column("dial tone", overflow="fold")
    table.add_column("verdicts", overflow="fold")
    for report in reports:
        table.add_row(
            str(report.number),
            cell(report.step.title),
            "\n".join(_lengths(report.nodes)),
            cells(list(chain.from_iterable(_on_nodes(report.nodes)))),
            cells(list(chain.from_iterable(_on_phones(report)))),
            cells(_groups(report)),
            cells(_dial_tones(report)),
            step_mark(report),
        )
    return table


def _paragraph(report: StepReport) -> Iterator[RenderableType]:
    title = cell(report.step.title, "bold")
    yield Text.assemble(f"{report.number}. ", title, "  ", step_mark(report))
    for what, said in (
        ("CTL bytes", _lengths(report.nodes)),
        ("MD5 on nodes", [f"{md5} ({who})" for md5, who in _on_nodes(report.nodes)]),
        ("MD5 on phones", [f"{md5} ({who})" for md5, who in _on_phones(report)]),
        ("the CTL", _groups(report)),
        ("dial tone", _dial_tones(report)),
    ):
        yield Padding(cell(f"{what}: {'; '.join(said)}"), (0, 0, 0, 3))


def _complaints(reports: Sequence[StepReport]) -> Iterator[Text]:
    for report in reports:
        for difference in (*report.differences, *report.unforeseen):
            yield cell(f"step {report.number}: {difference}", "red")


def _lengths(nodes: Sequence[NodeView]) -> list[str]:
    lengths = sorted({node.ctl_length for node in nodes if node.is_up})
    return ["none" if length == 0 else str(length) for length in lengths]


def _on_nodes(nodes: Sequence[NodeView]) -> list[tuple[str, str]]:
    """Return checksums, each with who holds such a file."""
    holders: dict[str, list[str]] = {}
    for node in nodes:
        holders.setdefault(node.md5 or "no file", []).append(node.name)
    if len(holders) == 1:
        (alike,) = holders
        return [(alike, f"{len(nodes)} nodes" if len(nodes) > 1 else nodes[0].name)]
    return [(value, ", ".join(names)) for value, names in holders.items()]


def _on_phones(report: StepReport) -> list[tuple[str, str]]:
    """Return checksums, each with how many phones hold such a file."""
    held = Counter(
        _md5_of_ctl(phone) for phones in report.groups.values() for phone in phones
    )
    return [(value, counted(count, "phone")) for value, count in held.most_common()]


def _md5_of_ctl(report: BootReport) -> str:
    file = report.files.get(FileKind.CTL)
    return (file and file.md5) or "no file"


def _groups(report: StepReport) -> list[str]:
    return [f"{name}: {_summary(phones)}" for name, phones in report.groups.items()]


def _dial_tones(report: StepReport) -> list[str]:
    """Count all phones that are on by how they are registered; tell calls."""
    counts: Counter[str] = Counter()
    for status in report.statuses:
        for state, count in status.registrations.counts.items():
            counts[state.value] += count
    tones = [f"{count} {state}" for state, count in counts.items()]
    return [*tones, *(each.words for each in report.calls)]


def _summary(phones: Sequence[BootReport]) -> str:
    counts: Counter[str] = Counter()
    for phone in phones:
        file = phone.file(FileKind.CTL)
        by = f" by {file.verified_by.value}" if file.verified_by else ""
        counts[f"{file.action.value}{by}"] += 1
    return ", ".join(f"{count} {words}" for words, count in counts.most_common())
