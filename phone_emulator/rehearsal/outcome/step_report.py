"""The report of a step of a rehearsal, with what was expected and what was seen."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tokenless.phone_emulator.rehearsal.outcome.call_losses import CallLosses
from tokenless.phone_emulator.rehearsal.outcome.group_status import GroupStatus
from tokenless.phone_emulator.rehearsal.outcome.impact import Impact
from tokenless.phone_emulator.rehearsal.outcome.restarts import Restarts
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import NodeView
from tokenless.phone_emulator.rehearsal.rig.phones.calls import PlayedCall
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import refusals_of
from tokenless.phone_emulator.rehearsal.scripts.script import Step
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.protocol.trust.anchors import FileKind

Reader = Callable[[BootReport], str | bool | int | None]
"""Reads from a report the field that an expectation names."""


def action_on(kind: FileKind) -> Reader:
    """Return a reader of what a phone did with a file."""
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


READERS: Final[dict[str, Reader]] = {
    "outcome": lambda report: report.outcome.value,
    "ctl": action_on(FileKind.CTL),
    "itl": action_on(FileKind.ITL),
    "configuration": action_on(FileKind.CONFIGURATION),
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
    unforeseen: tuple[str, ...]
    """A sentence for each group that is stuck, or would be, and was not expected to."""
    differences: tuple[str, ...] = ()
    """Each expectation that was not met, as a sentence."""
    seconds: float = 0.0
    restarts: Restarts = field(default_factory=Restarts)
    """The number of restarts of phones, by hand and automatic."""
    calls: tuple[PlayedCall, ...] = ()
    """Calls between phones, and their results."""
    injected: tuple[str, ...] = ()
    """Lines that a person put in while the step was played, and where."""
    call_losses: CallLosses = field(default_factory=CallLosses)
    """Calls, of this step or before, that fail or are less secure than they were."""
    expired: tuple[str, ...] = ()
    """Certificates in use whose dates had passed: `CallManager of cucm-pub`."""

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
        for name, read in READERS.items()
    }
