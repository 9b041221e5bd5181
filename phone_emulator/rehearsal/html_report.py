"""The report of a rehearsal: one self-contained page, for the screen and for print."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import md5
from pathlib import Path

from phone_emulator.errors import PhoneError
from phone_emulator.rehearsal.causes import GLOSSARY, RULES, plain_cause
from phone_emulator.rehearsal.expectations import StepReport, expected_fields
from phone_emulator.rehearsal.facts import NodeView
from phone_emulator.rehearsal.html_style import STYLE
from phone_emulator.rehearsal.html_text import Html, join, table, tag
from phone_emulator.rehearsal.narrative import anchors_words, tvs_words
from phone_emulator.rehearsal.run import Played
from phone_emulator.rehearsal.standing import PhoneState, Refusal, Standing
from phone_emulator.rehearsal.timeline import timeline
from phone_emulator.secd.report import BootReport
from protocol.trust_anchors import FileKind


def write_report(played: Played, path: Path) -> None:
    """Write the page of a rehearsal.

    Raises:
        PhoneError: When it cannot be written.
    """
    try:
        path.write_text(render_report(played), encoding="utf-8")
    except OSError as error:
        raise PhoneError(
            f"{path}: {error.strerror}", hint="name a file in a folder that exists"
        ) from error


def render_report(played: Played) -> str:
    """Return the page of a rehearsal as HTML."""
    script = played.script
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Rehearsal: {script.name}"),
        tag("style", Html(STYLE)),
    )
    body = tag(
        "body",
        *_opening(played),
        *_in_short(played),
        tag("h2", "Phones by state"),
        timeline(played.steps),
        tag("h2", "Trust anchors left"),
        _anchors_table(played.steps),
        *_steps(played.steps),
        tag("h2", "Words"),
        _glossary(),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _opening(played: Played) -> Iterator[Html]:
    script = played.script
    words = "every step as expected" if played.ok else "not as expected"
    badge = tag("span", words, class_="badge good" if played.ok else "badge bad")
    yield tag("h1", f"Rehearsal: {script.name} ", badge)
    yield tag("p", script.lesson, class_="lesson")
    inferred = " The outcome is inferred from the phone's rules." * script.inferred
    stuck = f"{len(played.stuck)} phones stuck at the end"
    yield tag(
        "p",
        f"Source: {script.source or 'none given'}.{inferred} "
        f"{_phones(played.steps)} phones, {len(played.steps)} steps, "
        f"{played.seconds:.1f} s, {stuck}.",
        class_="about",
    )
    if played.first_difference is not None:
        yield tag(
            "p", f"Otherwise than expected: {played.first_difference}", class_="bad"
        )


def _phones(steps: Sequence[StepReport]) -> int:
    return sum(standing.phones for standing in steps[-1].standings) if steps else 0


def _in_short(played: Played) -> Iterator[Html]:
    """Tell the whole of it in a box: the first step that locks phones out, and why."""
    guilty = next((step for step in played.steps if _stuck(step)), None)
    if guilty is None:
        text = "No step locks a phone out."
        yield tag("section", tag("p", text), class_="short good-box")
        return
    stuck, phones = _stuck(guilty), _phones(played.steps)
    yield tag(
        "section",
        tag("h2", "In short"),
        tag(
            "p",
            tag("strong", f"Step {guilty.number}, “{guilty.step.title}”,"),
            f" leaves {stuck} of {phones} phones stuck.",
        ),
        *(tag("p", each) for each in _causes(guilty.standings)),
        *_ways_out(guilty.standings),
        _ending(played),
        class_="short",
    )


def _stuck(step: StepReport) -> int:
    return sum(each.states.get(PhoneState.STUCK, 0) for each in step.standings)


def _causes(standings: Sequence[Standing]) -> Iterator[Html]:
    groups: dict[str, list[str]] = {}
    for standing in standings:
        if standing.refusals:
            cause = plain_cause(next(iter(standing.refusals)))
            groups.setdefault(cause, []).append(standing.group)
    for cause, names in groups.items():
        yield join(tag("strong", f"Why ({', '.join(names)}): "), cause)


def _ways_out(standings: Sequence[Standing]) -> Iterator[Html]:
    found = {remedy: None for standing in standings for remedy in standing.remedies}
    if found:
        yield tag("p", tag("strong", "What recovers phones:"))
        yield tag("ul", *(tag("li", _code(remedy)) for remedy in found))


def _ending(played: Played) -> Html:
    left = len(played.stuck)
    if not left:
        return tag("p", "At the end of this rehearsal no phone is stuck.")
    return tag("p", f"At the end of this rehearsal {left} phones are still stuck.")


def _code(text: str) -> Html:
    """Return text with what stands between backticks set as code."""
    parts = text.split("`")
    return join(
        *(tag("code", part) if index % 2 else part for index, part in enumerate(parts))
    )


def _anchors_table(steps: Sequence[StepReport]) -> Html:
    """Show, for each group and step, the anchors of the phone that has the fewest."""
    groups = [standing.group for standing in steps[-1].standings] if steps else []
    rows: list[tuple[str, ...]] = []
    for index, group in enumerate(groups):
        cells = (_anchors_cell(step.standings[index]) for step in steps)
        rows.append((group, *cells))
    head = ("group", *(f"after step {step.number}" for step in steps))
    note = "Signers that the phones hold and the cluster has + TVS servers they can ask"
    return join(table(head, rows, "anchors"), tag("p", note, class_="note"))


def _anchors_cell(standing: Standing) -> Html:
    fewest = standing.fewest
    if fewest is None:
        return tag("span", "no list", class_="note")
    level = "none" if fewest.is_locked_out else ""
    if len(fewest.signers) + len(fewest.tvs) == 1:
        level = "last"
    words = f"{len(fewest.signers)} + {len(fewest.tvs)} TVS"
    names = ", ".join((*fewest.signers, *(f"TVS of {node}" for node in fewest.tvs)))
    return tag("span", words, class_=f"count {level}", title=names or "nobody")


def _steps(steps: Sequence[StepReport]) -> Iterator[Html]:
    yield tag("h2", "Step by step")
    samples: dict[str, object] = {}
    for step in steps:
        fresh = [
            each
            for each in step.standings
            if each.sample is not None and samples.get(each.group) is not each.sample
        ]
        samples.update({each.group: each.sample for each in fresh})
        yield _step(step, fresh)


def _step(step: StepReport, booted: Sequence[Standing]) -> Html:
    mark = tag("span", "as expected", class_="badge good")
    if not step.ok:
        mark = tag("span", "otherwise than expected", class_="badge bad")
    refusal = (
        [tag("p", f"Refused: {step.refusal}", class_="refused")] if step.refusal else []
    )
    return tag(
        "section",
        tag("h3", f"{step.number}. {step.step.title} ", mark),
        tag("p", step.step.why, class_="why"),
        tag("pre", "\n".join(step.step.run), class_="commands"),
        *refusal,
        *(tag("p", each, class_="bad") for each in step.differences),
        _groups_table(step),
        *(part for each in step.standings for part in _trouble(each)),
        _checksums(step),
        _details("What the commands printed", step.transcript),
        *(_logs(each) for each in booted),
        class_="step",
    )


def _groups_table(step: StepReport) -> Html:
    expected = {each.group: each for each in step.step.expect}
    head = (
        "group", "phones", "CTL", "ITL", "configuration",
        "anchors left", "TVS it can ask", "expected",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for standing in step.standings:
        reports = step.groups.get(standing.group, ())
        asked = expected.get(standing.group)
        rows.append(
            (
                f"{standing.group} ({standing.model})",
                _states(standing),
                *(_fates(reports, kind) for kind in FileKind),
                anchors_words(standing),
                tvs_words(standing),
                ""
                if asked is None
                else _expected(expected_fields(asked), asked.inferred),
            )
        )
    return table(head, rows, "groups")


def _states(standing: Standing) -> Html:
    return join(
        *(
            tag("span", f"{count} {state}", class_=f"state {state}")
            for state, count in standing.states.items()
        )
    )


def _fates(reports: Sequence[BootReport], kind: FileKind) -> str:
    counts: Counter[str] = Counter()
    for report in reports:
        file = report.files.get(kind)
        if file is not None:
            by = f", verified by {file.verified_by}" if file.verified_by else ""
            counts[f"{file.action}{by}"] += 1
    return "; ".join(
        words if len(counts) == 1 else f"{count} {words}"
        for words, count in counts.items()
    )


def _expected(fields: dict[str, object], inferred: bool) -> Html:
    words = ", ".join(
        f"{name.replace('_', ' ')} {_yes_no(value)}" for name, value in fields.items()
    )
    return join(words, tag("em", " (inferred)") if inferred else "")


def _yes_no(value: object) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case _:
            return str(value)


def _trouble(standing: Standing) -> Iterator[Html]:
    if not standing.refusals:
        return
    yield tag(
        "div",
        tag("h4", f"Why {standing.group} refuses"),
        *(_refusal(each, count) for each, count in standing.refusals.items()),
        tag("p", "What would recover these phones:"),
        tag("ol", *(tag("li", _code(remedy)) for remedy in standing.remedies)),
        class_="trouble",
    )


def _refusal(refusal: Refusal, count: int) -> Html:
    rule = RULES.get(refusal.rule or 0, "")
    return tag(
        "p",
        tag("strong", f"{refusal.file}"),
        f" ({count} phones). {plain_cause(refusal)} ",
        tag("span", f"Rule {refusal.rule}: {rule} ", class_="rule"),
        tag("code", refusal.reason),
    )


def _checksums(step: StepReport) -> Html:
    rows: list[tuple[str, ...]] = [_node_row(node) for node in step.nodes]
    held: Counter[tuple[str, str]] = Counter()
    for name, reports in step.groups.items():
        for report in reports:
            file = report.files.get(FileKind.CTL)
            held[name, _md5(None if file is None else file.held)] += 1
    rows.extend(
        (f"{count} phones of {name}", "", tag("code", value), "")
        for (name, value), count in held.items()
    )
    head = ("where", "CTL bytes", "MD5 of CTLFile.tlv", "MD5 of ITLFile.tlv")
    return _folded("Checksums", table(head, rows, "checksums"))


def _node_row(node: NodeView) -> tuple[str, ...]:
    where = node.name if node.is_up else f"{node.name} (down)"
    ctl, itl = node.md5 or "no file", _md5(node.itl)
    return where, str(node.ctl_length), tag("code", ctl), tag("code", itl)


def _md5(data: bytes | None) -> str:
    return "no file" if data is None else md5(data, usedforsecurity=False).hexdigest()


def _logs(standing: Standing) -> Html:
    sample = standing.sample
    if sample is None:
        return Html()
    sides = tag(
        "div",
        _side(f"{sample.device}, its console log", sample.phone),
        _side("the cluster's services meanwhile", sample.services),
        class_="sides",
    )
    return _folded(f"Both sides' log of one phone of {standing.group}", sides)


def _side(title: str, lines: Sequence[str]) -> Html:
    return tag("div", tag("h5", title), tag("pre", *_log_lines(lines)))


def _log_lines(lines: Sequence[str]) -> Iterator[Html]:
    for line in lines:
        bad = " ERR " in line or "status=untrusted" in line
        yield join(tag("span", line, class_="err") if bad else line, "\n")


def _details(title: str, text: str) -> Html:
    return _folded(title, tag("pre", text))


def _folded(title: str, content: Html) -> Html:
    return tag("details", tag("summary", title), content)


def _glossary() -> Html:
    return tag(
        "dl",
        *(join(tag("dt", word), tag("dd", says)) for word, says in GLOSSARY.items()),
    )
