"""The steps of a report: commands, groups, reasons, checksums, both sides' logs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tokenless.ground.counting import counted
from tokenless.phone_emulator.rehearsal.outcome.causes import RULES
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.step_report import (
    Asked,
    StepReport,
    asked_of,
)
from tokenless.phone_emulator.rehearsal.reports.html_text import (
    Html,
    code_words,
    join,
    table,
    tag,
)
from tokenless.phone_emulator.rehearsal.reports.text_report import (
    anchors_words,
    by_cause,
    dial_tone_words,
    itl_file_words,
    registration_fix,
    tvs_words,
)
from tokenless.phone_emulator.rehearsal.reports.verdict import Verdict, step_verdicts
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.trust.anchors import FileKind


def step_sections(steps: Sequence[StepReport]) -> Iterator[Html]:
    """Tell every step, with the logs of the phones that booted in it."""
    yield tag("h2", "Step by step")
    samples: dict[str, object] = {}
    for step in steps:
        fresh = [
            each
            for each in step.statuses
            if each.sample is not None and samples.get(each.group) is not each.sample
        ]
        samples.update({each.group: each.sample for each in fresh})
        yield _step(step, fresh)


def _step(step: StepReport, booted: Sequence[GroupStatus]) -> Html:
    marks = [
        part
        for verdict in step_verdicts(step)
        for part in (verdict_badge(verdict), Html(" "))
    ]
    refused = [f"Refused: {step.refusal}"] if step.refusal else []
    refused += [f"Not carried out: {line}" for line in step.left_out]
    return tag(
        "section",
        tag("h3", f"{step.number}. {step.step.title} ", *marks),
        tag("p", step.step.why, class_="why"),
        tag("pre", "\n".join(step.step.run), class_="commands"),
        *(
            tag("p", f"Put in by hand {each}", class_="refused")
            for each in step.injected
        ),
        *(tag("p", each, class_="refused") for each in refused),
        *(
            tag("p", f"FAILED: {each}", class_="bad")
            for each in (*step.differences, *step.unforeseen)
        ),
        _groups_table(step),
        *(tag("p", str(each), class_="call") for each in step.calls),
        *(part for each in step.statuses for part in _trouble(each)),
        _checksums(step),
        _details("Output of the commands", step.transcript),
        *(_logs(each) for each in booted),
        class_="step",
    )


def verdict_badge(verdict: Verdict) -> Html:
    """Return a verdict as a coloured label."""
    return tag("span", verdict.short, class_=f"badge {verdict.tone}")


def _groups_table(step: StepReport) -> Html:
    expected = asked_of(step.step)
    shows_itl = any(status.itl_file for status in step.statuses)
    head = (
        "group", "phones", "CTL", "ITL", "configuration",
        "anchors left", "TVS it can ask", "dial tone",
        *(("ITL File Status",) if shows_itl else ()), "expected",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for status in step.statuses:
        reports = step.groups.get(status.group, ())
        asked = expected.get(status.group)
        rows.append(
            (
                f"{status.group} ({status.model})",
                _states(status),
                *(_fates(reports, kind) for kind in FileKind),
                anchors_words(status),
                tvs_words(status),
                dial_tone_words(status),
                *((itl_file_words(status),) if shows_itl else ()),
                "" if asked is None else _expected(asked),
            )
        )
    return table(head, rows, "groups")


def _states(status: GroupStatus) -> Html:
    return join(
        *(
            tag("span", f"{count} {state}", class_=f"state {state.replace(' ', '-')}")
            for state, count in status.states.items()
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


def _trouble(status: GroupStatus) -> Iterator[Html]:
    failures = status.registrations.failures.items()
    if failures:
        yield tag(
            "div",
            tag("h4", f"Why {status.group} could not register"),
            tag(
                "ul",
                *(
                    tag(
                        "li",
                        f"{counted(count, 'phone')}, {failure}. Fix: ",
                        code_words(registration_fix(status, failure)),
                    )
                    for failure, count in failures
                ),
            ),
            class_="trouble",
        )
    if not status.refusals and not status.prospects:
        return
    remedies = (tag("li", code_words(remedy.text)) for remedy in status.remedies)
    yield tag(
        "div",
        *_why(f"Why {status.group} refuses", status.refusals),
        *_why(f"Why {status.group} would refuse, started now", status.prospects),
        *(
            tag("p", code_words(f"This is based on an inferred rule: {rule.words}."))
            for rule in status.inferred_rules
        ),
        tag("p", f"What would recover {status.group}:"),
        tag("ol", *remedies),
        class_="trouble",
    )


def _why(title: str, refusals: Mapping[Refusal, int]) -> Iterator[Html]:
    if refusals:
        yield tag("h4", title)
    for cause, alike in by_cause(refusals):
        yield from _refusals(cause, [(each, refusals[each]) for each in alike])


def _refusals(cause: str, refusals: Sequence[tuple[Refusal, int]]) -> Iterator[Html]:
    """Give one cause in plain words, then the rule and the phone's reason for each."""
    yield tag("p", cause)
    yield tag(
        "ul",
        *(
            tag(
                "li",
                tag("strong", refusal.file.value),
                f"{_where(refusal)}, {counted(count, 'phone')}. ",
                tag("code", refusal.reason),
                tag("span", f" Rule {refusal.rule}: {_rule(refusal)}", class_="rule"),
            )
            for refusal, count in refusals
        ),
    )


def _where(refusal: Refusal) -> str:
    return "" if refusal.node is None else f" at {refusal.node}"


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
        (f"{counted(count, 'phone')} of {name}", "", tag("code", value), "")
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


def _logs(status: GroupStatus) -> Html:
    sample = status.sample
    if sample is None:
        return Html()
    sides = tag(
        "div",
        _side(f"{sample.device}, its console log", sample.phone),
        _side("the cluster's services at the same time", sample.services),
        class_="sides",
    )
    return _folded(f"Logs of one phone of {status.group} and of the cluster", sides)


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
