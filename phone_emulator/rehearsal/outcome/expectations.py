"""Comparison of a step's expectations with its results."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tokenless.phone_emulator.rehearsal.outcome.call_losses import CallLosses
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.restarts import Restarts
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import refusals_of
from tokenless.phone_emulator.rehearsal.scripts.actions import CallOutcome
from tokenless.phone_emulator.rehearsal.scripts.remedy import is_named
from tokenless.phone_emulator.rehearsal.scripts.script import Expectation, Step
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.trust.anchors import FileKind

Reader = Callable[[BootReport], str | bool | int | None]
"""Reads from a report the field that an expectation names."""


def _action(kind: FileKind) -> Reader:
    return lambda report: (
        report.files[kind].action.value if kind in report.files else None
    )


def _verified_by(kind: FileKind) -> Reader:
    def read(report: BootReport) -> str | None:
        file = report.files.get(kind)
        if file is None or file.verified_by is None:
            return None
        return file.verified_by.value

    return read


_ENCRYPTED: Final = "encrypted"


def _encrypted(report: BootReport) -> str | bool | int | None:
    """Read how the configuration came; the action on one that was not encrypted."""
    return _ENCRYPTED if report.opened else _action(FileKind.CONFIGURATION)(report)


_READERS: Final[dict[str, Reader]] = {
    "outcome": lambda report: report.outcome.value,
    "ctl": _action(FileKind.CTL),
    "itl": _action(FileKind.ITL),
    "configuration": _action(FileKind.CONFIGURATION),
    "lsc": lambda report: report.lsc.value,
    "capf": lambda report: "none" if report.capf is None else report.capf["result"],
    "verified_by": _verified_by(FileKind.CTL),
    "itl_verified_by": _verified_by(FileKind.ITL),
    "stuck": lambda report: not report.holds_what_is_served,
    "rule": lambda report: next((each.rule for each in refusals_of(report)), None),
}
"""Fields of an expectation that a phone's last boot decides."""


_ABOUT: Final = frozenset({"group", "inferred", "only"})


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step, played."""

    number: int
    step: Step
    transcript: str = field(repr=False)
    """Output of the commands."""
    refusal: str | None
    """The reason why the last command was refused; None when all were carried out."""
    left_out: tuple[str, ...]
    """Lines after a refused one, which were not carried out."""
    nodes: tuple[NodeView, ...]
    groups: Mapping[str, Sequence[BootReport]]
    """The last boot report of each phone that ever booted."""
    statuses: tuple[GroupStatus, ...]
    """The state of each group: phones, anchors, reasons, remedies."""
    stuck: tuple[str, ...]
    """Devices that hold other lists than their server serves."""
    differences: tuple[str, ...]
    """Each expectation that was not met, as a sentence."""
    unforeseen: tuple[str, ...]
    """A sentence for each group that is stuck, or would be, and was not expected to."""
    seconds: float
    restarts: Restarts = field(default_factory=Restarts)
    """The number of restarts of phones, by hand and automatic."""
    calls: tuple[PlayedCall, ...] = ()
    """Calls between phones, and their results."""
    injected: tuple[str, ...] = ()
    """Lines that a person put in while the step was played, and where."""
    call_losses: CallLosses = field(default_factory=CallLosses)
    """Calls, of this step or before, that fail or are less secure than they were."""

    @property
    def impact(self) -> Impact:
        """Return the impact on the phones and their calls, expected or not."""
        return replace(
            Impact.total(status.impact for status in self.statuses),
            failed_calls=len(self.call_losses.failed),
            weaker_calls=len(self.call_losses.weaker),
        )

    @property
    def ok(self) -> bool:
        """Return whether every expectation was met and no other phone is stuck."""
        return not self.differences and not self.unforeseen

    @property
    def expects_something(self) -> bool:
        """Return whether the script says how the step is to end."""
        step = self.step
        plain = (step.ctl_length, step.prints, step.refused or None, step.call)
        return bool(step.expect) or any(each is not None for each in plain)

    @property
    def broke_off(self) -> bool:
        """Return whether a line was refused that should have been carried out."""
        return self.refusal is not None and not self.step.refused

    def to_json(self) -> dict[str, Any]:
        """Return the object that `rehearse run --json` prints for a step."""
        return {
            "step": self.number,
            "title": self.step.title,
            "impact": self.impact.to_json(),
            "expected": _expected(self.step) if self.expects_something else None,
            "observed": self._observed(),
            "ok": self.ok,
            "differences": list(self.differences),
            "unforeseen": list(self.unforeseen),
            "broke_off": self.broke_off,
            "left_out": list(self.left_out),
            "injected": list(self.injected),
            "stuck": list(self.stuck),
            "restarts": self.restarts.to_json(),
            "seconds": round(self.seconds, 3),
        }

    def _observed(self) -> dict[str, Any]:
        return {
            "refusal": self.refusal,
            "calls": [each.to_json() for each in self.calls],
            "failed_calls": list(self.call_losses.failed),
            "weaker_calls": list(self.call_losses.weaker),
            "nodes": {
                node.name: {
                    "ctl_length": node.ctl_length,
                    "md5": node.md5,
                    "sha1": node.sha1,
                    "up": node.is_up,
                }
                for node in self.nodes
            },
            "groups": {
                each.group: {
                    **observed(self.groups.get(each.group, ())),
                    **each.to_json(),
                }
                for each in self.statuses
            },
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a step expects of one group."""

    fields: Mapping[str, Any]
    inferred: bool
    """True if a part of it is inferred rather than documented."""


def asked_of(step: Step) -> dict[str, Asked]:
    """Return what a step expects, by group; several expectations of one are merged."""
    asked: dict[str, Asked] = {}
    for each in step.expect:
        known = asked.get(each.group, Asked({}, inferred=False))
        fields = {
            name: value
            for name in each.__struct_fields__
            if name not in _ABOUT and (value := getattr(each, name)) is not None
        }
        asked[each.group] = Asked(
            {**known.fields, **fields}, known.inferred or each.inferred
        )
    return asked


def _expected(step: Step) -> dict[str, Any]:
    asked = asked_of(step)
    return {
        "refused": step.refused,
        "ctl_length": step.ctl_length,
        "call": None if step.call is None else step.call.value,
        "groups": {name: dict(each.fields) for name, each in asked.items()},
        "inferred": [name for name, each in asked.items() if each.inferred],
    }


def observed(reports: Sequence[BootReport]) -> dict[str, dict[str, int]]:
    """Count the values of every field that can be expected of a group."""
    return {
        name: dict(Counter(str(read(report)) for report in reports))
        for name, read in _READERS.items()
    }


def differences(
    step: Step,
    *,
    refusal: str | None,
    transcript: str,
    nodes: Sequence[NodeView],
    groups: Mapping[str, Sequence[BootReport]],
    statuses: Sequence[GroupStatus],
    calls: Sequence[PlayedCall] = (),
    at_risk: Mapping[str, int] | None = None,
) -> list[str]:
    """Return a sentence for each expectation that was not met."""
    by_name = {each.group: each for each in statuses}
    return [
        *_refusal_differences(step, refusal),
        *_transcript_differences(step, transcript),
        *_node_differences(step, nodes),
        *_call_differences(step, calls),
        *(
            sentence
            for expectation in step.expect
            for sentence in (
                *_group_differences(expectation, groups.get(expectation.group, ())),
                *_status_differences(expectation, by_name[expectation.group]),
                *_risk_differences(expectation, at_risk or {}),
            )
        ),
    ]


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
    if not any(getattr(expectation, name) is not None for name in _READERS):
        return []
    if not reports:
        return [f"no phone of the group {expectation.group} has booted"]
    differences: list[str] = []
    for name, read in _READERS.items():
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
