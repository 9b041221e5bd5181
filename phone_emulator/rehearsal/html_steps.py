"""The steps of a report: commands, groups, reasons, checksums, both sides' logs."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tokenless.phone_emulator.rehearsal.causes import RULES, plain_cause
from tokenless.phone_emulator.rehearsal.expectations import Asked, StepReport, asked_of
from tokenless.phone_emulator.rehearsal.facts import NodeView
from tokenless.phone_emulator.rehearsal.html_text import (
    Html,
    code_words,
    join,
    table,
    tag,
)
from tokenless.phone_emulator.rehearsal.narrative import anchors_words, tvs_words
from tokenless.phone_emulator.rehearsal.standing import Refusal, Standing, phones_words
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.trust_anchors import FileKind


def step_sections(steps: Sequence[StepReport]) -> Iterator[Html]:
    """Tell every step, with the logs of the phones that booted in it."""
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
    expected = asked_of(step.step)
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
                "" if asked is None else _expected(asked),
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


def _expected(asked: Asked) -> Html:
    words = ", ".join(
        f"{name.replace('_', ' ')} {_yes_no(value)}"
        for name, value in asked.fields.items()
    )
    return join(words, tag("em", " (inferred)") if asked.inferred else "")


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
    alike: dict[str, list[tuple[Refusal, int]]] = {}
    for refusal, count in standing.refusals.items():
        alike.setdefault(plain_cause(refusal.code), []).append((refusal, count))
    yield tag(
        "div",
        tag("h4", f"Why {standing.group} refuses"),
        *(part for cause, each in alike.items() for part in _refusals(cause, each)),
        *(
            tag("p", code_words(f"This rests on an inferred rule: {rule.words}."))
            for rule in standing.inferred_rules
        ),
        tag("p", f"What would recover {standing.group}:"),
        tag(
            "ol", *(tag("li", code_words(remedy.text)) for remedy in standing.remedies)
        ),
        class_="trouble",
    )


def _refusals(cause: str, refusals: Sequence[tuple[Refusal, int]]) -> Iterator[Html]:
    """Give one cause in plain words, then the rule and the phone's reason for each."""
    yield tag("p", cause)
    yield tag(
        "ul",
        *(
            tag(
                "li",
                tag("strong", refusal.file.value),
                f", {phones_words(count)}. ",
                tag("code", refusal.reason),
                tag("span", f" Rule {refusal.rule}: {_rule(refusal)}", class_="rule"),
            )
            for refusal, count in refusals
        ),
    )


def _rule(refusal: Refusal) -> str:
    return RULES.get(refusal.rule or 0, "none")


def _checksums(step: StepReport) -> Html:
    rows: list[tuple[str, ...]] = [_node_row(node) for node in step.nodes]
    held: Counter[tuple[str, str]] = Counter()
    for name, reports in step.groups.items():
        for report in reports:
            file = report.files.get(FileKind.CTL)
            held[name, _shown(None if file is None else file.md5)] += 1
    rows.extend(
        (f"{phones_words(count)} of {name}", "", tag("code", value), "")
        for (name, value), count in held.items()
    )
    head = ("where", "CTL bytes", "MD5 of CTLFile.tlv", "MD5 of ITLFile.tlv")
    return _folded("Checksums", table(head, rows, "checksums"))


def _node_row(node: NodeView) -> tuple[str, ...]:
    where = node.name if node.is_up else f"{node.name} (down)"
    ctl, itl = (tag("code", _shown(md5)) for md5 in (node.md5, node.itl_md5))
    return where, str(node.ctl_length), ctl, itl


def _shown(md5: str | None) -> str:
    return md5 or "no file"


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
        shown = tag("span", line, class_="err") if _is_bad(line) else line
        yield join(shown, "\n")


def _is_bad(line: str) -> bool:
    """Read the level of a phone's line, or the status field of a service's."""
    fields = line.split()
    return fields[1:2] == ["ERR"] or "status=untrusted" in fields


def _details(title: str, text: str) -> Html:
    return _folded(title, tag("pre", text))


def _folded(title: str, content: Html) -> Html:
    return tag("details", tag("summary", title), content)
