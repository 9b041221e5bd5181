"""Fair shares of each address: connections, and turns at TLS handshakes.

A handshake costs the server a signature and the client nothing (a ClientHello can be
replayed). So connections whose handshakes are to go on wait in a queue of their
address, and addresses take turns: a flood from one address delays only itself. A
handshake that has begun goes before one that would begin, as it can end and make room.
"""

import socket
from collections import deque
from itertools import islice
from typing import Final

from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.connections.waits import Phase
from tokenless.services.stream_server.settings import StreamLimits

_IDLE_PHASES: Final = frozenset([Phase.IDLE, Phase.FIRST_BYTE])
# How many of an address's oldest connections are looked at for an idle one.
_LOOKED_AT: Final = 64
# Of an IPv6 address the first half: a host has the other half for itself. Addresses of
# IPv4 that an IPv6 socket sees stand for themselves.
_PREFIX_BYTES: Final = 8
_MAPPED: Final = bytes(10) + b"\xff\xff"


class Share:
    """The connections of one address, the oldest first, and its place in the turns."""

    __slots__ = (
        "begun",
        "connections",
        "handshakes",
        "is_in_turn",
        "key",
        "new",
        "tokens",
        "topped_up_at",
    )

    def __init__(self, key: str) -> None:
        self.key = key
        self.connections: dict[Connection, None] = {}
        self.begun: dict[Connection, None] = {}
        """Bytes have come for their handshakes, which have begun."""
        self.new: dict[Connection, None] = {}
        """Their first bytes have come."""
        self.handshakes = 0
        self.is_in_turn = False
        self.tokens = 0.0
        self.topped_up_at = float("-inf")

    def oldest_idle(self) -> Connection | None:
        """Return an old connection with which nothing is going on."""
        for connection in islice(self.connections, _LOOKED_AT):
            if connection.phase in _IDLE_PHASES:
                return connection
        return None


class Shares:
    """All addresses."""

    def __init__(self, limits: StreamLimits) -> None:
        self._shares: dict[str, Share] = {}
        self._turns: deque[Share] = deque()
        # Those that may begin no handshake now, for want of a place or by their rate.
        self._blocked: dict[Share, None] = {}
        self.change_limits(limits)

    def change_limits(self, limits: StreamLimits) -> None:
        """Give every address so much from now on."""
        self._places = limits.handshakes_per_address
        self._rate = limits.handshakes_per_address_s

    def of(self, address: str) -> Share:
        """Return the share of an address, which may have nothing yet."""
        key = _key_of(address) if ":" in address else address
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = Share(key)
        return share

    def remove(self, connection: Connection) -> None:
        """Forget a connection; its place at handshakes is free."""
        share = connection.share
        del share.connections[connection]
        if connection.is_waiting:
            connection.is_waiting = False
            share.begun.pop(connection, None)
            share.new.pop(connection, None)
        if connection.holds_place:
            self.end_handshake(connection)
        if not share.connections:
            self._drop(share)

    def _drop(self, share: Share) -> None:
        """Forget an address without connections, unless its rate is to be kept."""
        if not self._rate or share.tokens >= self._rate:
            self._shares.pop(share.key, None)

    # --- turns at handshakes -----------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """Return whether handshakes could go on now."""
        return bool(self._turns)

    @property
    def is_contended(self) -> bool:
        """Return whether more than one address has handshakes that could go on."""
        return len(self._turns) > 1

    def wait_for_turn(self, connection: Connection) -> None:
        """Queue a connection that bytes of its handshake have come for."""
        share = connection.share
        connection.is_waiting = True
        if connection.holds_place:
            share.begun[connection] = None
        else:
            share.new[connection] = None
            if share in self._blocked:
                return
        if not share.is_in_turn:
            share.is_in_turn = True
            self._turns.append(share)

    def next(self, now: float) -> Connection | None:
        """Return whose handshake goes on now; its address goes to the end."""
        turns = self._turns
        while turns:
            share = turns[0]
            if share.begun:
                connection = next(iter(share.begun))
                del share.begun[connection]
            elif share.new and self._may_begin(share, now):
                connection = next(iter(share.new))
                del share.new[connection]
                share.handshakes += 1
                connection.holds_place = True
            else:
                turns.popleft()
                share.is_in_turn = False
                continue
            connection.is_waiting = False
            if len(turns) > 1:
                turns.rotate(-1)
            return connection
        return None

    def end_handshake(self, connection: Connection) -> None:
        """Free the place that a handshake held, however it has ended."""
        connection.holds_place = False
        share = connection.share
        share.handshakes -= 1
        if share in self._blocked:
            self._unblock(share)

    def unblock(self, now: float) -> None:
        """Let those try again whose rate may allow more by now."""
        for share in tuple(self._blocked):
            self._unblock(share)
        if self._rate:
            for share in tuple(self._shares.values()):
                if not share.connections:
                    self._top_up(share, now)
                    self._drop(share)

    def _may_begin(self, share: Share, now: float) -> bool:
        """Take a token for a handshake; without a place or a token, block the share."""
        if share.handshakes < self._places:
            if not self._rate:
                return True
            self._top_up(share, now)
            if share.tokens >= 1:
                share.tokens -= 1
                return True
        self._blocked[share] = None
        return False

    def _unblock(self, share: Share) -> None:
        del self._blocked[share]
        if not share.is_in_turn:
            share.is_in_turn = True
            self._turns.append(share)

    def _top_up(self, share: Share, now: float) -> None:
        """Add what the rate gives since the last time, a second's worth at most."""
        since = now - share.topped_up_at
        share.tokens = min(float(self._rate), share.tokens + since * self._rate)
        share.topped_up_at = now


def _key_of(address: str) -> str:
    """Return the network that an IPv6 address belongs to, as `recvfrom` writes it."""
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    if packed.startswith(_MAPPED):
        return address
    return packed[:_PREFIX_BYTES].hex()
