"""CAPF as a guest of the stream server: one session a connection, the server first."""

from enum import IntEnum, unique
from itertools import count
from typing import Final

from tokenless.protocol.capf.elements import CapfReason
from tokenless.protocol.capf.messages import CapfMessage
from tokenless.protocol.capf.server import (
    Deleted,
    Fetched,
    Identified,
    KeyMade,
    ServerEvent,
    ServerSession,
    Stored,
)
from tokenless.protocol.capf.stream import FROM_PHONES, CapfStream
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.device_security import CapfFailure, CapfOperation
from tokenless.services.capf.database_jobs import (
    Answer,
    Job,
    JobQueue,
    Postponed,
    Question,
    Signing,
    Written,
)
from tokenless.services.changes.capf import Order, Refused, Result
from tokenless.services.limited_log import shortened
from tokenless.services.metrics import collector_of
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import Guest, GuestTools, Session

_LATER_S: Final = 30
"""The seconds that a phone waits which cannot be served now: as after a failure."""


@unique
class CapfCount(IntEnum):
    """The cells of CAPF in a row of counters."""

    SESSIONS = 0
    ISSUED = 1
    DELETED = 2
    FETCHED = 3
    REFUSED = 4
    POSTPONED = 5


_DONE: Final = {
    CapfCount.ISSUED: "LSC issued",
    CapfCount.DELETED: "LSC deleted",
    CapfCount.FETCHED: "certificate fetched",
}
COLLECTOR: Final = collector_of(
    "CAPF",
    {
        CapfCount.SESSIONS: "Sessions in which a phone gave its name",
        CapfCount.ISSUED: "LSCs that phones have stored",
        CapfCount.DELETED: "LSCs that phones have deleted",
        CapfCount.FETCHED: "Certificates that phones have presented",
        CapfCount.REFUSED: "Sessions that ended without an operation",
        CapfCount.POSTPONED: "Phones that were told to try again later",
    },
)
"""The collector of the process's registry."""


class CapfGuest(Guest):
    """Opens a CAPF session on every connection."""

    speaks_first = True

    def __init__(self, jobs: JobQueue, tools: GuestTools) -> None:
        self.jobs = jobs
        self.cells = tools.cells
        self.log = tools.log
        self._numbers = count(1)
        self._open: dict[str, CapfSession] = {}

    def open_session(self, connection: Connection) -> "CapfSession":
        """Return what serves one phone; session ids count up (observed)."""
        return CapfSession(connection, self, next(self._numbers) & 0xFFFFFFFF)

    def take_over(self, device: str, session: "CapfSession") -> None:
        """Let one session at a time serve a device: a phone that comes again counts.

        Its old connection may be dead without a sign of it, and must not keep it out.
        """
        older = self._open.get(device)
        if older is not None and older is not session:
            older.connection.close()
        self._open[device] = session

    def leave(self, device: str, session: "CapfSession") -> None:
        """Forget a session that has ended."""
        if self._open.get(device) is session:
            del self._open[device]


class CapfSession(Session):
    """One phone's session."""

    __slots__ = ("_guest", "_order", "_result", "_session", "_stream", "_waits")

    def __init__(
        self, connection: Connection, guest: CapfGuest, session_id: int
    ) -> None:
        super().__init__(connection)
        self._guest = guest
        self._stream = CapfStream(FROM_PHONES)
        self._session = ServerSession(session_id)
        self._order: Order | None = None
        self._result: Certificate | None = None
        self._waits = False
        """True if a job of this session is being done."""

    def begin(self) -> None:
        """Say AUTH_REQUEST."""
        self.connection.send(self._session.begin().encode())

    def receive(self, data: bytes) -> None:
        """Take plaintext."""
        self._stream.receive(data)

    @property
    def is_between_requests(self) -> bool:
        """Tell whether no part of a next message has come, and no answer is due."""
        return self._stream.is_between_messages and not self._waits

    def answer(self) -> int:
        """Take messages until one has to wait for the jobs."""
        taken = 0
        while not self._waits and not self.connection.is_stuck:
            message = self._stream.next_event()
            if message is None:
                break
            taken += 1
            event = self._session.handle(message)
            if event is not None:
                self._react(event)
        return taken

    def end(self) -> None:
        """Forget the connection. A pending operation stays for the next one."""
        if self._order is not None:
            self._guest.leave(self._order.device.name, self)
        self._waits = False
        self._order = None

    def _react(self, event: ServerEvent) -> None:
        match event:
            case Identified():
                self._guest.cells[CapfCount.SESSIONS] += 1
                self._put(Question(event, self._session.session_id))
            case KeyMade(public_key):
                self._key_made(public_key)
            case Stored(reason):
                self._finish(reason, self._result, CapfCount.ISSUED)
            case Deleted(reason):
                self._finish(reason, None, CapfCount.DELETED)
            case Fetched(der):
                self._fetched(der)

    def _put(self, job: Job) -> None:
        self._waits = True
        self._guest.jobs.put(job, self._answered)

    def _answered(self, answer: Answer) -> None:
        """Go on with what the jobs says, unless the phone has gone meanwhile."""
        if not self._waits:
            return
        self._waits = False
        match answer:
            case Order():
                self._order = answer
                self._guest.take_over(answer.device.name, self)
                self._push(self._first_step(answer))
            case Refused(reason):
                self._guest.cells[CapfCount.REFUSED] += 1
                self._end(reason)
            case Certificate():
                self._result = answer
                self._push(self._session.store(answer.der))
            case None:
                self._fail(CapfFailure.KEY_GENERATION)
            case Written():
                self._end(self._last_reason())
            case Postponed():
                self._postpone()

    def _first_step(self, order: Order) -> CapfMessage:
        match order.operation:
            case CapfOperation.DELETE:
                return self._session.delete()
            case CapfOperation.TROUBLESHOOT:
                return self._session.fetch()
            case _:
                return self._session.order_key(order.key)

    def _key_made(self, public_key: bytes | None) -> None:
        if public_key is None or self._order is None:
            self._fail(CapfFailure.KEY_GENERATION)
        else:
            self._put(Signing(self._order, public_key))

    def _fetched(self, der: bytes | None) -> None:
        order = self._ordered()
        try:
            shown = None if der is None else Certificate.decode(der)
        except DecodeError:
            shown = None
        self._finish(CapfReason.OK, shown or order.proved, CapfCount.FETCHED)

    def _finish(
        self, reason: int, certificate: Certificate | None, counted: CapfCount
    ) -> None:
        """Write that the phone has finished its operation; then answer it."""
        order = self._ordered()
        if reason != CapfReason.OK:
            self._fail(CapfFailure.PHONE_COMMUNICATION)
            return
        self._guest.cells[counted] += 1
        self._inform(order, counted)
        self._put(Result(order.device.name, order.operation, certificate=certificate))

    def _fail(self, failure: CapfFailure) -> None:
        order = self._ordered()
        self._result = None
        self._guest.cells[CapfCount.REFUSED] += 1
        self._put(Result(order.device.name, order.operation, failure))

    def _last_reason(self) -> CapfReason:
        order = self._ordered()
        match order.operation:
            case CapfOperation.INSTALL if self._result is None:
                return CapfReason.DECLINED
            case CapfOperation.TROUBLESHOOT:
                return CapfReason.NO_ACTION  # observed
            case _:
                return CapfReason.OK

    def _ordered(self) -> Order:
        if self._order is None:
            raise RuntimeError("a CAPF session without an order")
        return self._order

    def _postpone(self) -> None:
        """Let the phone come again; in mid-session only by hanging up."""
        self._guest.cells[CapfCount.POSTPONED] += 1
        if self._order is None:
            self._push(self._session.retry_later(_LATER_S))
        self.connection.close()

    def _end(self, reason: CapfReason) -> None:
        self._push(self._session.end(reason))
        self.connection.close()

    def _push(self, message: CapfMessage) -> None:
        # One write for header and body: real phones stall otherwise (REFERENCE-3 3.1).
        self.connection.push(message.encode())

    def _inform(self, order: Order, counted: CapfCount) -> None:
        log = self._guest.log
        if log.may_write("CAPF sessions"):
            log.log.info(
                _DONE[counted],
                device=shortened(order.device.name),
                phone=self.connection.address,
            )
