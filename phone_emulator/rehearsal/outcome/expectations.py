"""Comparison of a step's expectations with its results."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.step_report import (
    READERS,
    StepReport,
    action_on,
)
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome
from tokenless.phone_emulator.rehearsal.scripts.remedy import is_named
from tokenless.phone_emulator.rehearsal.scripts.script import Expectation, Step
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.trust.anchors import FileKind

_ENCRYPTED: Final = "encrypted"


def _encrypted(report: BootReport) -> str | bool | int | None:
    """Read how the configuration came; the action on one that was not encrypted."""
    return _ENCRYPTED if report.opened else action_on(FileKind.CONFIGURATION)(report)


def differences(report: StepReport) -> tuple[str, ...]:
    """Return a sentence for each expectation of a step that was not met."""
    step, at_risk = report.step, report.restarts.at_risk
    by_name = {each.group: each for each in report.statuses}
    return (
        *_refusal_differences(step, report.refusal),
        *_transcript_differences(step, report.transcript),
        *_node_differences(step, report.nodes),
        *_call_differences(step, report.calls),
        *(
            sentence
            for expectation in step.expect
            for sentence in (
                *_group_differences(
                    expectation, report.groups.get(expectation.group, ())
                ),
                *_status_differences(expectation, by_name[expectation.group]),
                *_risk_differences(expectation, at_risk),
            )
        ),
    )


def _refusal_differences(step: Step, refusal: str | None) -> list[str]:
    if step.refused and refusal is None:
        return ["the last command was carried out, but should have been refused"]
    if not step.refused and refusal is not None:
        return [f"refused: {refusal}"]
    return []


def _transcript_differences(step: Step, transcript: str) -> list[str]:
    if step.prints is None or step.prints in transcript:
        return []
    return [f"no output contains: {step.prints}"]


def _node_differences(step: Step, nodes: Sequence[NodeView]) -> list[str]:
    wanted = step.ctl_length
    if wanted is None:
        return []
    # A length is expected of the first cluster's nodes.
    running = [
        node for node in nodes if node.is_up and node.cluster == nodes[0].cluster
    ]
    differences = [
        f"{node.name} has a CTL file of {node.ctl_length} bytes, not {wanted}"
        for node in running
        if node.ctl_length != wanted
    ]
    if len({node.md5 for node in running}) > 1:
        differences.append("the nodes hold different CTL files")
    return differences


def _call_differences(step: Step, calls: Sequence[PlayedCall]) -> list[str]:
    """Compare calls with the expected result; default: there is a call."""
    if step.call is None:
        return [str(each) for each in calls if each.outcome is CallOutcome.NONE]
    if not calls:
        return [f"the step has no call, and {step.call} is expected of one"]
    return [
        f"{each}; expected: {step.call}" for each in calls if each.outcome != step.call
    ]


def _risk_differences(
    expectation: Expectation, at_risk: Mapping[str, int]
) -> Iterator[str]:
    wanted, count = expectation.at_risk, at_risk.get(expectation.group, 0)
    if wanted is not None and wanted != bool(count):
        yield (
            f"{count} phones of {expectation.group} would refuse a file at some moment "
            f"of a race: at_risk is {_as_written(not wanted)}, not "
            f"{_as_written(wanted)}"
        )


def _group_differences(
    expectation: Expectation, reports: Sequence[BootReport]
) -> list[str]:
    if not any(getattr(expectation, name) is not None for name in READERS):
        return []
    if not reports:
        return [f"no phone of the group {expectation.group} has booted"]
    differences: list[str] = []
    for name, read in READERS.items():
        wanted = getattr(expectation, name)
        if wanted is None:
            continue
        is_about_encryption = (name, wanted) == ("configuration", _ENCRYPTED)
        reader = _encrypted if is_about_encryption else read
        others = Counter(reader(report) for report in reports)
        others.pop(wanted, None)
        differences.extend(
            f"{count} of {len(reports)} phones of {expectation.group}: "
            f"{name} is {_as_written(value)}, not {_as_written(wanted)}"
            for value, count in others.items()
        )
    return differences


def _as_written(value: object) -> str:
    """Return a value as a script has it: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _registration_differences(
    expectation: Expectation, status: GroupStatus
) -> Iterator[str]:
    registered = status.registrations
    causes = "; ".join(map(str, registered.failures)) or "no registration failed"
    for name, wanted, fitting in (
        ("registered", expectation.registered, registered.phones - registered.without),
        ("secure", expectation.secure, registered.secure),
    ):
        others = registered.phones - fitting if wanted else fitting
        if wanted is not None and (others or not registered.phones):
            yield (
                f"{others} of {registered.phones} phones of {status.group} "
                f"that are on: {name} is {_as_written(not wanted)}, "
                f"not {_as_written(wanted)}: {causes}"
            )
    codes = {each.failure for each in registered.failures}
    if expectation.registration is not None and expectation.registration not in codes:
        yield (
            f"{status.group}: {expectation.registration} is not why a node did not "
            f"accept the phones: {causes}"
        )
    if expectation.at is not None and set(registered.nodes) != {expectation.at}:
        nodes = ", ".join(registered.nodes) or "none"
        yield (
            f"phones of {status.group} are registered at {nodes}, not "
            f"{expectation.at}: {causes}"
        )


def _status_differences(expectation: Expectation, status: GroupStatus) -> list[str]:
    group = expectation.group
    refusals = [*status.refusals, *status.prospects]
    reasons = " / ".join(map(str, refusals)) or "no file was refused"
    remedies = "; ".join(remedy.text for remedy in status.remedies) or "nothing"
    codes = {refusal.code for refusal in refusals}
    sentences = []
    if expectation.reason is not None and expectation.reason not in codes:
        sentences.append(f"{group}: {expectation.reason} is not a reason: {reasons}")
    if (named := expectation.remedy) and not is_named(named, status.remedies):
        sentences.append(f"{group}: {named} is not a remedy: {remedies}")
    if (named := expectation.no_remedy) and is_named(named, status.remedies):
        sentences.append(f"{group}: {named} is named as a remedy: {remedies}")
    if (later := expectation.would_be_stuck) is not None:
        others = status.impact.of - status.impact.would_be_stuck
        wrong = others if later else status.impact.would_be_stuck
        if wrong:
            sentences.append(
                f"{wrong} of {status.impact.of} phones of {group}: would_be_stuck is "
                f"{_as_written(not later)}, not {_as_written(later)}"
            )
    sentences.extend(_registration_differences(expectation, status))
    for anchors, count in status.anchors.items():
        for name, wanted, names in (
            ("anchors", expectation.anchors, anchors.signers),
            ("TVS servers", expectation.tvs, anchors.tvs),
        ):
            if wanted is not None and len(names) != wanted:
                listed = ", ".join(names) or "none"
                sentences.append(
                    f"{count} phones of {group} have {len(names)} {name} "
                    f"({listed}), not {wanted}"
                )
    return sentences
