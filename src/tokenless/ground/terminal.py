"""Output in a terminal: results and progress on one console, no markup.

A progress bar and the text beside it share one console where standard output is a
terminal: two consoles on one terminal write over each other's lines. Where standard
output is a file, the bar is on standard error alone.

Texts come from certificates, configurations and servers that nobody here controls:
consoles take no text for markup, and `cell` makes one printable.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from tokenless.protocol.certificates.name_text import printable

_SHOWN_AFTER_S: Final = 2.0
"""Work that is done sooner shows no progress."""
_TOLD_EVERY_S: Final = 30.0
"""Where no terminal shows it, work says so often how far it is."""


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

    Where standard error is no terminal, a line there twice a minute says how far the
    tasks of the bar are.

    Args:
        results: The console of the results that are printed meanwhile; None when they
            are for programs (JSON).
        columns: The parts of the bar.
    """
    talk = _console(stderr=True)
    has_bar = talk.is_terminal
    shares_terminal = results is not None and results.is_terminal
    console = results if results is not None and shares_terminal else talk
    bar = Progress(
        *columns,
        console=console,
        disable=not has_bar,
        transient=True,
        redirect_stdout=shares_terminal,
    )
    if not has_bar:  # started and stopped, rich 13 prints an empty line of it
        with _told_now_and_then(bar):
            yield bar
        return
    with bar:
        yield bar


class Progressing(Protocol):
    """Says how far something has come."""

    def __call__(self, words: str, done: int = 0, total: int = 0) -> None:
        """Say it.

        Args:
            words: What is being done.
            done: How much is done.
            total: The whole amount; 0 when it is not known.
        """


@contextmanager
def slow_view(words: str) -> Iterator[Progressing]:
    """Show what is being done, and for how long, once a block takes two seconds.

    At a terminal the line is on standard error, and vanishes at the end. It appears and
    moves by itself, whether or not the block reports progress. Elsewhere there is a
    line twice a minute.

    Args:
        words: What is being done, until the block says it better.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        _KnownBar(),
        TimeElapsedColumn(),
        console=_console(stderr=True),
        transient=True,
    )
    task = bar.add_task(printable(words), total=None)

    def tell(words: str, done: int = 0, total: int = 0) -> None:
        bar.update(
            task, description=printable(words), completed=done, total=total or None
        )

    if not bar.console.is_terminal:
        with _told_now_and_then(bar):
            yield tell
        return
    timer = threading.Timer(_SHOWN_AFTER_S, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()
        timer.join()
        if bar.live.is_started:
            bar.stop()


@contextmanager
def _told_now_and_then(bar: Progress) -> Iterator[None]:
    """Say on standard error how far the tasks of a bar are that nobody sees."""
    is_over = threading.Event()

    def tell() -> None:
        while not is_over.wait(_TOLD_EVERY_S):
            for task in bar.tasks:
                talk_line(_how_far(task))

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()


def _how_far(task: Task) -> str:
    """Return `phones: 120 of 2000, after 0:00:30; 4/s`."""
    done = "" if task.total is None else f": {task.completed:g} of {task.total:g}"
    after = timedelta(seconds=int(task.elapsed or 0))
    words = f"; {task.fields['words']}" if task.fields.get("words") else ""
    return f"{task.description}{done}, after {after}{words}"


class _KnownBar(ProgressColumn):
    """A bar, where the end is known; nothing otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = BarColumn(bar_width=30)

    def render(self, task: Task) -> RenderableType:
        """Draw it."""
        return self._bar.render(task) if task.total else Text("")


def talk_line(text: str) -> None:
    """Print one line on standard error: what happens, for people who watch."""
    watch_console().print(cell(text), soft_wrap=True)


def watch_console() -> Console:
    """Return the console of standard error, for what people watch."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)
