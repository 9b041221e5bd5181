"""A runbook as Markdown and as one self-contained HTML page: one table."""

from collections.abc import Iterator

from tokenless.phone_emulator.planner.runbook import COLUMNS, Runbook, cells_of
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    code_words,
    join,
    style_sheet,
    table,
    tag,
)
from tokenless.protocol.certificates.name_text import printable

_PAGE_STYLE = "runbook.css"


def markdown(runbook: Runbook, title: str) -> str:
    """Return a runbook as Markdown."""
    lines = [f"# {_cell(title)}", ""]
    lines += [f"- {_cell(each)}" for each in _remarks(runbook)]
    lines += ["", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(map(_cell, cells_of(row)))} |" for row in runbook.rows]
    return "\n".join(lines) + "\n"


def html(runbook: Runbook, title: str) -> str:
    """Return a runbook as an HTML page that needs nothing beside it."""
    rows = [tuple(map(code_words, cells_of(row))) for row in runbook.rows]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("style", style_sheet(_PAGE_STYLE)),
    )
    body = tag(
        "body",
        tag("h1", title),
        tag("ul", *(tag("li", code_words(each)) for each in _remarks(runbook))),
        table(COLUMNS, rows, "runbook"),
    )
    return f"<!DOCTYPE html>\n{join(tag('html', head, body, lang='en'))}\n"


def _remarks(runbook: Runbook) -> Iterator[str]:
    """Yield what must be known before the window, the phones at risk first."""
    for each in runbook.not_safe:
        yield f"NOT SAFE for {each}"
    if runbook.seconds is not None:
        yield f"The window takes {runbook.seconds / 60:.0f} minutes by these figures."
    yield from runbook.assumptions


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
