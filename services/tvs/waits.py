"""Who waits for what, since when: the deadlines of all connections.

Each phase has one time limit, so a queue a phase is in order of its deadlines: its
first is the next to expire and has waited longest. Entering, leaving and expiring cost
nothing that grows with the number of connections. Pure: `now` is an argument.
"""

from collections.abc import Hashable
from enum import IntEnum, unique
from operator import itemgetter
from typing import Final, Generic, TypeVar

from tokenless.services.tvs.settings import TvsLimits

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


# How long one must have been waiting before it may be sent away to make room: longer
# than an honest phone far away needs for its next step.
_PATIENCE_S: Final = 0.5


class Waits(Generic[ConnectionT]):
    """All connections, in one queue a phase, the longest waiting first."""

    def __init__(self, limits: TvsLimits) -> None:
        self.change_limits(limits)
        self._queues: tuple[dict[ConnectionT, float], ...] = tuple({} for _ in Phase)

    def change_limits(self, limits: TvsLimits) -> None:
        """Let everybody wait for so long, those too who wait already."""
        self._limit_s = (
            limits.first_byte_s,
            limits.handshake_s,
            limits.request_s,
            limits.idle_s,
        )

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

    def expired(self, now: float) -> list[tuple[ConnectionT, Phase]]:
        """Return those whose time is over; they stay until they `leave`."""
        found = []
        for phase in Phase:
            oldest_allowed = now - self._limit_s[phase]
            for connection, since in self._queues[phase].items():
                if since > oldest_allowed:
                    break
                found.append((connection, phase))
        return found

    def longest_waiting(self, now: float) -> ConnectionT | None:
        """Return who should go when room is needed, or None when all are busy."""
        # A queue's first has waited longest in it.
        heads = (next(iter(queue.items()), None) for queue in self._queues)
        waiting = [head for head in heads if head is not None]
        if not waiting:
            return None
        connection, since = min(waiting, key=itemgetter(1))
        return connection if now - since >= _PATIENCE_S else None
