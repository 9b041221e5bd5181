"""Deadlines of all connections: the phase of each, and since when.

Each phase has one time limit, so a queue a phase is in order of its deadlines: its
first is the next to expire and has waited longest. Entering, leaving and expiring cost
nothing that grows with the number of connections. Pure: `now` is an argument.
"""

from collections.abc import Hashable
from enum import IntEnum, unique
from heapq import heapify, heappop, heappush
from itertools import count
from operator import itemgetter
from typing import Final, Generic, TypeVar

from tokenless.services.stream_server.settings import StreamLimits

ConnectionT = TypeVar("ConnectionT", bound=Hashable)


@unique
class Phase(IntEnum):
    """Phases of a connection."""

    FIRST_BYTE = 0
    HANDSHAKE = 1
    REQUEST = 2
    """The rest of a request, or that its answer is read."""
    IDLE = 3
    """A request's first byte."""
    KEPT = 4
    """The same, of a client that the session has come to know: room for newcomers is
    not made of it, or anyone who connects often enough would cut it off."""


# Minimum wait before a connection may be evicted to make room: longer
# than an honest client far away needs for its next step.
_SPARE_ENTRIES: Final = 1000
_PATIENCE_S: Final = 0.5


class Waits(Generic[ConnectionT]):
    """All connections, in one queue a phase, the longest waiting first."""

    def __init__(self, limits: StreamLimits) -> None:
        self.change_limits(limits)
        self._queues: tuple[dict[ConnectionT, float], ...] = tuple({} for _ in Phase)

    def change_limits(self, limits: StreamLimits) -> None:
        """Apply these limits to all connections, also to those that wait already."""
        # The rest is room for newcomers, whatever is registered.
        self._most_kept = limits.connections - max(1, limits.connections // 8)
        self._limit_s = (
            limits.first_byte_s,
            limits.handshake_s,
            limits.request_s,
            limits.idle_s,
            limits.idle_s,
        )

    def enter(self, connection: ConnectionT, phase: Phase, now: float) -> None:
        """Let a connection wait from now on; it must have left its last phase."""
        self._queues[phase][connection] = now

    def permitted(self, old: Phase, new: Phase) -> Phase:
        """Return the phase that follows another: only so many may be kept."""
        is_one_more = new is Phase.KEPT is not old
        if is_one_more and len(self._queues[Phase.KEPT]) >= self._most_kept:
            return Phase.IDLE
        return new

    def leave(self, connection: ConnectionT, phase: Phase) -> None:
        """Take a connection out of its phase."""
        del self._queues[phase][connection]

    def move(self, connection: ConnectionT, old: Phase, new: Phase, now: float) -> None:
        """Leave one phase for another, or begin the same one again."""
        queues = self._queues
        del queues[old][connection]
        queues[new][connection] = now

    def expired(self, now: float) -> list[tuple[ConnectionT, Phase]]:
        """Return those whose time is over; they stay until they `leave`."""
        timed_out = []
        for phase in Phase:
            oldest_allowed = now - self._limit_s[phase]
            for connection, since in self._queues[phase].items():
                if since > oldest_allowed:
                    break  # in order of entering: the rest entered later
                timed_out.append((connection, phase))
        return timed_out

    def longest_waiting(self, now: float) -> ConnectionT | None:
        """Return the connection to close for more room, None when none may be."""
        # A queue's first has waited longest in it.
        queues = self._queues[: Phase.KEPT]
        heads = (next(iter(queue.items()), None) for queue in queues)
        waiting = [head for head in heads if head is not None]
        if not waiting:
            return None
        connection, since = min(waiting, key=itemgetter(1))
        return connection if now - since >= _PATIENCE_S else None


class Timers(Generic[ConnectionT]):
    """One deadline a connection, set by its session; moving one later costs nothing."""

    def __init__(self) -> None:
        self._due_at: dict[ConnectionT, float] = {}
        # In order of time. An entry earlier than its deadline is put back when it is
        # met, so a phone that keeps itself alive every 30 s does not touch the heap.
        # Entries have numbers in place of connections: one that has ended, with its
        # TLS, must not stay in memory until the time of its entry.
        self._heap: list[tuple[float, int]] = []
        self._entries: dict[ConnectionT, tuple[float, int]] = {}
        self._connections: dict[int, ConnectionT] = {}
        self._numbers = count()

    def set(self, connection: ConnectionT, due_at: float) -> None:
        """Let `due` return the connection at this time, in place of an earlier one."""
        self._due_at[connection] = due_at
        entry = self._entries.get(connection)
        if entry is None or due_at < entry[0]:
            self._push(connection, due_at)

    def cancel(self, connection: ConnectionT) -> None:
        """Drop a connection's deadline, if there is one; it may get another."""
        self._due_at.pop(connection, None)

    def forget(self, connection: ConnectionT) -> None:
        """Drop all that is known of a connection that has ended."""
        self.cancel(connection)
        entry = self._entries.pop(connection, None)
        if entry is None:
            return
        del self._connections[entry[1]]
        if len(self._heap) > 2 * len(self._entries) + _SPARE_ENTRIES:
            self._heap = list(self._entries.values())
            heapify(self._heap)

    def due(self, now: float) -> list[ConnectionT]:
        """Return the connections whose deadlines have come, and forget these."""
        due_connections = []
        while self._heap and self._heap[0][0] <= now:
            _, number = heappop(self._heap)
            connection = self._connections.pop(number, None)
            if connection is None:
                continue  # it has ended, or an earlier entry has taken its place
            del self._entries[connection]
            due_at = self._due_at.get(connection)
            if due_at is None:
                continue
            if due_at > now:
                self._push(connection, due_at)
            else:
                del self._due_at[connection]
                due_connections.append(connection)
        return due_connections

    def _push(self, connection: ConnectionT, at: float) -> None:
        former = self._entries.get(connection)
        if former is not None:
            del self._connections[former[1]]
        entry = self._entries[connection] = (at, next(self._numbers))
        self._connections[entry[1]] = connection
        heappush(self._heap, entry)
