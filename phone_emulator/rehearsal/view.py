"""What a person sees of a rehearsal: a bar while phones boot, a table of the steps."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import md5
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from phone_emulator.rehearsal.expectations import StepReport
from phone_emulator.rehearsal.facts import NodeView
from phone_emulator.rehearsal.player import Watcher
from phone_emulator.rehearsal.script import Step
from phone_emulator.secd.report import BootReport
from protocol.trust_anchors import FileKind

_WIDTH_WITHOUT_TERMINAL: Final = 160


class ProgressView:
    """The bar, on standard error when that is a terminal, else a line a step."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("phones"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("set up", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @property
    def watcher(self) -> Watcher:
        """Feed this view from a player."""
        return Watcher(self._begin_step, self._begin_boot, self._one_booted)

    def _begin_step(self, number: int, step: Step) -> None:
        words = f"step {number}: {step.title}"
        self._progress.update(self._task, description=words, total=None, completed=0)
        if self._progress.disable:
            self._console.print(words, highlight=False)

    def _begin_boot(self, phones: int) -> None:
        self._progress.update(self._task, total=phones, completed=0)

    def _one_booted(self) -> None:
        self._progress.advance(self._task)


def result_console() -> Console:
    """Return the console of standard output, wide enough for whole checksums."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH_WITHOUT_TERMINAL)
    return console


def steps_table(reports: Sequence[StepReport]) -> Group:
    """Draw a row for each step: checksums on nodes beside those on phones.

    What was not as expected stands below the table, a line each.
    """
    table = Table(show_lines=True, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("step", max_width=28)
    table.add_column("CTL bytes", justify="right")
    table.add_column("MD5 of the CTL on nodes", overflow="fold")
    table.add_column("MD5 of the CTL on phones", overflow="fold")
    table.add_column("what phones did with the CTL")
    table.add_column("ok", min_width=3)
    for report in reports:
        table.add_row(
            str(report.number),
            report.step.title,
            _lengths(report.nodes),
            _on_nodes(report.nodes),
            _on_phones(report),
            _groups(report),
            Text("yes", "green") if report.ok else Text("no", "bold red"),
        )
    return Group(table, *_complaints(reports))


def _complaints(reports: Sequence[StepReport]) -> Iterator[Text]:
    for report in reports:
        for difference in report.differences:
            yield Text(f"step {report.number}: {difference}", "red")


def _lengths(nodes: Sequence[NodeView]) -> str:
    found = sorted({node.ctl_length for node in nodes if node.is_up})
    return "\n".join("none" if length == 0 else str(length) for length in found)


def _on_nodes(nodes: Sequence[NodeView]) -> str:
    holders: dict[str, list[str]] = {}
    for node in nodes:
        holders.setdefault(node.md5 or "no file", []).append(node.name)
    return "\n".join(
        f"{value}\n{', '.join(names) if len(holders) > 1 else f'{len(names)} nodes'}"
        for value, names in holders.items()
    )


def _on_phones(report: StepReport) -> str:
    held = Counter(
        _md5_of_ctl(phone) for phones in report.groups.values() for phone in phones
    )
    return "\n".join(f"{value}\n{count} phones" for value, count in held.most_common())


def _md5_of_ctl(report: BootReport) -> str:
    file = report.files.get(FileKind.CTL)
    if file is None or file.held is None:
        return "no file"
    return md5(file.held, usedforsecurity=False).hexdigest()


def _groups(report: StepReport) -> str:
    return "\n".join(
        f"{name}: {_summary(phones)}" for name, phones in report.groups.items()
    )


def _summary(phones: Sequence[BootReport]) -> str:
    counts: Counter[str] = Counter()
    for phone in phones:
        file = phone.file(FileKind.CTL)
        by = f" by {file.verified_by.value}" if file.verified_by else ""
        counts[f"{file.action.value}{by}"] += 1
    return ", ".join(f"{count} {words}" for words, count in counts.most_common())
