"""A runbook as Markdown and as one self-contained HTML page: a table and lists."""

from collections.abc import Iterator
from typing import Final

from tokenless.phone_emulator.planner.runbook import COLUMNS, Runbook, cells_of
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    style_sheet,
    table,
    tag,
)
from tokenless.protocol.certificates.name_text import printable

_PAGE_STYLE = "runbook.css"
_HEAD: Final = (*COLUMNS, "done at, by")
"""The last column is filled in by hand."""


def markdown(runbook: Runbook, title: str) -> str:
    """Return a runbook as Markdown."""
    lines = [f"# {_cell(title)}", ""]
    lines += [f"- {_cell(each)}" for each in runbook.remarks()]
    lines += ["", "## Before step 1", "", *_numbered(runbook.before), "", "## Steps"]
    lines += ["", f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    lines += [f"| {' | '.join(map(_cell, cells_of(row)))} | |" for row in runbook.rows]
    for heading, items in _lists(runbook):
        lines += ["", f"## {heading}", "", *_numbered(items)]
    return "\n".join(lines) + "\n"


def _numbered(items: tuple[str, ...]) -> Iterator[str]:
    for number, each in enumerate(items, 1):
        yield f"{number}. {_cell(each)}"


def html(runbook: Runbook, title: str) -> str:
    """Return a runbook as an HTML page that needs nothing beside it."""
    rows = [(*map(code_words, cells_of(row)), "") for row in runbook.rows]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("style", style_sheet(_PAGE_STYLE)),
    )
    body = tag(
        "body",
        tag("h1", title),
        tag("ul", *(tag("li", code_words(each)) for each in runbook.remarks())),
        tag("h2", "Before step 1"),
        _ordered(runbook.before),
        tag("h2", "Steps"),
        table(_HEAD, rows, "runbook"),
        *(
            join(tag("h2", heading), _ordered(items))
            for heading, items in _lists(runbook)
        ),
    )
    return f"<!DOCTYPE html>\n{join(tag('html', head, body, lang='en'))}\n"


def _ordered(items: tuple[str, ...]) -> Html:
    return tag("ol", *(tag("li", code_words(each)) for each in items))


def _lists(runbook: Runbook) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the lists that stand below the table, each with its heading."""
    return (
        ("After the last step", runbook.after),
        ("If phones refuse files", runbook.rescue),
    )


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
