"""What people see in a terminal: results and progress on one console, no markup.

A progress bar and the text beside it share one console where standard output is a
terminal: two consoles on one terminal write over each other's lines. Where standard
output is a file, the bar is on standard error alone.

Texts come from certificates, configurations and servers that nobody here controls:
consoles take no text for markup, and `cell` makes one printable.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

from tokenless.protocol.certificates.name_text import printable

_SHOWN_AFTER_S: Final = 2.0
"""What is done sooner needs no sign of life."""


def result_console(width_in_files: int | None = None) -> Console:
    """Return the console of standard output.

    Args:
        width_in_files: How wide it is where there is no terminal and COLUMNS does
            not say it.
    """
    console = _console(stderr=False)
    if (
        width_in_files is not None
        and not console.is_terminal
        and "COLUMNS" not in os.environ
    ):
        console.width = width_in_files
    return console


def cell(value: object, style: str = "") -> Text:
    """Return a text from outside as a cell of a table, or as a line."""
    return Text(printable(str(value)), style)


def cells(values: Sequence[object], style: str = "") -> Text:
    """Return several texts from outside as the lines of one cell."""
    return Text("\n", style).join(cell(value, style) for value in values)


@contextmanager
def progress_bar(
    results: Console | None, *columns: ProgressColumn
) -> Iterator[Progress]:
    """Show a bar while a block runs; it vanishes at the end.

    Args:
        results: The console of the results that are printed meanwhile; None when they
            are for programs (JSON).
        columns: The parts of the bar.
    """
    talk = _console(stderr=True)
    has_bar = talk.is_terminal
    shares_terminal = results is not None and results.is_terminal
    console = results if results is not None and shares_terminal else talk
    with Progress(
        *columns,
        console=console,
        disable=not has_bar,
        transient=True,
        redirect_stdout=shares_terminal,
    ) as bar:
        yield bar


@contextmanager
def counter_view(words: str) -> Iterator[Callable[[int], None]]:
    """Show a number that grows, while a block takes more than two seconds.

    Args:
        words: What is counted.
    """
    began = time.monotonic()
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False)
    bar = Progress(*columns, console=_console(stderr=True), transient=True)
    task = bar.add_task("")

    def tell(count: int) -> None:
        spent = time.monotonic() - began
        bar.update(task, description=f"{count} {words}, {spent:.0f} s")
        if spent > _SHOWN_AFTER_S and bar.console.is_terminal:
            bar.start()

    try:
        yield tell
    finally:
        if bar.live.is_started:
            bar.stop()


def talk_line(text: str) -> None:
    """Print one line on standard error: what happens, for people who watch."""
    watch_console().print(cell(text), soft_wrap=True)


def watch_console() -> Console:
    """Return the console of standard error, for what people watch."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)
