"""The imported cluster as a preflight looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tokenless.phone_emulator.planner.model.task import Task
from tokenless.phone_emulator.planner.plan import Plan
from tokenless.phone_emulator.rehearsal.importing.approximations import (
    ANCHOR_TOPICS,
    Topic,
)
from tokenless.phone_emulator.rehearsal.planning.starting_point import (
    task_for,
    unable_to_verify,
)
from tokenless.phone_emulator.rehearsal.scripts.known_certificate import (
    KnownCertificate,
)
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.protocol.release import Release
from tokenless.services.config import ClusterConfig, load_config
from tokenless.services.store.parameters import SHA512


def preflight_task(script: Script, goal: str) -> Task:
    """Return the change of an imported cluster, for the phones that it can reach.

    Phones that cannot verify the cluster's signatures are lost whatever the order is:
    the check of the digest names them.

    Raises:
        PhoneError, ConfigurationError: As `task_for`.
    """
    unable = unable_to_verify(script)
    groups = tuple(group for group in script.groups if group not in unable)
    return task_for(msgspec.structs.replace(script, groups=groups), goal)


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
    tls_minimum: str | None
    """The oldest TLS version after the change; None: not told."""
    sha512: bool | None
    """True if TFTP signs files with SHA-512 after the change; None: not told."""
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
    def signs_with_sha512(self) -> bool | None:
        """Return whether files are signed with SHA-512 now or after the change.

        None where neither the imported lists nor the person tells it.
        """
        told = self.config.parameters.tftp_file_signature_algorithm
        now = None if told is None else told == SHA512
        is_sure = not self.guesses(Topic.RELEASE)
        if now is None and is_sure and not self.release.chooses_digest:
            now = False  # REFERENCE 1.6
        return True if now else (now if self.sha512 is None else self.sha512)

    @property
    def release(self) -> Release:
        """The release before the change."""
        return self.task.layout.release

    @property
    def known(self) -> Sequence[KnownCertificate]:
        """The certificates that the import has seen."""
        return self.script.certificates

    def guesses(self, *topics: Topic) -> list[str]:
        """Return what the import has guessed of some topics.

        A file of an earlier version does not tell topics: there, each may be meant.
        """
        wanted = {topic.value for topic in topics}
        found = self.script.approximations
        return [e.what for e in found if not e.topic or e.topic in wanted]

    @property
    def guessed_groups(self) -> list[str]:
        """What was guessed of the CallManager groups that the phones use."""
        if all(group.pool for group in self.script.groups):
            return []  # a person has named the group of each
        return self.guesses(Topic.GROUP, Topic.TVS, Topic.POOLS)

    @property
    def guessed_anchors(self) -> list[str]:
        """What was guessed that decides what phones hold, ask and verify."""
        topics = {*ANCHOR_TOPICS, Topic.RELEASE, Topic.TFTP}
        if any(len(group.tftp) != 1 for group in self.script.groups):
            topics.add(Topic.POOLS)  # the order of their TFTP servers
        return list(dict.fromkeys([*self.guesses(*topics), *self.guessed_groups]))

    def of_unit(self, unit: str) -> list[KnownCertificate]:
        """Return the certificates of a unit."""
        return [each for each in self.known if each.unit == unit]

    def models(self) -> Mapping[str, int]:
        """Return how many phones there are of each model; 0 where it is not told."""
        found: dict[str, int] = {}
        for group in self.script.groups:
            found[group.model] = found.get(group.model, 0) + (group.count or 0)
        return found

    @property
    def knows_models(self) -> bool:
        """Return whether the models are those of an export of the phones."""
        groups = self.script.groups
        return bool(groups) and all(group.count is not None for group in groups)
