"""An exploration as one self-contained HTML page: the figure, a bar a fault."""

from collections.abc import Sequence

from tokenless.phone_emulator.rehearsal.explore.exploration import Exploration
from tokenless.phone_emulator.rehearsal.explore.runs import RunResult
from tokenless.phone_emulator.rehearsal.reports.exploration_text import (
    loss_words,
    recovery_lines,
    summary_lines,
)
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    style_sheet,
    table,
    tag,
)

_HEAD = ("at the end", "at the worst moment", "what goes wrong", "recovery", "name")


def exploration_page(found: Exploration) -> str:
    """Return the page."""
    title = f"{found.script.name}: a change under faults"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("style", style_sheet("runbook.css")),
    )
    body = tag(
        "body",
        tag("h1", title),
        tag("ul", *(tag("li", line) for line in summary_lines(found))),
        _section("One fault", found.singles),
        _section("Two faults (a sample)", found.pairs),
    )
    return f"<!DOCTYPE html>\n{join(tag('html', head, body, lang='en'))}\n"


def _section(title: str, runs: Sequence[RunResult]) -> Html:
    if not runs:
        return Html("")
    rows = [_row(run) for run in runs]
    return join(tag("h2", title), table(_HEAD, rows, "runs"))


def _row(run: RunResult) -> tuple[Html, ...]:
    worst = loss_words(run.worst, run.phones)
    if any(run.worst.weight):
        worst = f"{worst} (step {run.worst_step})"
    lost = max(run.end.stuck, run.end.unregistered)
    share = 100 * lost / run.phones if run.phones else 0
    bar = tag("div", class_="bar", style=f"width: {share:.0f}%")
    return (
        join(bar, loss_words(run.end, run.phones)),
        join(worst),
        join(*(tag("p", code_words(each)) for each in run.words)),
        join(*(tag("p", code_words(each)) for each in recovery_lines(run))),
        tag("code", run.name),
    )
