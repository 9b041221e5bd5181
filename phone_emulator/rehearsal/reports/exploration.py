"""An exploration as text and as one HTML page: the figure, the weakest points.

The text says how to play them again; the page has a bar for each fault.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group
from rich.table import Table

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell, cells
from tokenless.phone_emulator.rehearsal.explore.exploration import Exploration
from tokenless.phone_emulator.rehearsal.explore.runs import Loss, RunResult
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    style_sheet,
    table,
    tag,
)

_SHOWN: Final = 15
"""Rows of a table; the rest is counted."""
_REMEDIES: Final = 2
_HEAD = ("at the end", "at the worst moment", "what goes wrong", "recovery", "name")


def exploration_view(found: Exploration, replay: str) -> Group:
    """Return what a person reads.

    Args:
        found: All runs, ranked.
        replay: The command that plays a run again, without its name.
    """
    parts: list[object] = [cells(list(summary_lines(found)))]
    if found.singles:
        parts += [cell(""), _table("one fault", found.singles)]
        parts += [cells(list(_more(found.singles)))]
    if found.pairs:
        parts += [cell(""), _table("two faults (a sample)", found.pairs)]
        parts += [cells(list(_more(found.pairs)))]
    parts += [cells(["", f"play one again: {replay} --replay NAME"])]
    return Group(*parts)  # type: ignore[arg-type]


def loss_words(loss: Loss, phones: int) -> str:
    """Return what was lost: `2 of 4 locked out, 1 call failed`."""
    return ", ".join((*_lost_phones(loss, phones), *_lost_calls(loss))) or "none"


def _lost_phones(loss: Loss, phones: int) -> Iterator[str]:
    if loss.locked_out:
        yield f"{loss.locked_out} of {phones} locked out"
        if more := loss.refusing - loss.locked_out:
            yield f"{more} more stuck{' or would be' if loss.would_be_stuck else ''}"
    elif loss.stuck:
        yield f"{loss.stuck} of {phones} stuck"
        if loss.would_be_stuck:
            yield f"{loss.would_be_stuck} more would be stuck when they next start"
    elif loss.would_be_stuck:
        yield f"{loss.would_be_stuck} of {phones} would be stuck when they next start"
    elif loss.unregistered:
        yield f"{loss.unregistered} of {phones} without dial tone"


def _lost_calls(loss: Loss) -> Iterator[str]:
    if loss.failed_calls:
        yield f"{counted(loss.failed_calls, 'call')} failed"
    if loss.weaker_calls:
        yield f"{counted(loss.weaker_calls, 'call')} less secure than before"


def summary_lines(found: Exploration) -> Iterator[str]:
    """Say what cannot be relied on first, then the figures."""
    if found.left_out:
        yield (
            f"INCOMPLETE: {found.left_out} runs were not played; all figures are about "
            "the others"
        )
    for run in found.not_played:
        yield f"NOT PLAYED, nothing is known: {run.name}: {run.failure}"
    base = found.baseline
    if base.failure is None:
        ends = loss_words(base.end, base.phones)
        meanwhile = loss_words(base.worst, base.phones)
        yield (
            f"{found.script.name} without faults: lost at the end: {ends}; at the "
            f"worst moment: {meanwhile}"
        )
    played = [run for run in found.singles if run.failure is None]
    if found.resilience is not None:
        safe = len(played) - len(found.costly)
        yield (
            f"resilience {found.resilience:.3f}: the share of phones that are well at "
            f"the end, over {len(played)} single faults; after {safe} of these faults "
            "all phones are well"
        )
    if found.pair_resilience is not None:
        count = sum(run.failure is None for run in found.pairs)
        yield (
            f"resilience {found.pair_resilience:.3f} over {count} pairs of faults "
            f"(a sample, seed {found.seed})"
        )
    cut = sum(run.refused is not None for run in (*found.singles, *found.pairs))
    if cut:
        runs = "1 run" if cut == 1 else f"{cut} runs"
        yield f"in {runs} a command was refused, and the rest of its step was not typed"
    yield f"not tried: {', '.join(_not_tried(found))}"
    yield from (f"NOT MODELLED: {each}" for each in found.not_modelled)
    yield from map(str, found.script.approximations)


def _not_tried(found: Exploration) -> Iterator[str]:
    yield f"more than {'two faults' if found.pairs else 'one fault'} in a run"
    match found.first_step - 1:
        case 0:
            pass
        case 1:
            yield "faults in step 1"
        case last:
            yield f"faults in steps 1 to {last}"
    if found.script.others:
        yield f"faults of the clusters {', '.join(found.script.others)}"


def _table(title: str, runs: Sequence[RunResult]) -> Table:
    table = Table(header_style="bold", title=title, title_justify="left")
    table.add_column("at the end")
    table.add_column("at the worst moment")
    table.add_column("what goes wrong", overflow="fold")
    table.add_column("why, and what recovers the phones", overflow="fold")
    table.add_column("name", overflow="fold")
    for run in _worth_telling(runs)[:_SHOWN]:
        style = "red" if any(run.end.weight) else ""
        worst = loss_words(run.worst, run.phones)
        worst += f" (step {run.worst_step})" if any(run.worst.weight) else ""
        table.add_row(
            cell(loss_words(run.end, run.phones), style),
            cell(worst),
            cells(list(run.words)),
            cells(list(recovery_lines(run))),
            cell(run.name),
        )
    return table


def _worth_telling(runs: Sequence[RunResult]) -> list[RunResult]:
    costs = [run for run in runs if any(run.end.weight) or any(run.worst.weight)]
    return costs or list(runs[:1])


def recovery_lines(run: RunResult) -> Iterator[str]:
    """Say why phones or calls are lost at the end, and what recovers them."""
    if run.refused is not None:
        yield f"refused: {run.refused}"
    if not any(run.end.weight):
        yield "nothing: they recover without help"
        return
    if run.groups:
        yield f"{', '.join(run.reasons) or 'no registration'} ({', '.join(run.groups)})"
    else:
        yield "calls do not recover without help; play the run again to see which"
    yield from run.remedies[:_REMEDIES]
    if more := len(run.remedies) - _REMEDIES:
        yield f"and {more} more" if more > 0 else ""


def _more(runs: Sequence[RunResult]) -> Iterator[str]:
    """Count the runs that the table has no room for, by their kinds."""
    rest = _worth_telling(runs)[_SHOWN:]
    if rest:
        kinds = Counter(run.name.partition(":")[0] for run in rest)
        by_kind = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        most = max(run.end.phones for run in rest)
        yield (
            f"and {len(rest)} more that cost at most {counted(most, 'phone')} at the "
            f"end, by kind: {by_kind}"
        )
    quiet = len(runs) - len(_worth_telling(runs))
    if quiet > 0:
        noun = "other costs" if quiet == 1 else "others cost"
        yield f"{quiet} {noun} no phone at any moment"


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
    share = 100 * run.end.phones / run.phones if run.phones else 0
    bar = tag("div", class_="bar", style=f"width: {share:.0f}%")
    return (
        join(bar, loss_words(run.end, run.phones)),
        join(worst),
        join(*(tag("p", code_words(each)) for each in run.words)),
        join(*(tag("p", code_words(each)) for each in recovery_lines(run))),
        tag("code", run.name),
    )
