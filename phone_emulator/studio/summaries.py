"""What lists of studies and of runs show of each."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from tokenless.phone_emulator.studio.study import Change, Study, Verdict


class StepSummary(msgspec.Struct, frozen=True):
    """What lists of runs show of a step."""

    number: int
    injected: tuple[str, ...]


class RunSummary(msgspec.Struct, frozen=True):
    """What lists show of a run; the rest of its file is passed over."""

    id: str
    order: str
    began: datetime
    state: str
    total: int
    steps: tuple[StepSummary, ...]
    verdicts: tuple[Verdict, ...]
    digest: str

    @property
    def injected(self) -> int:
        """Return how many faults a person put in."""
        return sum(len(step.injected) for step in self.steps)


class StudySummary(msgspec.Struct, frozen=True):
    """What the list of studies shows of one."""

    name: str
    made: datetime
    nodes: int
    """0: no cluster was given yet."""
    version: str
    change: Change
    last: str
    """The newest line of the history."""


def summary_of(study: Study) -> StudySummary:
    """Return what the list of studies shows."""
    cluster = study.cluster
    return StudySummary(
        study.name,
        study.made,
        0 if cluster is None else len(cluster.nodes),
        "" if cluster is None else cluster.version,
        replace(study.change, text="", steps=()),
        study.history[-1].text if study.history else "",
    )
