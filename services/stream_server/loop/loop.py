"""The inner loop of a stream server, without trio: sockets and epoll.

No step waits for a peer: not accept, not a handshake, not a write. Each turn ends after
a bounded time, so that the caller can give other tasks a turn. An error inside ends
the connection that it happened on without an answer: the server fails closed.
"""

import os
import select
import time
from collections.abc import Iterable
from typing import Final

from tokenless.protocol.errors import ProtocolError
from tokenless.services.limited_log import LimitedLog
from tokenless.services.stream_server.connections.connection import (
    Connection,
    Disconnected,
)
from tokenless.services.stream_server.connections.log import ConnectionLog
from tokenless.services.stream_server.connections.tls_channel import TlsError
from tokenless.services.stream_server.connections.waits import Phase, Timers, Waits
from tokenless.services.stream_server.counters import Refusal
from tokenless.services.stream_server.guest import Guest, Session
from tokenless.services.stream_server.loop.accepting import Acceptor, Listener
from tokenless.services.stream_server.loop.shares import Shares
from tokenless.services.stream_server.loop.turns import HandshakeTurns
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.stream_server.tls_contexts import PortContexts

# A turn's share of the process: some dozens of RSA signatures.
_TURN_S: Final = 0.01
# A flood must not delay the look itself: all that is ready should fit into one.
_EVENTS_A_POLL: Final = 256

# Plans import this module on systems without epoll, too.
_IN: Final[int] = getattr(select, "EPOLLIN", 0)
_OUT: Final[int] = getattr(select, "EPOLLOUT", 0)
_TIMEOUTS: Final = {
    Phase.FIRST_BYTE: Refusal.SILENT,
    Phase.HANDSHAKE: Refusal.HANDSHAKE_TIMEOUT,
    Phase.REQUEST: Refusal.REQUEST_TIMEOUT,
    Phase.IDLE: Refusal.IDLE,
    Phase.KEPT: Refusal.IDLE,
}


class StreamLoop:
    """All connections of one server in one process."""

    def __init__(
        self,
        listeners: Iterable[Listener],
        contexts: tuple[PortContexts, ...],
        guest: Guest,
        *,
        name: str,
        limits: StreamLimits,
        cells: memoryview,
        log: LimitedLog,
    ) -> None:
        self._guest = guest
        self.notes = ConnectionLog(name, cells, guest, log)
        self._log = log
        self._connections: dict[int, Connection] = {}
        self._shares = Shares(limits)
        self._waits: Waits[Connection] = Waits(limits)
        self.timers: Timers[Connection] = Timers()
        self._unsent_bytes = limits.unsent_bytes
        self._not_reading: list[Connection] = []
        self._in_exchange: Connection | None = None
        self.epoll = select.epoll()
        self._handshakes = HandshakeTurns(self._shares, self.epoll)
        # Readable while handshakes wait for their turn, so that the driver comes back.
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.epoll.register(self._bell, _IN)
        self._acceptor = Acceptor(self, listeners, contexts, self._shares, limits)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a turn has work."""
        return self.epoll.fileno()

    def change_limits(self, limits: StreamLimits) -> None:
        """Apply other limits; connected clients stay, also beyond them."""
        self._acceptor.limits = limits
        self._waits.change_limits(limits)
        self._shares.change_limits(limits)
        self._unsent_bytes = limits.unsent_bytes
        self._log.change_rate(limits.log_lines_per_s)

    def change_contexts(self, contexts: tuple[PortContexts, ...]) -> None:
        """Make the TLS of connections to come from these."""
        self._acceptor.contexts = contexts

    def turn(self) -> None:
        """Serve the ready sockets, for a bounded time."""
        now = time.monotonic()
        stop = now + _TURN_S
        handshakes = self._handshakes
        while now < stop:
            # Never wait here: the trio task that drives the loop waits for the epoll
            # descriptor itself, so that other tasks run meanwhile.
            ready = self.epoll.poll(0, _EVENTS_A_POLL)
            if not (ready or handshakes.has_work):
                return
            for fd, _ in ready:
                connection = self._connections.get(fd)
                if connection is None:
                    if fd == self._bell:
                        os.eventfd_read(fd)
                    else:
                        self._acceptor.accept(fd, now)
                elif connection.session is not None or connection.is_clear:
                    self._advance(connection, now)
                # A parked one is watched for EPOLLRDHUP only: the client has gone.
                elif connection.is_parked:
                    self._drop(connection)
                else:
                    handshakes.queue(connection)
            if handshakes.has_work:
                handshakes.go_on(now, self._advance)
            now = time.monotonic()
        if handshakes.has_work:
            os.eventfd_write(self._bell, 1)

    def sweep(self) -> None:
        """End the connections whose time is over; do what is due now and then."""
        now = time.monotonic()
        # `push` only notes these: it is often called while another client's message is
        # handled, and the end of this session would run in the middle of that.
        for connection in self._not_reading:
            if self._is_open(connection):
                self.refuse(connection, Refusal.NOT_READING, now)
        self._not_reading.clear()
        for connection, phase in self._waits.expired(now):
            if self._is_open(connection):  # unless the end of another has ended it
                over = connection.is_waiting
                reason = Refusal.OVER_SHARE if over else _TIMEOUTS[phase]
                self.refuse(connection, reason, now)
        for connection in self.timers.due(now):
            self._ring(connection, now)
        self._acceptor.reopen(now)
        self._acceptor.forget_sessions()
        self._shares.unblock(now)
        if self._shares.is_behind:
            os.eventfd_write(self._bell, 1)
        self._log.summarise(now)

    @property
    def open_connections(self) -> int:
        """Number of connected clients."""
        return len(self._connections)

    def stop_accepting(self) -> None:
        """Stop listening; clients that are connected are served on."""
        self._acceptor.close()

    def close(self) -> None:
        """Close all connections and stop listening."""
        self.stop_accepting()
        for connection in tuple(self._connections.values()):
            self._finish(connection)
        self.epoll.close()
        os.close(self._bell)

    # --- for the acceptor -----------------------------------------------------------

    def evict_longest_waiting(self, now: float, *, why: str = "") -> bool:
        """End the connection that has waited longest, unless all are busy or kept."""
        longest = self._waits.longest_waiting(now)
        if longest is not None:
            self.refuse(longest, Refusal.EVICTED, now, why=why)
        return longest is not None

    def admit(self, connection: Connection, now: float) -> None:
        """Serve a connection from now on."""
        self._connections[connection.fd] = connection
        connection.share.connections[connection] = None
        self._waits.enter(connection, connection.phase, now)
        connection.events = _IN
        self.epoll.register(connection.fd, _IN)
        self.notes.accepted(connection)
        if self._guest.speaks_first and connection.is_clear:
            self._advance(connection, now)

    def refuse(
        self, connection: Connection, reason: Refusal, now: float, *, why: str = ""
    ) -> None:
        """End a connection that its client has not ended."""
        self.notes.refused(reason, now, client=connection.address, why=why)
        self._finish(connection)

    # --- for connections ---------------------------------------------------------

    def push(self, connection: Connection, message: bytes) -> None:
        """Send to a client unasked; if it has gone, its end is noticed as usual."""
        if connection.session is None or not self._is_open(connection):
            return
        try:
            connection.send(message)
            connection.flush()
        except (Disconnected, TlsError):
            return
        if len(connection.unsent) > self._unsent_bytes:
            self._not_reading.append(connection)
        self.look_after(connection)

    def look_after(self, connection: Connection) -> None:
        """Watch for what a connection needs now that it was sent to, or closed."""
        session = connection.session
        is_done_later = connection is self._in_exchange
        if is_done_later or session is None or not self._is_open(connection):
            return
        now = time.monotonic()
        if connection.is_closing and not connection.unsent:
            self._finish(connection)
            return
        self._move(connection, now, restart=False)
        self._watch_for(connection, session)

    # --- serving -----------------------------------------------------------------

    def _is_open(self, connection: Connection) -> bool:
        # Its descriptor may be another connection's by now.
        return self._connections.get(connection.fd) is connection

    def _advance(self, connection: Connection, now: float) -> None:
        """Serve a ready connection; an error ends only this one."""
        self._in_exchange = connection
        try:
            self._exchange(connection, now)
        except Disconnected:
            self._drop(connection)
        except TlsError as failure:
            self._refuse_tls(connection, failure, now)
        except ProtocolError as error:
            self.refuse(connection, Refusal.BAD_REQUEST, now, why=str(error))
        except Exception as fault:  # noqa: BLE001 - fail closed, and keep serving others
            self.refuse(connection, Refusal.INTERNAL_ERROR, now, why=repr(fault))
        finally:
            self._in_exchange = None

    def _exchange(self, connection: Connection, now: float) -> None:
        data = b""
        if connection.events == _OUT:
            connection.flush()
            # Nothing is read while an answer waits to be sent: otherwise a client that
            # asks and does not read would fill our memory.
            if connection.unsent:
                return
            connection.renew_share()
        else:
            data = connection.receive()
        session = connection.session
        if session is None:
            if not (data or self._may_begin(connection)):
                connection.flush()
                self._move(connection, now, restart=False)
                return
            session = self._begin(connection)
        if data:
            session.receive(data)
        done = session.answer()
        connection.flush()
        # The answer is written before the end is looked at: a client may send its
        # request and close its sending direction in one packet.
        channel = connection.channel
        if channel is not None and channel.is_closed_by_peer:
            connection.say_goodbye()
            raise Disconnected
        if connection.is_closing and not connection.unsent:
            self._finish(connection)
            return
        self._move(connection, now, restart=done > 0)
        if connection.unsent or session.is_sending or connection.events == _OUT:
            self._watch_for(connection, session)

    def _may_begin(self, connection: Connection) -> bool:
        """Tell whether a session can be opened before the client has sent any data."""
        if connection.is_clear:
            return self._guest.speaks_first
        return connection.is_established

    def _begin(self, connection: Connection) -> Session:
        """Open a connection's session: data can flow from now on."""
        if connection.channel is not None:
            if connection.holds_place:
                self._shares.end_handshake(connection)
            self.notes.secured(connection, connection.channel)
        session = connection.session = self._guest.open_session(connection)
        session.begin()
        return session

    def _watch_for(self, connection: Connection, session: Session) -> None:
        events = _OUT if connection.unsent or session.is_sending else _IN
        if events != connection.events:
            connection.events = events
            self.epoll.modify(connection.fd, events)

    def _move(self, connection: Connection, now: float, *, restart: bool) -> None:
        old = connection.phase
        new = self._waits.permitted(old, connection.phase_now())
        if old is not new or restart:
            self._waits.move(connection, old, new, now)
            connection.phase = new

    def _ring(self, connection: Connection, now: float) -> None:
        session = connection.session
        if session is None or not self._is_open(connection):
            return
        try:
            session.on_timer()
        except Exception as error:  # noqa: BLE001 - fail closed, and keep serving others
            self.refuse(connection, Refusal.INTERNAL_ERROR, now, why=repr(error))

    # --- ending ------------------------------------------------------------------

    def _refuse_tls(self, connection: Connection, error: TlsError, now: float) -> None:
        reason = Refusal.BAD_TLS if connection.is_established else Refusal.NOT_TLS
        if error.is_unverifiable:
            reason = Refusal.UNVERIFIABLE
            self._acceptor.unverifiable.add(connection.address)
        self.refuse(connection, reason, now, why=str(error))

    def _finish(self, connection: Connection) -> None:
        """End a connection that the session has closed."""
        self._forget(connection)
        connection.end()

    def _drop(self, connection: Connection) -> None:
        """Close the socket of a peer that is gone."""
        self._forget(connection)
        connection.abandon()

    def _forget(self, connection: Connection) -> None:
        """Strike a connection off; closing its socket takes it out of the epoll."""
        del self._connections[connection.fd]
        self._shares.remove(connection)
        self._waits.leave(connection, connection.phase)
        if connection.has_timer:
            self.timers.forget(connection)
        session, connection.session = connection.session, None
        if session is not None:  # each would keep the other alive until the next gc
            try:
                session.end()
            except Exception as error:  # noqa: BLE001 - the others are served on
                reason, now = Refusal.INTERNAL_ERROR, time.monotonic()
                self.notes.refused(reason, now, client="", why=repr(error))
        self.notes.closed()
