"""The loop of a TFTP server: drains the sockets, moves the transfers, sends.

It waits for nothing and knows no trio: `turn` handles what is there, `expire` what is
due; `server` and `workers` call them when the epoll descriptor is readable or
`next_at` has come. No task, thread or callback belongs to a transfer: with thousands
of phones the system calls are what a packet costs, and they are kept to a receive and
a send.
"""

import select
from collections.abc import Sequence
from typing import Final

import structlog

from tokenless.protocol.tftp_packets import Opcode, TftpErrorCode, encode_error
from tokenless.protocol.tftp_transfer import Outcome
from tokenless.services.tftp.counters import Count, CounterRow
from tokenless.services.tftp.deadlines import Deadlines
from tokenless.services.tftp.handover import Handover
from tokenless.services.tftp.journal import Journal
from tokenless.services.tftp.listener import Listener
from tokenless.services.tftp.ports import PortPool
from tokenless.services.tftp.reception import Reception
from tokenless.services.tftp.session import Session
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets import Peer
from tokenless.services.tftp.source import FileSource
from tokenless.services.tftp.table import TransferTable
from tokenless.services.tftp.trains import send_trains

_EVENTS_A_TURN: Final = 512
_DATAGRAMS_A_TURN: Final = 64
"""From the well-known socket, before the transfers have their turn again."""
_LONGEST_ANSWER: Final = 128
"""An ACK has 4 bytes, an ERROR a text that is cut here."""
_REQUEST_HEAD: Final = bytes((0, Opcode.RRQ))
_ERROR_HEAD: Final = bytes((0, Opcode.ERROR))
_ANSWER_HEADS: Final = frozenset((bytes((0, Opcode.ACK)), bytes((0, Opcode.DATA))))
_WRONG_TID: Final = encode_error(TftpErrorCode.UNKNOWN_TRANSFER_ID)


class Engine:
    """One listener with its transfers."""

    def __init__(
        self,
        listener: Listener,
        source: FileSource,
        settings: TftpSettings,
        counters: CounterRow,
        logger: structlog.typing.FilteringBoundLogger,
        *,
        handover: Handover | None = None,
    ) -> None:
        self._listener = listener
        self._handover = handover
        self._listener_descriptor = listener.socket.fileno()
        self._has_ports = settings.ports is Ports.PER_TRANSFER
        self._counters = counters
        self._journal = Journal(logger, settings.log_lines_per_s)
        self._table = TransferTable(settings)
        self._reception = Reception(
            source, settings, self._table, counters, self._journal
        )
        self._deadlines: Deadlines[Session] = Deadlines()
        self._by_descriptor: dict[int, Session] = {}
        self._epoll = select.epoll()
        self._intake = {self._listener_descriptor}
        if handover is not None:
            self._intake.add(handover.fileno())
        for descriptor in self._intake:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._ports = PortPool(listener.socket.family, self._epoll)

    def replace_source(self, source: FileSource) -> None:
        """Serve other files from the next request on."""
        self._reception.source = source

    def change_settings(self, settings: TftpSettings) -> None:
        """Behave otherwise from the next request on; sockets stay as they are."""
        self._reception.settings = settings
        self._table.change_settings(settings)
        self._journal.change_rate(settings.log_lines_per_s)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `turn` has something to do."""
        return self._epoll.fileno()

    @property
    def next_at(self) -> float:
        """When `expire` has something to do; infinity when nothing waits."""
        return min(
            self._deadlines.next_at, self._journal.summary_at, self._ports.trim_at
        )

    @property
    def under_way(self) -> int:
        """How many transfers there are."""
        return len(self._table)

    def turn(self, now: float) -> int:
        """Handle what has arrived; return for how many sockets that was."""
        events = self._epoll.poll(0, _EVENTS_A_TURN)
        session_of = self._by_descriptor.get
        for descriptor, _ in events:
            session = session_of(descriptor)
            if session is None:
                self._turn_other(descriptor, now)
                continue
            try:
                # The path of nearly every datagram: kept free of calls of our own.
                transfer = session.transfer
                transfer.receive(session.recv(_LONGEST_ANSWER), now)
                if session.is_watched or transfer.outcome is not None:
                    self._advance(session, now)
                for datagram in transfer.datagrams():
                    session.send(datagram)
            except BlockingIOError:
                continue  # nothing there after all, or no room: as if lost on the way
            except OSError:
                self._client_is_gone(session, now)
        return len(events)

    def expire(self, now: float) -> None:
        """Send again, or give up, what was due before now."""
        for session in self._deadlines.due(now):
            transfer = session.transfer
            transfer.tick(now)
            if transfer.outcome is None:
                self._send(session, transfer.datagrams(), now)
                self._deadlines.add(session, now)
            else:
                self._ended(session, now)
        self._journal.summarise(now)
        self._ports.trim(now)

    def drain(self) -> None:
        """Take no more requests; transfers under way go on.

        Unless one of them is sent through it, the listener is left to a successor.
        """
        self._counters.retire()
        has_own = self._has_ports and all(each.port is not None for each in self._table)
        kept = set() if has_own else {self._listener_descriptor}
        for descriptor in self._intake - kept:
            self._epoll.unregister(descriptor)
        self._intake &= kept

    def close(self, now: float) -> None:
        """End every transfer and give its descriptors back; not the listener."""
        for session in self._table:
            session.end(Outcome.STOPPED)
            self._ended(session, now)
        self._ports.close()
        self._epoll.close()

    def _turn_other(self, descriptor: int, now: float) -> None:
        """Handle the listener, a stranger on a transfer's port, or an idle port."""
        if descriptor == self._listener_descriptor:
            self._drain_listener(now)
            return
        handover = self._handover
        if handover is not None and descriptor == handover.fileno():
            self._take_over(handover, now)
            return
        port = self._ports.find(descriptor)
        if port is None:
            return  # closed earlier in this turn
        if descriptor == port.descriptor:
            port.drain()
            return
        strangers = port.answer_strangers(_WRONG_TID, _ERROR_HEAD)
        self._counters.add(Count.WRONG_TID, strangers)

    def _take_over(self, handover: Handover, now: float) -> None:
        """Answer what predecessors left; when retired, leave it to a successor."""
        if self._counters.is_retired:
            self.drain()
            return
        for data, peer, local in handover.take():
            self._request(data, peer, local, now)

    def _drain_listener(self, now: float) -> None:
        receive = self._listener.receive
        session_of = self._table.get
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                data, peer, local = receive()
            except OSError:
                return
            session = None if data[:2] == _REQUEST_HEAD else session_of(peer)
            if session is None or session.port is not None:
                self._receive_other(data, peer, local, now)
                continue
            if session.predecessor is not None:
                session = _addressee(session, session.predecessor, data)
            transfer = session.transfer
            transfer.receive(data, now)
            if session.is_watched or transfer.outcome is not None:
                self._advance(session, now)
            for datagram in transfer.datagrams():
                session.send(datagram)

    def _receive_other(self, data: bytes, peer: Peer, local: str, now: float) -> None:
        """Take a request, or an answer that belongs to no transfer of this port."""
        if data[:2] in _ANSWER_HEADS:
            self._counters.add(Count.WRONG_TID)
            self._listener.send(_WRONG_TID, peer, local)
        else:
            self._request(data, peer, local, now)

    def _advance(self, session: Session, now: float) -> None:
        """Do what is rarer: a first answer, a window, the end."""
        transfer = session.transfer
        if session.is_new and transfer.answered:
            replaced = self._table.answered(session)
            if replaced is not None:
                replaced.end(Outcome.REPLACED)
                self._ended(replaced, now)
        if transfer.outcome is not None:
            self._ended(session, now)
        elif session.train_bytes:
            self._send(session, transfer.datagrams(), now)

    def _send(self, session: Session, datagrams: Sequence[bytes], now: float) -> None:
        try:
            if session.train_bytes and len(datagrams) > 1:
                send_trains(session, datagrams)
                return
            for datagram in datagrams:
                session.send(datagram)
        except BlockingIOError:
            return  # as if it had been lost on the way
        except OSError:
            self._client_is_gone(session, now)

    def _request(self, data: bytes, peer: Peer, local: str, now: float) -> None:
        if self._counters.is_retired:
            if self._handover is not None:
                self._handover.put((data, peer, local))
            return
        answer = self._reception.take(data, peer, now)
        if isinstance(answer, Session):
            self._begin(answer, local, now)
        elif answer is not None:
            self._listener.send(answer, peer, local)

    def _begin(self, session: Session, local: str, now: float) -> None:
        displaced = self._table.to_displace(session.peer)
        if displaced is not None:
            displaced.end(Outcome.DISPLACED)
            self._ended(displaced, now)
        self._connect(session, local)
        self._table.add(session)
        self._counters.add(Count.STARTED)
        self._send(session, session.transfer.datagrams(), now)
        if session.transfer.outcome is None:
            self._deadlines.add(session, now)

    def _connect(self, session: Session, local: str) -> None:
        """Give a transfer its own port, or the well-known one where there is none."""
        peer = session.peer
        if self._has_ports:
            try:
                port = self._ports.take(peer, local)
            except OSError:
                self._counters.add(Count.SHARED_PORT)
            else:
                session.port = port
                session.send, session.recv = port.own.send, port.own.recv
                if not port.cut_trains(session.train_bytes):
                    session.train_bytes = 0
                self._by_descriptor[port.descriptor] = session
                return
        parts, send_train = session.train_bytes, self._listener.send_train
        if parts:
            session.send = lambda data: send_train(data, peer, local, parts)
            return
        send = self._listener.send
        session.send = lambda data: send(data, peer, local)

    def _client_is_gone(self, session: Session, now: float) -> None:
        """End a transfer whose client's port is closed (ICMP says so)."""
        session.transfer.lose_client()
        self._ended(session, now)

    def _ended(self, session: Session, now: float) -> None:
        transfer = session.transfer
        self._table.remove(session)
        if session.port is not None:
            del self._by_descriptor[session.port.descriptor]
            self._ports.give_back(session.port)
            session.port = None
        if transfer.outcome is not None:
            self._counters.end(
                transfer.outcome, transfer.bytes_acknowledged, transfer.retransmits
            )
        self._journal.ended(session, now)


def _addressee(session: Session, predecessor: Session, data: bytes) -> Session:
    """Return whose datagram it is: of two transfers of one client at one port.

    Until the client has answered the newer one, everything but that answer is still
    meant for the older.
    """
    is_answer = predecessor.port is not None or session.transfer.awaits(data)
    return session if is_answer else predecessor
