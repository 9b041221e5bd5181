"""The text report: for each step stuck phones, reasons, anchors left, and remedies."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenless.ground.counting import counted
from tokenless.ground.terminal import cell, cells
from tokenless.phone_emulator.registration.report import Failure
from tokenless.phone_emulator.rehearsal.outcome.causes import plain_cause
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.phone_status import PhoneStatus
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport, asked_of
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.reports.verdict import (
    Tone,
    Verdict,
    impact_verdict,
    run_verdicts,
    step_verdicts,
)
from tokenless.phone_emulator.rehearsal.rig.phones.dial_tone import RegistrationFailure
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.protocol.trust.anchors import FileKind

_LISTS: Final = frozenset({FileKind.CTL, FileKind.ITL})
_STYLES = {
    PhoneStatus.OK: "green",
    PhoneStatus.DEGRADED: "yellow",
    PhoneStatus.STUCK: "bold red",
    PhoneStatus.UNREACHABLE: "red",
    PhoneStatus.WOULD_BE_STUCK: "dim red",
    PhoneStatus.NOT_RESTARTED: "dim",
    PhoneStatus.OFF: "dim",
    PhoneStatus.NEW: "dim",
}
_TONES: Final = {
    Tone.GOOD: "green",
    Tone.PLAIN: "dim",
    Tone.LATER: "yellow",
    Tone.BAD: "bold red",
}


def verdict_lines(played: Played) -> Group:
    """Tell both verdicts of a rehearsal, a line each, what matters most first."""
    return Group(*map(_line, run_verdicts(played)))


def step_mark(report: StepReport) -> Text:
    """Tell both verdicts of a step on one line."""
    return Text(", ").join(
        cell(each.short, _TONES[each.tone]) for each in step_verdicts(report)
    )


def _line(verdict: Verdict) -> Text:
    return cell(str(verdict), _TONES[verdict.tone])


def step_story(report: StepReport) -> Group:
    """Tell one step."""
    title = cell(report.step.title, "bold")
    head = Text.assemble(f"{report.number}. ", title, "  ", step_mark(report))
    parts: list[RenderableType] = [head]
    impact = report.impact
    rest = impact_verdict(impact).rest
    if rest and (impact.waiting or not impact.is_safe):
        parts.append(Padding(cell(rest.removeprefix(": "), "dim"), (0, 3)))
    if report.step.why:
        parts.append(Padding(cells(report.step.why.splitlines(), "italic"), (0, 3)))
    if report.refusal is not None:
        parts.append(Padding(cell(f"refused: {report.refusal}"), (0, 3)))
    parts.extend(
        Padding(cell(f"not carried out: {line}", "red"), (0, 3))
        for line in report.left_out
    )
    parts.append(Padding(_groups(report.statuses), (0, 3)))
    parts.extend(Padding(cell(str(each)), (0, 3)) for each in report.calls)
    if inferred := [n for n, each in asked_of(report.step).items() if each.inferred]:
        words = f"inferred from the phone's rules: {', '.join(inferred)}"
        parts.append(Padding(cell(words, "dim"), (0, 3)))
    parts.extend(
        Padding(line, (0, 3)) for each in report.statuses for line in _trouble(each)
    )
    parts.extend(
        Padding(cell(f"FAILED: {difference}", "red"), (0, 3))
        for difference in (*report.differences, *report.unforeseen)
    )
    return Group(*parts)


def _groups(statuses: Sequence[GroupStatus]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("group", overflow="fold")
    table.add_column("phones")
    table.add_column("anchors left", overflow="fold")
    table.add_column("TVS it can ask", overflow="fold")
    table.add_column("dial tone", overflow="fold")
    shows_itl = any(each.itl_file for each in statuses)
    if shows_itl:
        table.add_column("ITL File Status")
    for each in statuses:
        table.add_row(
            cell(f"{each.group} ({each.model})"),
            _states(each),
            cell(anchors_words(each)),
            cell(tvs_words(each)),
            cell(dial_tone_words(each)),
            *((cell(itl_file_words(each)),) if shows_itl else ()),
        )
    return table


def _states(status: GroupStatus) -> Text:
    return Text(", ").join(
        Text(f"{count} {state}", _STYLES[state])
        for state, count in status.states.items()
    )


def anchors_words(status: GroupStatus) -> str:
    """Return how many anchors a group has left, and which."""
    fewest = status.fewest
    if fewest is None:
        return "holds no list: accepts the first one"
    return f"{len(fewest.signers)}: {', '.join(fewest.signers) or 'none'}"


def tvs_words(status: GroupStatus) -> str:
    """Return how many TVS servers a group can ask, and which."""
    fewest = status.fewest
    if fewest is None:
        return "-"
    return f"{len(fewest.tvs)}: {', '.join(fewest.tvs) or 'none'}"


def dial_tone_words(status: GroupStatus) -> str:
    """Return how a group's phones that are on are registered."""
    registered = status.registrations
    if not registered.phones:
        return "-"
    counts = registered.counts.items()
    if len(registered.counts) == 1:
        return next(state.value for state, _ in counts)
    return ", ".join(f"{count} {state.value}" for state, count in counts)


def itl_file_words(status: GroupStatus) -> str:
    """Return the ITL File Status of a group's phones (release 14 and newer)."""
    counts = status.itl_file.items()
    if len(counts) == 1:
        return next(each.value for each, _ in counts)
    return ", ".join(f"{count} {each}" for each, count in counts)


def registration_fix(status: GroupStatus, failure: RegistrationFailure) -> str:
    """Return what helps; phones that refuse a list have to be freed first."""
    is_stale = failure.failure in {Failure.NOT_IN_CTL, Failure.NOT_IN_ITL}
    if is_stale and any(each.file in _LISTS for each in status.refusals):
        return f"what recovers {status.group}, so that they take the new list"
    return failure.fix


def _trouble(status: GroupStatus) -> Iterator[Text]:
    for failure, count in status.registrations.failures.items():
        at = " at" if failure.node else ":"
        words = f"{counted(count, 'phone')} of {status.group} could not register{at} "
        yield Text.assemble(cell(words, "red"), cell(str(failure)))
        yield cell(f"  fix: {registration_fix(status, failure)}")
    for refuses, all_refusals in (
        ("refuses", status.refusals),
        ("would refuse", status.prospects),
    ):
        for cause, refusals in by_cause(all_refusals):
            words = f"{status.group} {refuses} {files_words(refusals)}. "
            yield Text.assemble(cell(words, "red"), cell(cause))
            yield cell(f"  rule {refusals[0].rule}: {refusals[0].reason}", "dim")
    for rule in status.inferred_rules:
        yield cell(f"  based on an inferred rule: {rule.words}", "yellow")
    if status.remedies:
        yield cell(f"What recovers {status.group}:")
        for remedy in status.remedies:
            yield cell(f"  - {remedy.text}")


def by_cause(refusals: Iterable[Refusal]) -> Iterator[tuple[str, list[Refusal]]]:
    """Return refusals by their cause in plain words."""
    alike: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        alike.setdefault(plain_cause(refusal.code), []).append(refusal)
    yield from alike.items()


def files_words(refusals: Iterable[Refusal]) -> str:
    """Name the files of refusals, and the nodes where phones would refuse them."""
    each = list(refusals)
    files = ", ".join(dict.fromkeys(refusal.file.value for refusal in each))
    nodes = ", ".join(dict.fromkeys(refusal.node for refusal in each if refusal.node))
    return f"{files} at {nodes}" if nodes else files


def results_table(all_played: Sequence[Played]) -> Table:
    """List played rehearsals with both verdicts."""
    table = Table(header_style="bold")
    table.add_column("rehearsal", no_wrap=True)
    table.add_column("lesson")
    table.add_column("impact")
    table.add_column("seconds", justify="right")
    table.add_column("expectations")
    table.add_column("ok", min_width=3)
    for played in all_played:
        verdict = run_verdicts(played)[0]
        table.add_row(
            cell(played.script.name),
            cell(played.script.lesson),
            _line(verdict),
            f"{played.seconds:.1f}",
            played.expectations.value,
            Text("yes", "green") if played.ok else Text("no", "bold red"),
        )
    return table
