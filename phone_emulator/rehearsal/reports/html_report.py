"""The report of a rehearsal: one self-contained page, for the screen and for print."""

from collections.abc import Iterator, Sequence

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.causes import GLOSSARY, plain_cause
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Played
from tokenless.phone_emulator.rehearsal.reports.html_steps import (
    step_sections,
    verdict_badge,
)
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    style_sheet,
    table,
    tag,
)
from tokenless.phone_emulator.rehearsal.reports.timeline import timeline
from tokenless.phone_emulator.rehearsal.reports.verdict import run_verdicts
from tokenless.phone_emulator.rehearsal.scripts.remedy import Remedy, RemedyKind


def render_report(played: Played) -> str:
    """Return the page of a rehearsal as HTML."""
    script = played.script
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Rehearsal: {script.name}"),
        tag("style", style_sheet("report.css"), style_sheet("timeline.css")),
    )
    body = tag(
        "body",
        *_opening(played),
        *_in_short(played),
        *_approximations(played),
        tag("h2", "Phones by state"),
        timeline(played.steps),
        tag("h2", "Anchors and TVS members left"),
        _anchors_table(played.steps),
        *step_sections(played.steps),
        tag("h2", "Words"),
        _glossary(),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _opening(played: Played) -> Iterator[Html]:
    script = played.script
    verdicts = run_verdicts(played)
    badges = [part for each in verdicts for part in (verdict_badge(each), Html(" "))]
    yield tag("h1", f"Rehearsal: {script.name} ", *badges)
    yield tag("p", script.lesson, class_="lesson")
    inferred = " The outcome is inferred from the phone's rules." * script.inferred
    yield tag(
        "p",
        f"Source: {script.source or 'none given'}.{inferred} "
        f"{counted(_phones(played.steps), 'phone')}, "
        f"{counted(len(played.steps), 'step')}, {played.seconds:.1f} s.",
        class_="about",
    )
    for verdict in verdicts:
        yield tag("p", str(verdict), class_=f"verdict {verdict.tone}")


def _approximations(played: Played) -> Iterator[Html]:
    """Say in what the cluster is not the real one, where it was imported."""
    approximations = played.script.approximations
    if approximations:
        yield tag("h2", "Approximated")
        yield tag(
            "p",
            (
                "The cluster of this rehearsal differs from the imported one in these "
                "points."
            ),
        )
        yield tag(
            "ul", *(tag("li", f"{each.what}: {each.why}.") for each in approximations)
        )


def _phones(steps: Sequence[StepReport]) -> int:
    return sum(status.phones for status in steps[-1].statuses) if steps else 0


def _in_short(played: Played) -> Iterator[Html]:
    """Tell the whole of it in a box: the worst step, and why."""
    guilty = next((step for step in played.steps if not step.impact.is_safe), None)
    if guilty is None:
        if played.broke_off is None and played.steps:
            text = (
                "After no step is a phone stuck or without dial tone, or would "
                "be when it next starts."
            )
            yield tag("section", tag("p", text), class_="short good-box")
        return
    yield tag(
        "section",
        tag("h2", "In short"),
        tag(
            "p",
            tag("strong", f"Step {guilty.number}, “{guilty.step.title}”: "),
            f"{guilty.impact}.",
        ),
        *(tag("p", f"{each}.") for each in _lost_calls(guilty)),
        *(part for each in _causes(guilty.statuses) for part in each),
        _ending(played),
        class_="short",
    )


def _lost_calls(step: StepReport) -> Iterator[str]:
    yield from step.call_losses.failed
    yield from step.call_losses.weaker


def _causes(statuses: Sequence[GroupStatus]) -> Iterator[tuple[Html, ...]]:
    """Tell why, once for all groups that have the same cause and the same way out."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in statuses:
        refusals = [*each.refusals, *each.prospects]
        if refusals:
            cause = plain_cause(refusals[0].code)
            alike.setdefault((cause, _common(each.remedies)), []).append(each.group)
    for (cause, remedies), groups in alike.items():
        names = ", ".join(groups)
        yield (
            tag("p", tag("strong", f"Why {names}? "), cause),
            tag("p", tag("strong", f"What recovers {names}?")),
            tag("ul", *(tag("li", code_words(remedy)) for remedy in remedies)),
        )


def _common(remedies: Sequence[Remedy]) -> tuple[str, ...]:
    """Leave out whose old key it is that a backup brings back: groups differ there."""
    shortened = (
        "restore the old certificates and keys from a backup"
        if remedy.kind is RemedyKind.RESTORE_KEYS
        else remedy.text
        for remedy in remedies
    )
    return tuple(dict.fromkeys(shortened))


def _ending(played: Played) -> Html:
    if played.impact.is_safe:
        return tag("p", "At the end of this rehearsal no phone is stuck.")
    return tag("p", f"At the end of this rehearsal: {played.impact}.")


def _anchors_table(steps: Sequence[StepReport]) -> Html:
    """Show, for each group and step, the anchors of the phone that has the fewest."""
    groups = [status.group for status in steps[-1].statuses] if steps else []
    rows: list[tuple[str, ...]] = []
    for index, group in enumerate(groups):
        cells = (_anchors_cell(step.statuses[index]) for step in steps)
        rows.append((group, *cells))
    head = ("group", *(f"after step {step.number}" for step in steps))
    note = (
        "Anchors (signers that the phones accept without asking, and whose key "
        "the cluster has) + TVS members that the phones can ask"
    )
    return join(table(head, rows, "anchors"), tag("p", note, class_="note"))


def _anchors_cell(status: GroupStatus) -> Html:
    fewest = status.fewest
    if fewest is None:
        return tag("span", "no list", class_="note")
    level = "none" if fewest.is_locked_out else ""
    if len(fewest.signers) + len(fewest.tvs) == 1:
        level = "last"
    words = f"{len(fewest.signers)} + {len(fewest.tvs)} TVS"
    names = ", ".join((*fewest.signers, *(f"TVS of {node}" for node in fewest.tvs)))
    return tag("span", words, class_=f"count {level}", title=names or "nobody")


def _glossary() -> Html:
    return tag(
        "dl",
        *(join(tag("dt", word), tag("dd", says)) for word, says in GLOSSARY.items()),
    )
