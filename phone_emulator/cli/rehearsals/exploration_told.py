"""What is told of an exploration while it is played: a bar, and JSON for programs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tokenless.ground.terminal import progress_bar
from tokenless.phone_emulator.rehearsal.explore.exploration import run_to_json
from tokenless.phone_emulator.rehearsal.explore.runs import RunResult


class RunLines:
    """Prints one JSON object a run, until the reader goes, as `head` does.

    What was played for hours still goes into its files.

    Attributes:
        is_gone: Whether the reader has gone.
    """

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self.is_gone = False

    def tell(self, result: RunResult) -> None:
        """Print a run that has ended."""
        if self._is_silent or self.is_gone:
            return
        try:
            click.echo(json.dumps(run_to_json(result)))
        except BrokenPipeError:
            self.is_gone = True


@contextmanager
def watching(
    runs: int, on_result: Callable[[RunResult], None]
) -> Iterator[Callable[[RunResult], None]]:
    """Show a bar on standard error and the time that is left; yield what moves it."""
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
        shown = bar.add_task("playing", total=runs)

        def move(result: RunResult) -> None:
            nonlocal costly
            costly += any(result.end.weight)
            bar.update(shown, advance=1, description=f"{costly} harm phones")
            on_result(result)

        yield move
