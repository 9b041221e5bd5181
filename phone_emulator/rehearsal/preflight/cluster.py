"""The imported cluster as a preflight looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.release import Release
from tokenless.services.config import ClusterConfig, load_config


@dataclass(frozen=True, slots=True)
class Preflight:
    """Everything that checks look at."""

    script: Script
    task: Task
    plan: Plan
    at: datetime
    """The time of the change."""
    key_bits: int
    """Of the certificates that the change makes."""
    tls_minimum: str
    """After the change."""
    sha512: bool
    """True if TFTP signs files with SHA-512 after the change."""
    ecdsa_only: bool
    """True if only ECDSA suites are allowed after the change."""
    target: Release | None
    """The release of an upgrade; None: there is none."""
    rollback: bool | None
    """Prepare Cluster for Rollback to pre 8.0; None: not told."""

    @property
    def config(self) -> ClusterConfig:
        """The configuration of the copy."""
        return load_config(None, self.script.cluster)

    @property
    def release(self) -> Release:
        """The release before the change."""
        return self.task.layout.release

    @property
    def known(self) -> Sequence[KnownCertificate]:
        """The certificates that the import has seen."""
        return self.script.certificates

    def of_unit(self, unit: str) -> list[KnownCertificate]:
        """Return the certificates of a unit."""
        return [each for each in self.known if each.unit == unit]

    def models(self) -> Mapping[str, int]:
        """Return how many phones there are of each model; 0 where it is not told."""
        found: dict[str, int] = {}
        for group in self.script.groups:
            found[group.model] = found.get(group.model, 0) + (group.count or 0)
        return found
