"""Health of a process: which services run, and since when caches are stale.

`failing` is what a restart may repair: a service that fell and is not up again. A
service that an administrator stopped, and caches that answer from what they last knew
because the database is away, are `degraded`: phones are still served, and killing the
process would take even that from them. So is a TFTP server that drops requests at its
limits: more phones ask than it takes, or it is under attack. So is a node of
which the database does not take what it reports about itself, and one whose database a
newer program has upgraded.

Orchestrators ask two more questions. `ready`: is all well, so that the next node may be
drained. A newer schema counts as well there: what such a node needs is a newer program,
and Kubernetes replaces a pod of a StatefulSet only when it is ready. `live`: is it
better not to kill the process. A service that fell is started again by its node, so as
long as one of a process's services serves, killing it only takes that service away,
too.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Self, assert_never

import msgspec


@unique
class ServiceState(StrEnum):
    """State of a service."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    STOPPING = "STOPPING"
    FAILED = "FAILED"
    """It fell and waits to be started again."""


@unique
class Verdict(StrEnum):
    """Health of a node, or of a process with its nodes."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


_BY_GRAVITY = (Verdict.OK, Verdict.DEGRADED, Verdict.FAILING)


@unique
class Question(StrEnum):
    """What can be asked about the health of a process."""

    HEALTH = "health"
    """Are phones served: no service fell."""
    READY = "ready"
    """Is nothing wrong at all, but that the database has a newer schema."""
    LIVE = "live"
    """Is anything served, or has at least nothing fallen."""


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Health of one node."""

    node: str
    verdict: Verdict
    revision: int
    """The database revision that it has applied."""
    services: dict[str, ServiceState]
    stale_since: datetime | None
    """Since when its caches cannot follow the database; None when they can."""
    reason: str | None
    """The reason why they cannot."""
    drops_requests: bool = False
    """True if TFTP dropped requests at its limits within the last half minute."""
    unwritten: Mapping[str, str] = {}
    """What the database does not take of what the node reports about itself, with the
    reasons: `registrations`, `lists` (those that it has taken), `revision` (the one
    that it has applied)."""
    newer_schema: str | None = None
    """What to do when the database's schema is newer than the node's program."""

    @property
    def is_ready(self) -> bool:
        """Return whether it is ok, or degraded for a newer schema only."""
        return self.verdict is Verdict.OK or (
            self.newer_schema is not None
            and _is_well(
                self.services,
                is_stale=self.stale_since is not None,
                drops_requests=self.drops_requests,
                unwritten=self.unwritten,
            )
        )

    @property
    def is_live(self) -> bool:
        """Return whether one of its services serves, or none has fallen."""
        serves = ServiceState.STARTED in self.services.values()
        return serves or self.verdict is not Verdict.FAILING


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Health of a process: that of its worst node."""

    verdict: Verdict
    nodes: tuple[NodeHealth, ...]

    @classmethod
    def of(cls, nodes: Iterable[NodeHealth]) -> Self:
        """Sum up nodes; a process without any is failing."""
        states = tuple(nodes)
        verdict = max(
            (node.verdict for node in states),
            key=_BY_GRAVITY.index,
            default=Verdict.FAILING,
        )
        return cls(verdict=verdict, nodes=states)

    def says_yes_to(self, question: Question) -> bool:
        """Answer a question about the process."""
        match question:
            case Question.HEALTH:
                return self.verdict is not Verdict.FAILING
            case Question.READY:
                return bool(self.nodes) and all(node.is_ready for node in self.nodes)
            case Question.LIVE:
                return any(node.is_live for node in self.nodes)
            case _:
                assert_never(question)


def judge(
    node: str,
    services: dict[str, ServiceState],
    *,
    revision: int,
    stale_for_s: float | None,
    reason: str | None,
    now: float,
    drops_requests: bool = False,
    unwritten: Mapping[str, str] = MappingProxyType({}),
    newer_schema: str | None = None,
) -> NodeHealth:
    """Say how a node is.

    Args:
        node: Its name.
        services: The state of every service that is activated on it.
        revision: What it has applied.
        stale_for_s: For how long its caches cannot follow; None when they can.
        reason: Why they cannot.
        now: Unix seconds.
        drops_requests: Whether TFTP dropped requests at its limits lately.
        unwritten: What the database does not take of the node's records, and why.
        newer_schema: What is newer than its program, and what to do.
    """
    is_well = _is_well(
        services,
        is_stale=stale_for_s is not None,
        drops_requests=drops_requests,
        unwritten=unwritten,
    )
    if ServiceState.FAILED in services.values():
        verdict = Verdict.FAILING
    elif is_well and newer_schema is None:
        verdict = Verdict.OK
    else:
        verdict = Verdict.DEGRADED
    return NodeHealth(
        node=node,
        verdict=verdict,
        revision=revision,
        services=services,
        stale_since=None if stale_for_s is None else _ago(now, stale_for_s),
        reason=reason,
        drops_requests=drops_requests,
        unwritten=dict(unwritten),
        newer_schema=newer_schema,
    )


def unreachable(node: str, reason: str) -> NodeHealth:
    """Return the health of a node whose process does not answer."""
    return NodeHealth(
        node=node,
        verdict=Verdict.FAILING,
        revision=0,
        services={},
        stale_since=None,
        reason=reason,
    )


def _is_well(
    services: Mapping[str, ServiceState],
    *,
    is_stale: bool,
    drops_requests: bool,
    unwritten: Mapping[str, str],
) -> bool:
    """Tell whether nothing is wrong, whatever schema the database has."""
    are_all_started = set(services.values()) <= {ServiceState.STARTED}
    return are_all_started and not (is_stale or drops_requests or unwritten)


def _ago(now: float, seconds: float) -> datetime:
    since = datetime.fromtimestamp(now, UTC) - timedelta(seconds=seconds)
    return since.replace(microsecond=0)
