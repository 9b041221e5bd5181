"""Who waits for what, since when: the deadlines of all connections.

Each phase has one time limit, so a queue a phase is in order of its deadlines: its
first is the next to expire and has waited longest. Entering, leaving and expiring cost
nothing that grows with the number of connections. Pure: `now` is an argument.
"""

from collections.abc import Hashable, Iterator
from enum import IntEnum, unique
from typing import Final, Generic, TypeVar

from services.tvs.settings import TvsLimits

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


@unique
class Phase(IntEnum):
    """What a connection is waiting for."""

    FIRST_BYTE = 0
    HANDSHAKE = 1
    REQUEST = 2
    """The rest of a request, or that its answer is read."""
    IDLE = 3
    """A request's first byte."""


# Who goes first when room is needed: those with whom nothing is going on. One in the
# middle of something goes only when it takes longer than an honest one would.
_EVICTION_ORDER: Final = (
    (Phase.IDLE, 0.0),
    (Phase.FIRST_BYTE, 0.0),
    (Phase.HANDSHAKE, 1.0),
    (Phase.REQUEST, 1.0),
)


class Waits(Generic[ConnectionT]):
    """All connections, in one queue a phase, the longest waiting first."""

    def __init__(self, limits: TvsLimits) -> None:
        self._limit_s = (
            limits.first_byte_s,
            limits.handshake_s,
            limits.request_s,
            limits.idle_s,
        )
        self._queues: tuple[dict[ConnectionT, float], ...] = tuple({} for _ in Phase)

    def enter(self, connection: ConnectionT, phase: Phase, now: float) -> None:
        """Let a connection wait from now on; it must have left its last phase."""
        self._queues[phase][connection] = now

    def leave(self, connection: ConnectionT, phase: Phase) -> None:
        """Take a connection out of its phase."""
        del self._queues[phase][connection]

    def move(self, connection: ConnectionT, old: Phase, new: Phase, now: float) -> None:
        """Leave one phase for another, or begin the same one anew."""
        queues = self._queues
        del queues[old][connection]
        queues[new][connection] = now

    def expired(self, now: float) -> Iterator[tuple[ConnectionT, Phase]]:
        """Return those whose time is over; they stay until they `leave`."""
        for phase in Phase:
            oldest_allowed = now - self._limit_s[phase]
            for connection, since in tuple(self._queues[phase].items()):
                if since > oldest_allowed:
                    break
                yield connection, phase

    def longest_waiting(self, now: float) -> ConnectionT | None:
        """Return who should go when room is needed, or None when all are busy."""
        for phase, patience_s in _EVICTION_ORDER:
            for connection, since in self._queues[phase].items():
                if now - since >= patience_s:
                    return connection
                break
        return None

    def all(self) -> Iterator[ConnectionT]:
        """Return every connection."""
        for queue in self._queues:
            yield from tuple(queue)
