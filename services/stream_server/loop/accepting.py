"""Accepting connections: how many there may be, and what TLS is spoken on each."""

import select
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cachetools import FIFOCache

from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.counters import Refusal
from tokenless.services.stream_server.loop.shares import Shares
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.stream_server.tls_contexts import PortContexts

if TYPE_CHECKING:
    from tokenless.services.stream_server.loop.loop import StreamLoop

# A flood must not keep honest clients in the backlog: accepting is cheap.
_ACCEPTS_AT_ONCE: Final = 256
# Pause in accepting when there is no room and no connection to evict.
_PAUSE_S: Final = 0.2
_MAX_UNVERIFIABLE: Final = 16_384


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and which of the server's ports it belongs to."""

    socket: socket.socket
    port: int

    @property
    def address(self) -> tuple[str, int]:
        """Listening address with the real port, also when 0 was configured."""
        host, port, *_ = self.socket.getsockname()
        return host, port


class UnverifiableClients:
    """Addresses whose certificates could not be verified: they are not asked again.

    Where certificates are only recorded, a phone of an authority that the administrator
    did not name must be served like others; but OpenSSL, as Python lets it be used,
    ends the handshake over such a certificate. So it fails once. The oldest addresses
    are forgotten when there are very many.
    """

    def __init__(self, most: int = _MAX_UNVERIFIABLE) -> None:
        self._addresses: FIFOCache[str, None] = FIFOCache(most)

    def __contains__(self, address: str) -> bool:
        return address in self._addresses

    def add(self, address: str) -> None:
        """Remember an address until the server ends."""
        self._addresses[address] = None


class Acceptor:
    """The listeners of one loop."""

    def __init__(
        self,
        loop: "StreamLoop",
        listeners: Iterable[Listener],
        contexts: tuple[PortContexts, ...],
        shares: Shares,
        limits: StreamLimits,
    ) -> None:
        self.contexts = contexts
        """For connections to come, one a port; replaced when certificates are."""
        self.limits = limits
        self.unverifiable = UnverifiableClients()
        self._loop = loop
        self._shares = shares
        self._listeners = {each.socket.fileno(): each for each in listeners}
        self._reopens_at: float | None = None
        self._watch()

    def accept(self, fd: int, now: float) -> None:
        """Accept waiting clients at a listener, a bounded number at once."""
        listener = self._listeners.get(fd)
        if listener is None or self._reopens_at is not None:
            return  # closed, or full, in this very turn
        loop = self._loop
        for _ in range(_ACCEPTS_AT_ONCE):
            if loop.open_connections >= self.limits.connections and (
                not loop.evict_longest_waiting(now)
            ):
                self._pause(Refusal.TOO_MANY, now)
                return
            try:
                sock, (address, *_rest) = listener.socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # reset while it waited in the backlog
            except OSError as error:
                if loop.evict_longest_waiting(now, why=str(error)):
                    continue
                self._pause(Refusal.NO_DESCRIPTORS, now, why=str(error))
                return
            sock.setblocking(False)
            share = self._shares.of(address)
            context = self._context_for(listener.port, address)
            connection = Connection(sock, address, listener.port, context, share, loop)
            if self._has_room(connection, now):
                loop.admit(connection, now)
            else:
                loop.notes.refused(Refusal.TOO_MANY_FROM_ADDRESS, now, client=address)
                connection.end()

    def reopen(self, now: float) -> None:
        """Accept again, when the pause is over."""
        if self._reopens_at is not None and now >= self._reopens_at:
            self._reopens_at = None
            self._watch()

    def forget_sessions(self) -> None:
        """Keep the memory for clients that may resume a session within bounds."""
        self.contexts = tuple([each.without_old_sessions() for each in self.contexts])

    def close(self) -> None:
        """Stop listening."""
        # A worker's listeners are open in the pool, too: closing them here would leave
        # them in the epoll, and wake this worker for clients of the next one.
        if self._reopens_at is None:
            self._ignore()
        self._reopens_at = None
        for listener in self._listeners.values():
            listener.socket.close()
        self._listeners.clear()

    def _context_for(self, port: int, address: str) -> ssl.SSLContext | None:
        contexts = self.contexts[port]
        if contexts.unasking is not None and address in self.unverifiable:
            return contexts.unasking
        return contexts.usual

    def _has_room(self, connection: Connection, now: float) -> bool:
        """Make room for a connection of an address; False when it must be refused."""
        share = connection.share
        if len(share.connections) < self.limits.connections_per_address:
            return True
        oldest = share.oldest_idle()
        if oldest is not None:
            self._loop.refuse(oldest, Refusal.EVICTED, now)
            # If it was the only one, its share is forgotten by now.
            connection.share = self._shares.of(connection.address)
        return oldest is not None

    def _pause(self, reason: Refusal, now: float, *, why: str = "") -> None:
        """Let clients wait in the backlog until there may be room."""
        self._loop.notes.refused(reason, now, client="", why=why)
        self._ignore()
        self._reopens_at = now + _PAUSE_S

    def _watch(self) -> None:
        for fd in self._listeners:
            self._loop.epoll.register(fd, select.EPOLLIN)

    def _ignore(self) -> None:
        for fd in self._listeners:
            self._loop.epoll.unregister(fd)
