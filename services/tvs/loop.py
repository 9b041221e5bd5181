"""The inner loop of the TVS daemon, without trio: sockets, epoll and what is ready.

No step waits for a peer: not accept, not a handshake, not a write. Each turn ends after
a bounded time, so whoever drives the loop keeps the process fair. An error inside ends
the connection that it happened on without an answer: the daemon fails closed.
"""

import select
import ssl
import time
from collections.abc import Sequence
from typing import Final

import structlog

from tokenless.protocol.errors import ProtocolError
from tokenless.services.logs import LogLevel
from tokenless.services.tvs import log_lines
from tokenless.services.tvs.connection import Connection, Disconnected
from tokenless.services.tvs.counters import Refusal, TvsCounters
from tokenless.services.tvs.listeners import Listener
from tokenless.services.tvs.peers import Peers
from tokenless.services.tvs.refusals import Refusals
from tokenless.services.tvs.responder import Responder
from tokenless.services.tvs.settings import TvsLimits
from tokenless.services.tvs.tls import TlsContexts
from tokenless.services.tvs.tls_channel import TlsChannel, TlsError
from tokenless.services.tvs.unverifiable import Unverifiable
from tokenless.services.tvs.waits import Phase, Waits

# A turn's share of the process: some dozens of RSA signatures.
_TURN_S: Final = 0.01
_EVENTS_A_POLL: Final = 32
_ACCEPTS_AT_ONCE: Final = 64
# How long nothing is accepted when there is no room and nobody to send away.
_PAUSE_S: Final = 0.2

# Looking a member up costs Python what a tenth of a request does.
_HANDSHAKE: Final = Phase.HANDSHAKE

_TIMEOUTS: Final = {
    Phase.FIRST_BYTE: Refusal.SILENT,
    Phase.HANDSHAKE: Refusal.HANDSHAKE_TIMEOUT,
    Phase.REQUEST: Refusal.REQUEST_TIMEOUT,
    Phase.IDLE: Refusal.IDLE,
}


class TvsLoop:
    """All connections of one daemon."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        contexts: TlsContexts,
        responder: Responder,
        *,
        limits: TvsLimits,
        counters: TvsCounters,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.contexts = contexts
        """For connections to come; replaced when the certificate is."""
        self._responder = responder
        self._limits = limits
        self._counters = counters
        self._refusals = Refusals(counters, log)
        self._log = log
        self._is_debugging = log.is_enabled_for(LogLevel.DEBUG)
        self._listeners = {each.socket.fileno(): each for each in listeners}
        self._connections: dict[int, Connection] = {}
        self._peers = Peers()
        self._unverifiable = Unverifiable()
        self._waits: Waits[Connection] = Waits(limits)
        self._accepts_again_at: float | None = None
        self._epoll = select.epoll()
        self._watch_listeners()

    def fileno(self) -> int:
        """Return the descriptor that is readable when a turn has work."""
        return self._epoll.fileno()

    def change_limits(self, limits: TvsLimits) -> None:
        """Keep to other limits; who is connected stays, also beyond them."""
        self._limits = limits
        self._waits.change_limits(limits)

    def turn(self) -> None:
        """Do what is ready, for a bounded time."""
        now = time.monotonic()
        stop = now + _TURN_S
        while now < stop:
            ready = self._epoll.poll(0, _EVENTS_A_POLL)
            if not ready:
                return
            for fd, _ in ready:
                connection = self._connections.get(fd)
                if connection is not None:
                    self._advance(connection, now)
                elif fd in self._listeners and self._accepts_again_at is None:
                    self._accept(self._listeners[fd], now)
            now = time.monotonic()

    def sweep(self) -> None:
        """End the connections whose time is over; accept again after a pause."""
        now = time.monotonic()
        for connection, phase in self._waits.expired(now):
            self._refuse(connection, _TIMEOUTS[phase], now)
        if self._accepts_again_at is not None and now >= self._accepts_again_at:
            self._accepts_again_at = None
            self._watch_listeners()

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def stop_accepting(self) -> None:
        """Stop listening; clients that are connected are served on."""
        # A worker's listeners are open in the pool, too: closing them here would leave
        # them in the epoll, and wake this worker for clients of the next one.
        if self._accepts_again_at is None:
            self._ignore_listeners()
        self._accepts_again_at = None
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()

    def close(self) -> None:
        """Say goodbye to everybody and stop listening."""
        self.stop_accepting()
        for connection in tuple(self._connections.values()):
            self._forget(connection)
            connection.end()
        self._epoll.close()

    # --- accepting ---------------------------------------------------------------

    def _watch_listeners(self) -> None:
        for fd in self._listeners:
            self._epoll.register(fd, select.EPOLLIN)

    def _ignore_listeners(self) -> None:
        for fd in self._listeners:
            self._epoll.unregister(fd)

    def _accept(self, listener: Listener, now: float) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if len(self._connections) >= self._limits.connections and (
                not self._send_one_away(now)
            ):
                self._pause_accepting(Refusal.TOO_MANY, now)
                return
            try:
                sock, (address, *_rest) = listener.socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # reset while it waited in the backlog
            except OSError as error:
                if self._send_one_away(now, why=str(error)):
                    continue
                self._pause_accepting(Refusal.NO_DESCRIPTORS, now, why=str(error))
                return
            sock.setblocking(False)
            context = self._context_for(listener, address)
            connection = Connection(sock, address, context, self._limits.buffered_bytes)
            if self._has_room_for(address, now):
                self._admit(connection, now)
            else:
                why = Refusal.TOO_MANY_FROM_ADDRESS
                self._refusals.note(why, now, phone=address)
                connection.end()

    def _context_for(self, listener: Listener, address: str) -> ssl.SSLContext:
        contexts = self.contexts
        if contexts.unasking is not None and address in self._unverifiable:
            contexts = contexts.unasking
        if listener.is_legacy and contexts.legacy is not None:
            return contexts.legacy
        return contexts.modern

    def _send_one_away(self, now: float, *, why: str = "") -> bool:
        """End the connection that has waited longest, unless all are busy."""
        longest = self._waits.longest_waiting(now)
        if longest is not None:
            self._refuse(longest, Refusal.EVICTED, now, why=why)
        return longest is not None

    def _has_room_for(self, address: str, now: float) -> bool:
        """Whether an address may have one more, if need be in place of an idle one."""
        if self._peers.count(address) < self._limits.connections_per_address:
            return True
        oldest = self._peers.oldest_idle(address)
        if oldest is not None:
            self._refuse(oldest, Refusal.EVICTED, now)
        return oldest is not None

    def _pause_accepting(self, reason: Refusal, now: float, *, why: str = "") -> None:
        """Let clients wait in the backlog until there may be room."""
        self._refusals.note(reason, now, phone="", why=why)
        self._ignore_listeners()
        self._accepts_again_at = now + _PAUSE_S

    def _admit(self, connection: Connection, now: float) -> None:
        self._connections[connection.fd] = connection
        self._peers.add(connection)
        self._waits.enter(connection, connection.phase, now)
        self._epoll.register(connection.fd, select.EPOLLIN)
        counters = self._counters
        counters.connections_accepted += 1
        counters.connections_open += 1
        if self._is_debugging:
            total = counters.connections_accepted
            for line in log_lines.accepted(connection.fd, connection.address, total):
                self._log.debug(line)

    # --- serving -----------------------------------------------------------------

    def _advance(self, connection: Connection, now: float) -> None:
        """Do what is ready on a connection; whatever goes wrong ends only it."""
        try:
            self._exchange(connection, now)
        except Disconnected:
            self._drop(connection)
        except TlsError as failure:
            self._refuse_tls(connection, failure, now)
        except ProtocolError as error:
            self._refuse(connection, Refusal.BAD_REQUEST, now, why=str(error))
        except Exception as error:  # noqa: BLE001 - fail closed, and keep serving others
            self._refuse(connection, Refusal.INTERNAL_ERROR, now, why=repr(error))

    def _exchange(self, connection: Connection, now: float) -> None:
        was_stuck = bool(connection.unsent)
        if was_stuck:
            connection.flush()
        else:
            connection.receive()
        channel = connection.channel
        if channel is None or connection.unsent:
            return
        if connection.phase <= _HANDSHAKE and channel.is_established:
            self._count_handshake(connection.address, channel)
        answered = self._responder.answer_requests(connection)
        connection.flush()
        if channel.is_closed_by_peer:
            connection.say_goodbye()
            raise Disconnected
        self._move(connection, now, restart=answered > 0)
        is_stuck = bool(connection.unsent)
        if is_stuck is not was_stuck:
            events = select.EPOLLOUT if is_stuck else select.EPOLLIN
            self._epoll.modify(connection.fd, events)

    def _move(self, connection: Connection, now: float, *, restart: bool) -> None:
        old, new = connection.phase, connection.phase_now()
        if old is not new or restart:
            self._waits.move(connection, old, new, now)
            connection.phase = new

    def _count_handshake(self, address: str, channel: TlsChannel) -> None:
        if channel.is_resumed:
            self._counters.handshakes_resumed += 1
        else:
            self._counters.handshakes_full += 1
        if self._is_debugging:
            for line in log_lines.handshake_done(address, channel.cipher):
                self._log.debug(line)

    def _refuse_tls(
        self, connection: Connection, failure: TlsError, now: float
    ) -> None:
        reason = Refusal.NOT_TLS
        if failure.is_unverifiable:
            reason = Refusal.UNVERIFIABLE
            self._unverifiable.add(connection.address)
        elif connection.is_established:
            reason = Refusal.BAD_TLS
        self._refuse(connection, reason, now, why=str(failure))

    def _refuse(
        self, connection: Connection, reason: Refusal, now: float, *, why: str = ""
    ) -> None:
        """End a connection that its client has not ended."""
        self._refusals.note(reason, now, phone=connection.address, why=why)
        self._forget(connection)
        connection.end()

    def _drop(self, connection: Connection) -> None:
        """Close the socket of a peer that is gone."""
        self._forget(connection)
        connection.socket.close()

    def _forget(self, connection: Connection) -> None:
        """Strike a connection off; closing its socket takes it out of the epoll."""
        del self._connections[connection.fd]
        self._peers.remove(connection)
        self._waits.leave(connection, connection.phase)
        self._counters.connections_open -= 1
        if self._is_debugging:
            for line in log_lines.closed():
                self._log.debug(line)
