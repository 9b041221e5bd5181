"""The live view of a fleet that boots, on standard error when that is a terminal."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from phone_emulator.fleet.report import FleetReport


class FleetView:
    """A bar, the outcomes, the rate and TVS's answers."""

    def __init__(self, phones: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("phones"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("boot", total=phones, words="")

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

    def update(self, counts: FleetReport) -> None:
        """Show the counts so far."""
        if self._progress.disable:
            return
        outcomes = " ".join(f"{name} {n}" for name, n in counts.outcomes.items())
        answers = " ".join(f"{name} {n}" for name, n in counts.tvs_answers.items())
        words = f"{counts.phones_per_second:.0f}/s  {outcomes}  TVS: {answers or '-'}"
        self._progress.update(self._task, completed=counts.booted, words=words)
