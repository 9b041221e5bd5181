"""The loop of a TFTP server: drains the sockets, moves the transfers, sends.

It waits for nothing and knows no trio: `turn` handles what is there, `expire` what is
due; `driver` has them called when there is an event or `next_at` has come.
No task, thread or callback belongs to a transfer: with thousands of phones the system
calls are what a packet costs, and they are kept to a receive and a send.
"""

import select
from collections.abc import Sequence
from typing import Final

import structlog

from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.packets import Opcode, TftpErrorCode, encode_error
from tokenless.services.tftp.counters import Count, TftpCounters
from tokenless.services.tftp.files.background import Background
from tokenless.services.tftp.files.source import FileSource
from tokenless.services.tftp.intake import Intake
from tokenless.services.tftp.requests import RequestHandler
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets.listener import Listener, Peer
from tokenless.services.tftp.sockets.ports import PortPool
from tokenless.services.tftp.transfer_log import TransferLog
from tokenless.services.tftp.transfers.deadlines import Deadlines
from tokenless.services.tftp.transfers.pending_files import PendingFiles, PendingRequest
from tokenless.services.tftp.transfers.session import Session, send_segmented
from tokenless.services.tftp.transfers.table import TransferTable

_EVENTS_A_TURN: Final = 512
_LONGEST_ANSWER: Final = 128
"""An ACK has 4 bytes, an ERROR a text that is cut here."""
_REQUEST_HEAD: Final = bytes((0, Opcode.RRQ))
_ERROR_HEAD: Final = bytes((0, Opcode.ERROR))
_ANSWER_HEADS: Final = frozenset((bytes((0, Opcode.ACK)), bytes((0, Opcode.DATA))))
_WRONG_TID: Final = encode_error(TftpErrorCode.UNKNOWN_TRANSFER_ID)
_REPLACED: Final = encode_error(
    TftpErrorCode.NOT_DEFINED, "Replaced by a newer request from this port"
)


class Engine:
    """One listener with its transfers."""

    def __init__(
        self,
        listener: Listener,
        source: FileSource,
        settings: TftpSettings,
        counters: TftpCounters,
        logger: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._listener = listener
        self._listener_descriptor = listener.socket.fileno()
        self._has_ports = settings.ports is Ports.PER_TRANSFER
        self._counters = counters
        self._transfer_log = TransferLog(logger, settings.log_lines_per_s)
        self._table = TransferTable(settings)
        self._handler = RequestHandler(
            source, settings, self._table, counters, self._transfer_log
        )
        self._pending_files = PendingFiles()
        self._loading: Background[Session] = Background()
        self._deadlines: Deadlines[Session] = Deadlines()
        self._by_descriptor: dict[int, Session] = {}
        self._intake = Intake(listener.socket, has_ports=self._has_ports)
        self._room = 0
        self.epoll = select.epoll()
        """Has an event when `turn` has something to do."""
        self._is_draining = False
        self._is_listening = True
        for each in (listener.socket, self._pending_files, self._loading):
            self.epoll.register(each, select.EPOLLIN)
        self._ports = PortPool(listener.socket.family, self.epoll)

    def replace_source(self, source: FileSource) -> None:
        """Serve other files from the next request on."""
        self._handler.source = source

    def change_settings(self, settings: TftpSettings) -> None:
        """Behave otherwise from the next request on; sockets stay as they are."""
        self._handler.change_settings(settings)
        self._table.change_settings(settings)
        self._transfer_log.change_rate(settings.log_lines_per_s)

    @property
    def next_at(self) -> float:
        """Time of the next `expire`; infinity when nothing waits."""
        # By twos, which are cheaper where this is compiled: it is asked in every turn.
        soonest = min(self._deadlines.next_at, self._ports.trim_at)
        return min(soonest, self._transfer_log.summary_at)

    @property
    def under_way(self) -> int:
        """Number of transfers, including those that wait for a file to be made."""
        return len(self._table) + len(self._pending_files)

    def turn(self, now: float) -> int:
        """Handle what has arrived; return for how many sockets that was."""
        events = self.epoll.poll(0, _EVENTS_A_TURN)
        self._room = self._intake.room(len(events), now)
        session_of = self._by_descriptor.get
        for descriptor, _ in events:
            session = session_of(descriptor)
            if session is None:
                self._turn_other(descriptor, now)
                continue
            try:
                # The path of nearly every datagram: kept free of calls of our own.
                data = session.recv(_LONGEST_ANSWER)
                packet = session.transfer.next_packet(data, now)
                if packet is None:
                    self._receive(session, data, now)
                else:
                    session.send(packet)
            except BlockingIOError:
                continue  # nothing there after all, or no room: as if lost on the way
            except OSError:
                self._client_is_gone(session, now)
        return len(events)

    def expire(self, now: float) -> None:
        """Send again, or give up, blocks that were due before now."""
        for session in self._deadlines.due(now):
            session.transfer.tick(now)
            self._go_on(session, now)
            if not session.is_over:
                self._deadlines.add(session, now)
        self._transfer_log.summarise(now)
        self._ports.trim(now)

    def drain(self) -> None:
        """Take no more requests; transfers under way go on."""
        self._is_draining = True
        has_own = self._has_ports and all(each.port is not None for each in self._table)
        # Those that are sent through the listener have their answers from it.
        if has_own and self._is_listening:
            self._is_listening = False
            self.epoll.unregister(self._listener_descriptor)

    def close(self, now: float) -> None:
        """End every transfer and give its descriptors back; not the listener."""
        for session in self._table:
            session.end(TransferOutcome.STOPPED)
            self._ended(session, now)
        self._pending_files.close()
        self._loading.close()
        self._ports.close()
        self.epoll.close()

    def _turn_other(self, descriptor: int, now: float) -> None:
        """Handle the listener, a stranger on a transfer's port, or an idle port."""
        if descriptor == self._listener_descriptor:
            self._drain_listener(now)
            return
        if descriptor == self._pending_files.fileno():
            self._take_made(now)
            return
        if descriptor == self._loading.fileno():
            self._take_loaded(now)
            return
        port = self._ports.find(descriptor)
        if port is None:
            return  # closed earlier in this turn
        if descriptor == port.descriptor:
            port.drain()
            return
        strangers = port.answer_strangers(_WRONG_TID, _ERROR_HEAD)
        self._counters.add(Count.WRONG_TID, strangers)

    def _take_made(self, now: float) -> None:
        """Handle the requests again whose files have been made."""
        for waiting, result in self._pending_files.finished():
            if isinstance(result, bytes):
                waiting.unprepared.keep(result)
                self._take(waiting.data, waiting.peer, waiting.local, now)
            else:
                peer, name = waiting.peer, waiting.filename
                refusal = self._handler.refuse(peer, name, result, now)
                self._listener.send(refusal, peer, waiting.local)

    def _take_loaded(self, now: float) -> None:
        """Let the transfers go on whose blocks were read."""
        for session, _ in self._loading.finished():
            session.is_loading = False
            session.transfer.resume()
            self._go_on(session, now)

    def _drain_listener(self, now: float) -> None:
        receive = self._listener.receive
        session_of = self._table.get
        for _ in range(self._room):
            try:
                data, peer, local = receive()
            except OSError:
                return
            self._intake.taken += 1
            session = None if data[:2] == _REQUEST_HEAD else session_of(peer)
            if session is None or session.port is not None:
                self._receive_other(data, peer, local, now)
                continue
            if session.predecessor is not None:
                session = session.addressee(data)
            self._receive(session, data, now)

    def _receive(self, session: Session, data: bytes, now: float) -> None:
        """Take a datagram of a transfer's client, and answer it."""
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
            return
        if self._is_draining:
            return
        self._counters.add(Count.REQUESTS)
        if len(self._pending_files):
            if self._pending_files.has(peer, data):
                self._counters.add(Count.DUPLICATES)
                return
            self._pending_files.forget(peer)
        self._take(data, peer, local, now)

    def _go_on(self, session: Session, now: float) -> None:
        """Send a transfer's datagrams, load the blocks that it waits for, or end it."""
        transfer = session.transfer
        self._send(session, transfer.datagrams(), now)
        if transfer.outcome is not None:
            self._ended(session, now)
        elif transfer.is_waiting:
            self._load(session)

    def _load(self, session: Session) -> None:
        packets = session.packets
        if packets is not None and not session.is_loading:
            session.is_loading = True
            self._loading.submit(session, packets.load)

    def _advance(self, session: Session, now: float) -> None:
        """Do the rarer work: a first answer, a window, a block to load, the end."""
        transfer = session.transfer
        if session.is_new and transfer.answered:
            replaced = self._table.answered(session)
            if replaced is not None:
                replaced.end(TransferOutcome.REPLACED)
                self._ended(replaced, now)
        if transfer.outcome is not None:
            self._ended(session, now)
            return
        if session.segment_bytes:
            self._send(session, transfer.datagrams(), now)
        if transfer.is_waiting:
            self._load(session)

    def _send(self, session: Session, datagrams: Sequence[bytes], now: float) -> None:
        try:
            if session.segment_bytes and len(datagrams) > 1:
                send_segmented(session, datagrams)
                return
            for datagram in datagrams:
                session.send(datagram)
        except BlockingIOError:
            return  # as if it had been lost on the way
        except OSError:
            self._client_is_gone(session, now)

    def _take(self, data: bytes, peer: Peer, local: str, now: float) -> None:
        answer = self._handler.take(data, peer, local, now)
        if isinstance(answer, Session):
            if answer.is_begun:
                answer.transfer.ask_again()
                self._go_on(answer, now)
            else:
                self._begin(answer, local, now)
        elif isinstance(answer, PendingRequest):
            is_known = self._table.is_known(peer[0])
            if not self._pending_files.put(answer, is_known=is_known):
                self._handler.note_crowd(peer, now)
        elif answer is not None:
            self._listener.send(answer, peer, local)

    def _begin(self, session: Session, local: str, now: float) -> None:
        displaced = self._table.to_displace(session.peer, now)
        if displaced is not None:
            self._displace(displaced, session.peer, now)
        if self._has_ports and not self._take_port(session, local):
            session = self._handler.for_shared_port(session, now)
        if session.port is None:
            session.send_through(self._listener, local)
        session.is_begun = True
        self._table.add(session)
        self._counters.start()
        self._go_on(session, now)
        if not session.is_over:
            self._deadlines.add(session, now)

    def _displace(self, displaced: Session, by: Peer, now: float) -> None:
        """End a transfer for a new one; a client that asked for both is told."""
        # From a port of its own: from the well-known one it would end the new transfer.
        if displaced.peer == by and displaced.port is not None:
            self._send(displaced, [_REPLACED], now)
        displaced.end(TransferOutcome.DISPLACED)
        self._ended(displaced, now)

    def _take_port(self, session: Session, local: str) -> bool:
        """Give a transfer its own port; return whether there was one."""
        try:
            port = self._ports.take(session.peer, local)
        except OSError:
            self._counters.add(Count.SHARED_PORT)
            return False
        session.use(port)
        self._by_descriptor[port.descriptor] = session
        return True

    def _client_is_gone(self, session: Session, now: float) -> None:
        """End a transfer whose client's port is closed (ICMP says so)."""
        session.transfer.lose_client()
        self._ended(session, now)

    def _ended(self, session: Session, now: float) -> None:
        transfer = session.transfer
        if session.is_ended:
            return
        session.is_ended = True
        self._table.remove(session)
        if session.port is not None:
            del self._by_descriptor[session.port.descriptor]
            self._ports.give_back(session.port)
            session.port = None
        if transfer.outcome is not None:
            self._counters.end(
                transfer.outcome, transfer.bytes_acknowledged, transfer.retransmits
            )
        self._transfer_log.ended(session, now)
