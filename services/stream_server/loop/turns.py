"""Continue TLS handshakes, one address after the other, for a part of each loop turn.

A connection that has to wait stays readable, so epoll would find it again and again. A
few are let be; many are parked: taken out of epoll until their turn, but for the news
that their clients have gone.
"""

import select
import time
from collections.abc import Callable
from typing import Final

from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.loop.shares import Shares

# What handshakes may take before sockets are looked at again: an honest client needs
# three looks (its connection, its hello, its key) before it is answered.
_HANDSHAKES_S: Final = 0.001
# And where only one address has any: looking is not free, and delays others less.
_ALONE_S: Final = 0.004
# Fewer than these are found once more sooner than they are parked and put back.
_WATCHED: Final = 64
_PARKED: Final = select.EPOLLRDHUP


class HandshakeTurns:
    """The handshakes of one loop."""

    def __init__(self, shares: Shares, epoll: select.epoll) -> None:
        self._shares = shares
        self._epoll = epoll
        # Those that wait for their turn, and are not parked.
        self._watched: list[Connection] = []

    def queue(self, connection: Connection) -> None:
        """Let a connection wait for its turn: bytes of its handshake have come."""
        if not connection.is_waiting:
            self._shares.wait_for_turn(connection)
            self._watched.append(connection)

    @property
    def has_work(self) -> bool:
        """Return whether `go_on` has something to do."""
        return bool(self._watched) or self._shares.is_behind

    def go_on(self, now: float, advance: Callable[[Connection, float], None]) -> None:
        """Give addresses their turns for a while; park connections that have to wait.

        Args:
            now: The monotonic time.
            advance: Does what is ready on a connection.
        """
        shares = self._shares
        until = now + (_HANDSHAKES_S if shares.is_contended else _ALONE_S)
        while (connection := shares.next(now)) is not None:
            if connection.is_parked:
                connection.is_parked = False
                self._epoll.modify(connection.fd, select.EPOLLIN)
            # One step of a handshake can cost an RSA signature, so the clock is read
            # after each one.
            advance(connection, now)
            now = time.monotonic()
            if now >= until:
                break
        self._watched = [each for each in self._watched if each.is_waiting]
        if len(self._watched) > _WATCHED or not shares.is_behind:
            for connection in self._watched:
                connection.is_parked = True
                self._epoll.modify(connection.fd, _PARKED)
            self._watched.clear()
