"""The results of a step and of a run, as values that the studio keeps and shows."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from tokenless.phone_emulator.rehearsal.outcome.causes import plain_cause
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.phone_status import (
    AFTER_BOOT,
    PhoneStatus,
)
from tokenless.phone_emulator.rehearsal.outcome.step_report import StepReport
from tokenless.phone_emulator.rehearsal.play.run import Expectations, Played
from tokenless.phone_emulator.rehearsal.reports.text_report import (
    anchors_words,
    dial_tone_words,
    tvs_words,
)
from tokenless.phone_emulator.rehearsal.reports.verdict import Verdict as RunVerdict
from tokenless.phone_emulator.rehearsal.reports.verdict import (
    impact_verdict,
    run_verdicts,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.groups import PhoneGroups
from tokenless.phone_emulator.rehearsal.rig.phones.prospects import Waiting
from tokenless.phone_emulator.rehearsal.rig.rig import RehearsalRig
from tokenless.phone_emulator.screen import list_lines
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.phone_emulator.security_screen import security_lines
from tokenless.phone_emulator.studio.study import (
    Face,
    GroupResult,
    NodeResult,
    PhoneLog,
    StepResult,
    Verdict,
)
from tokenless.protocol.certificates.name_text import printable, printable_lines
from tokenless.protocol.phones.models import PHONE_MODELS

MOST_LOGS: Final = 24
"""Groups whose first phone's log is kept of a step: those in trouble first."""
_MOST_LINES: Final = 150
_LONGEST_LINE: Final = 600
_LONGEST_TEXT: Final = 60_000
_LONGEST: Final = 3900


def step_result(report: StepReport, rig: RehearsalRig) -> StepResult:
    """Return what came of a step."""
    verdict = impact_verdict(report.impact)
    if report.broke_off:
        harm = "" if report.impact.is_safe else f"; {verdict.short}"
        short, tone = f"BROKE OFF{harm}", "bad"
    else:
        short, tone = verdict.short, verdict.tone.value
    return StepResult(
        number=report.number,
        title=_cut(report.step.title),
        why=_cut(report.step.why),
        lines=report.step.run,
        transcript=printable_lines(report.transcript)[:_LONGEST_TEXT],
        refusal=None if report.refusal is None else _cut(report.refusal),
        left_out=report.left_out,
        injected=tuple(map(_cut, report.injected)),
        verdict=short[:400],
        impact=_cut(str(report.impact)),
        tone=_tone(tone),
        groups=tuple(map(_group, report.statuses)),
        nodes=tuple(map(_node, report.nodes)),
        calls=tuple(_cut(str(each)) for each in report.calls),
        logs=tuple(_logs(report, rig)),
        seconds=round(report.seconds, 2),
    )


def live_states(groups: PhoneGroups) -> dict[str, int]:
    """Count phones by the state after their last boot, while others boot."""
    found: dict[PhoneStatus, int] = {}
    for name, phones in groups.groups.items():
        reports = groups.boots.reports_of(name)
        if groups.is_off(name):
            states = {PhoneStatus.OFF: len(phones)}
        else:
            states = Counter(AFTER_BOOT[each.outcome] for each in reports.values())
            states[PhoneStatus.NEW] = len(phones) - len(reports)
        for state, count in states.items():
            found[state] = found.get(state, 0) + count
    return {state.value: found[state] for state in PhoneStatus if found.get(state)}


def verdicts_of(played: Played) -> tuple[Verdict, ...]:
    """Return the verdicts of a run, what matters most first.

    What a plan predicts is told when it did not come true; with faults that a person
    put in, nothing was predicted; that lines were not carried out is told anyway.
    """
    verdicts = run_verdicts(played)
    has_faults = any(step.injected for step in played.steps)
    broke_off = any(step.broke_off for step in played.steps)
    if has_faults or broke_off or played.expectations is not Expectations.FAILED:
        verdicts = verdicts[:-1]
    return tuple(map(_verdict, verdicts))


def _verdict(found: RunVerdict) -> Verdict:
    return Verdict(_cut(found.short), _tone(found.tone.value), _cut(found.rest))


def _tone(value: str) -> Literal["good", "plain", "later", "bad"]:
    match value:
        case "good" | "plain" | "later" | "bad":
            return value
        case _:
            return "plain"


def _group(status: GroupStatus) -> GroupResult:
    refusals = [*status.refusals, *status.prospects]
    causes = [plain_cause(each.code) for each in refusals]
    causes += [str(each) for each in status.registrations.failures]
    reasons = [f"{each.file.value}: {each.reason}" for each in refusals]
    return GroupResult(
        name=status.group,
        model=status.model,
        states={state.value: count for state, count in status.states.items()},
        anchors=_cut(anchors_words(status)),
        tvs=_cut(tvs_words(status)),
        dial_tone=_cut(dial_tone_words(status)),
        is_safe=status.impact.is_safe,
        causes=_once(causes),
        reasons=_once(reasons),
        remedies=_once([remedy.text for remedy in status.remedies]),
    )


def _node(node: NodeView) -> NodeResult:
    return NodeResult(
        node.name, node.is_up, node.ctl_length, node.md5 or "", node.itl_md5 or ""
    )


def _logs(report: StepReport, rig: RehearsalRig) -> Iterator[PhoneLog]:
    """Yield the first phone of each group, those in trouble first."""
    ordered = sorted(report.statuses, key=lambda each: each.impact.is_safe)
    for status in ordered[:MOST_LOGS]:
        sample = status.sample
        if sample is None:
            continue
        reports = rig.phone_groups.boots.reports_of(status.group)
        last = reports.get(sample.device)
        face = _face(rig.phone_groups.first(status.group), status, last)
        calls = [each for each in report.calls if status.group == each.caller]
        if calls:
            face = _with_call(face, str(calls[-1]))
        yield PhoneLog(
            status.group, face, _joined(sample.phone), _joined(sample.services)
        )


def _face(phone: Waiting, status: GroupStatus, last: BootReport | None) -> Face:
    model = PHONE_MODELS[phone.identity.model_name]
    held = {"CTLFile.tlv": phone.contents.ctl, "ITLFile.tlv": phone.contents.itl}
    report = {} if last is None else last.to_json()
    registered = status.registrations
    node = max(registered.nodes, key=lambda n: registered.nodes[n], default="")
    security = security_lines(
        phone.certificates, phone.contents.configuration, report, time.time()
    )
    return Face(
        device=phone.identity.device,
        model=model.name,
        load=model.load,
        node=node,
        mark="lock" if node and registered.secure else "",
        lists={
            name.removesuffix("File.tlv"): tuple(list_lines(model, held[name]))
            for name in model.trust_lists
        },
        security=tuple(map(_cut, security)),
        messages=tuple(map(_cut, report.get("status_messages", ())))[-30:],
    )


def _with_call(face: Face, said: str) -> Face:
    return Face(
        face.device,
        face.model,
        face.load,
        face.node,
        face.mark,
        face.lists,
        face.security,
        face.messages,
        said[:400],
    )


def _joined(lines: Sequence[str]) -> str:
    shown = [printable(line)[:_LONGEST_LINE] for line in lines[:_MOST_LINES]]
    more = len(lines) - _MOST_LINES
    return "\n".join([*shown, *([f"… {more} more lines"] if more > 0 else [])])


def _once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_cut, texts)))[:20]


def _cut(text: str) -> str:
    plain = printable_lines(text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
