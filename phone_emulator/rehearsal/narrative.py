"""A rehearsal told step by step: who is stuck, why, what is left, what would help."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenless.phone_emulator.rehearsal.causes import plain_cause
from tokenless.phone_emulator.rehearsal.expectations import StepReport, asked_of
from tokenless.phone_emulator.rehearsal.run import Played
from tokenless.phone_emulator.rehearsal.standing import PhoneState, Refusal, Standing
from tokenless.terminal import cell, cells

_STYLES = {
    PhoneState.OK: "green",
    PhoneState.DEGRADED: "yellow",
    PhoneState.STUCK: "bold red",
    PhoneState.UNREACHABLE: "red",
    PhoneState.OFF: "dim",
    PhoneState.NEW: "dim",
}


def step_story(report: StepReport) -> Group:
    """Tell one step."""
    mark = Text("as expected", "green") if report.ok else Text("otherwise", "bold red")
    title = cell(report.step.title, "bold")
    head = Text.assemble(f"{report.number}. ", title, "  ", mark)
    parts: list[RenderableType] = [head]
    if report.step.why:
        parts.append(Padding(cells(report.step.why.splitlines(), "italic"), (0, 3)))
    if report.refusal is not None:
        parts.append(Padding(cell(f"refused: {report.refusal}"), (0, 3)))
    parts.append(Padding(_groups(report.standings), (0, 3)))
    if inferred := [n for n, each in asked_of(report.step).items() if each.inferred]:
        words = f"inferred from the phone's rules: {', '.join(inferred)}"
        parts.append(Padding(cell(words, "dim"), (0, 3)))
    parts.extend(
        Padding(line, (0, 3)) for each in report.standings for line in _trouble(each)
    )
    parts.extend(
        Padding(cell(f"expected otherwise: {difference}", "red"), (0, 3))
        for difference in report.differences
    )
    return Group(*parts)


def _groups(standings: Sequence[Standing]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("group")
    table.add_column("phones")
    table.add_column("anchors left")
    table.add_column("TVS it can ask")
    for each in standings:
        table.add_row(
            cell(f"{each.group} ({each.model})"),
            _states(each),
            cell(anchors_words(each)),
            cell(tvs_words(each)),
        )
    return table


def _states(standing: Standing) -> Text:
    return Text(", ").join(
        Text(f"{count} {state}", _STYLES[state])
        for state, count in standing.states.items()
    )


def anchors_words(standing: Standing) -> str:
    """Return how many anchors a group has left, and which."""
    fewest = standing.fewest
    if fewest is None:
        return "holds no list: takes the first one"
    return f"{len(fewest.signers)}: {', '.join(fewest.signers) or 'none'}"


def tvs_words(standing: Standing) -> str:
    """Return how many TVS servers a group can ask, and which."""
    fewest = standing.fewest
    if fewest is None:
        return "-"
    return f"{len(fewest.tvs)}: {', '.join(fewest.tvs) or 'none'}"


def _trouble(standing: Standing) -> Iterator[Text]:
    alike: dict[str, list[Refusal]] = {}
    for refusal in standing.refusals:
        alike.setdefault(plain_cause(refusal.code), []).append(refusal)
    for cause, refusals in alike.items():
        files = ", ".join(dict.fromkeys(each.file.value for each in refusals))
        what = cell(f"{standing.group} refuses {files}. ", "red")
        yield Text.assemble(what, cell(cause))
        yield cell(f"  rule {refusals[0].rule}: {refusals[0].reason}", "dim")
    for rule in standing.inferred_rules:
        yield cell(f"  rests on an inferred rule: {rule.words}", "yellow")
    if standing.remedies:
        yield cell(f"What recovers {standing.group}:")
        for remedy in standing.remedies:
            yield cell(f"  - {remedy.text}")


def results_table(all_played: Sequence[Played]) -> Table:
    """List played rehearsals: the lesson, how many are stuck, as expected or not."""
    table = Table(header_style="bold")
    table.add_column("rehearsal", no_wrap=True)
    table.add_column("lesson")
    table.add_column("stuck at the end", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("as expected")
    for played in all_played:
        table.add_row(
            cell(played.script.name),
            cell(played.script.lesson),
            str(len(played.stuck)),
            f"{played.seconds:.1f}",
            Text("yes", "green") if played.ok else Text("no", "bold red"),
        )
    return table
