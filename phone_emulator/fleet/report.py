"""The results of a fleet's boot, counted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tokenless.phone_emulator.secd.report import (
    BootReport,
    FileAction,
    Outcome,
    failure_text,
)
from tokenless.protocol.trust.anchors import FileKind

_MOST_TOLD: Final = 5
_NAMES: Final = {FileKind.CONFIGURATION: "configuration"}


@dataclass(slots=True)
class FleetReport:
    """Counts over all phones, while they boot and afterwards."""

    phones: int
    """The number of phones."""
    outcomes: Counter[str] = field(default_factory=Counter)
    files: dict[str, Counter[str]] = field(default_factory=dict)
    """Actions by file."""
    verified_by: Counter[str] = field(default_factory=Counter)
    tvs_answers: Counter[str] = field(default_factory=Counter)
    """TVS queries by their status."""
    retransmits: int = 0
    seconds: float = 0.0
    stuck: list[str] = field(default_factory=list)
    """Phones that refused a file or did not get one."""
    capf: Counter[str] = field(default_factory=Counter)
    """Phones that connected to CAPF, by result."""
    encrypted: int = 0
    """Phones that opened an encrypted configuration."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Files that stuck phones do not have, by `reason_code`."""
    first_stuck: list[BootReport] = field(default_factory=list)
    """The boots of the first phones that are not ok, with files and reasons."""

    @property
    def booted(self) -> int:
        """Return the number of phones that have finished."""
        return self.outcomes.total()

    @property
    def tvs_queries(self) -> int:
        """Return the number of questions to TVS."""
        return self.tvs_answers.total()

    @property
    def found_nothing(self) -> bool:
        """Tell whether servers answered and none of them has a file for any phone."""
        actions = {action for counts in self.files.values() for action in counts}
        return actions == {FileAction.ABSENT.value}

    @property
    def phones_per_second(self) -> float:
        """The rate so far."""
        return self.booted / self.seconds if self.seconds else 0.0

    def add(self, report: BootReport) -> None:
        """Count one phone."""
        self.outcomes[report.outcome.value] += 1
        for kind, file in report.files.items():
            name = _NAMES.get(kind, kind.value)
            self.files.setdefault(name, Counter())[file.action.value] += 1
            if file.verified_by is not None:
                self.verified_by[file.verified_by.value] += 1
            if file.code is not None:
                self.reasons[file.code.value] += 1
        if report.capf is not None:
            self.capf[report.capf["result"]] += 1
        self.encrypted += report.opened
        self.tvs_answers.update(query.status for query in report.tvs)
        if not report.holds_what_is_served:
            self.stuck.append(report.device)
        if report.outcome is not Outcome.OK and len(self.first_stuck) < _MOST_TOLD:
            self.first_stuck.append(report)

    def include(self, other: "FleetReport") -> None:
        """Count what other phones of the fleet did at the same time, too."""
        self.outcomes += other.outcomes
        for name, actions in other.files.items():
            self.files.setdefault(name, Counter()).update(actions)
        self.verified_by += other.verified_by
        self.tvs_answers += other.tvs_answers
        self.retransmits += other.retransmits
        self.seconds = max(self.seconds, other.seconds)
        self.stuck += other.stuck
        self.capf += other.capf
        self.encrypted += other.encrypted
        self.reasons += other.reasons
        room = _MOST_TOLD - len(self.first_stuck)
        self.first_stuck += other.first_stuck[:room]

    def assert_ok(self) -> None:
        """Check that every phone holds what is served.

        Raises:
            AssertionError: When one does not; has the counts by reason, and of the
                first phones each file, the reason and what helps.
        """
        good = self.outcomes[Outcome.OK.value]
        if good == self.phones:
            return
        counted = ", ".join(f"{n} {name}" for name, n in self.outcomes.most_common())
        head = f"{self.phones - good} of {self.phones} phones are not ok ({counted})"
        if self.reasons:
            why = ", ".join(f"{name} {n}" for name, n in self.reasons.most_common())
            head = f"{head}; files by reason: {why}"
        raise AssertionError(failure_text(head, self.first_stuck))

    def to_json(self) -> dict[str, Any]:
        """Return the object that `fleet boot --json` prints."""
        actions: Counter[str] = Counter()
        for counts in self.files.values():
            actions.update(counts)
        return {
            "phones": self.phones,
            "outcomes": dict(self.outcomes),
            "files": {name: dict(counts) for name, counts in self.files.items()},
            "actions": dict(actions),
            "verified_by": dict(self.verified_by),
            "tvs_queries": self.tvs_queries,
            "tvs_answers": dict(self.tvs_answers),
            "capf": dict(self.capf),
            "encrypted_configurations": self.encrypted,
            "retransmits": self.retransmits,
            "seconds": round(self.seconds, 3),
            "phones_per_second": round(self.phones_per_second, 1),
            "stuck": sorted(self.stuck),
            "reason_codes": dict(self.reasons),
        }
