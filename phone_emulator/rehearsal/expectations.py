"""Compares what a step was to show with what it showed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from phone_emulator.rehearsal.script import Expectation, Step
from phone_emulator.secd.report import BootReport
from protocol.trust_anchors import FileKind

Reader = Callable[[BootReport], str | bool | None]
"""Reads from a report the field that an expectation names."""


def _action(kind: FileKind) -> Reader:
    return lambda report: (
        report.files[kind].action.value if kind in report.files else None
    )


def _verified_by(kind: FileKind) -> Reader:
    def read(report: BootReport) -> str | None:
        found = report.files.get(kind)
        if found is None or found.verified_by is None:
            return None
        return found.verified_by.value

    return read


_READERS: Final[dict[str, Reader]] = {
    "outcome": lambda report: report.outcome.value,
    "ctl": _action(FileKind.CTL),
    "itl": _action(FileKind.ITL),
    "configuration": _action(FileKind.CONFIGURATION),
    "verified_by": _verified_by(FileKind.CTL),
    "itl_verified_by": _verified_by(FileKind.ITL),
    "stuck": lambda report: not report.holds_what_is_served,
}


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node holds after a step."""

    name: str
    ctl: bytes | None = field(repr=False)
    md5: str | None
    """Of CTLFile.tlv, as `show ctl` prints it; None without the file."""
    sha1: str | None
    is_up: bool

    @property
    def ctl_length(self) -> int:
        """Bytes of CTLFile.tlv, 0 when there is none (as `show ctl` says)."""
        return 0 if self.ctl is None else len(self.ctl)


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step, played."""

    number: int
    step: Step
    transcript: str = field(repr=False)
    """What the commands printed."""
    refusal: str | None
    """Why the last command was refused, None when all were done."""
    nodes: tuple[NodeView, ...]
    groups: Mapping[str, Sequence[BootReport]]
    """The last boot report of each phone that ever booted."""
    stuck: tuple[str, ...]
    """Devices that hold other lists than their server serves."""
    differences: tuple[str, ...]
    """Each expectation that was not met, as a sentence."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every expectation was met."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the object that `rehearse run --json` prints for a step."""
        return {
            "step": self.number,
            "title": self.step.title,
            "expected": _expected(self.step),
            "observed": self._observed(),
            "ok": self.ok,
            "differences": list(self.differences),
            "stuck": list(self.stuck),
            "seconds": round(self.seconds, 3),
        }

    def _observed(self) -> dict[str, Any]:
        return {
            "refusal": self.refusal,
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
                name: observed(reports) for name, reports in self.groups.items()
            },
        }


def _expected(step: Step) -> dict[str, Any]:
    return {
        "refused": step.refused,
        "ctl_length": step.ctl_length,
        "groups": {each.group: _asked(each) for each in step.expect},
    }


def _asked(expectation: Expectation) -> dict[str, Any]:
    """Return the fields that were given, but for the group's name."""
    return {
        name: value
        for name in expectation.__struct_fields__
        if name != "group" and (value := getattr(expectation, name)) is not None
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
    nodes: Sequence[NodeView],
    groups: Mapping[str, Sequence[BootReport]],
) -> list[str]:
    """Return a sentence for each expectation that was not met."""
    return [
        *_refusal_differences(step, refusal),
        *_node_differences(step, nodes),
        *(
            sentence
            for expectation in step.expect
            for sentence in _group_differences(
                expectation, groups.get(expectation.group, ())
            )
        ),
    ]


def _refusal_differences(step: Step, refusal: str | None) -> list[str]:
    if step.refused and refusal is None:
        return ["the last command was done although it should be refused"]
    if not step.refused and refusal is not None:
        return [f"refused: {refusal}"]
    return []


def _node_differences(step: Step, nodes: Sequence[NodeView]) -> list[str]:
    wanted = step.ctl_length
    if wanted is None:
        return []
    running = [node for node in nodes if node.is_up]
    found = [
        f"{node.name} has a CTL file of {node.ctl_length} bytes, not {wanted}"
        for node in running
        if node.ctl_length != wanted
    ]
    if len({node.md5 for node in running}) > 1:
        found.append("the nodes hold different CTL files")
    return found


def _group_differences(
    expectation: Expectation, reports: Sequence[BootReport]
) -> list[str]:
    if not reports:
        return [f"no phone of the group {expectation.group} has booted"]
    found: list[str] = []
    for name, wanted in _asked(expectation).items():
        others = Counter(_READERS[name](report) for report in reports)
        others.pop(wanted, None)
        found.extend(
            f"{count} of {len(reports)} phones of {expectation.group}: "
            f"{name} is {value}, not {wanted}"
            for value, count in others.items()
        )
    return found
