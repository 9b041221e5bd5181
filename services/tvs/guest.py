"""TVS as a guest of the stream server: from requests to answers, counted and logged."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs.elements import is_device_name
from tokenless.protocol.tvs.messages import Query
from tokenless.protocol.tvs.stream import ServerStream
from tokenless.services.limited_log import shortened
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.guest import GuestTools, Session, WorkerGuest
from tokenless.services.tvs import log_lines, trace
from tokenless.services.tvs.caches import CachedCertificate, CacheName, Caches, Index
from tokenless.services.tvs.counters import TvsCount
from tokenless.services.tvs.decision import Decision, decide

# Looked up once: a member of an enumeration costs Python ten times a constant.
_QUERIES: Final = int(TvsCount.QUERIES)
_VERIFICATIONS: Final = int(TvsCount.VERIFICATIONS)
_TRUSTED: Final = int(TvsCount.ANSWERS_TRUSTED)
_UNTRUSTED: Final = int(TvsCount.ANSWERS_UNTRUSTED)
_IN_DB: Final = int(TvsCount.FOUND_IN_DB)
_IN_CTL: Final = int(TvsCount.FOUND_IN_CTL)


class TvsGuest(WorkerGuest):
    """Answers the requests of all connections from the caches."""

    def __init__(self, caches: Caches, tools: GuestTools) -> None:
        self.caches = caches
        self.cells = tools.cells
        self.log = tools.log
        self.buffered_bytes = tools.limits.buffered_bytes
        # Checked once: lines that are not written would cost more than the answers.
        self.is_debugging = tools.log.log.is_enabled_for(LogLevel.DEBUG)
        self.is_informing = tools.log.log.is_enabled_for(LogLevel.INFO)

    def open_session(self, connection: Connection) -> "TvsSession":
        """Return what answers one phone."""
        return TvsSession(connection, self)

    def take_state(self, state: bytes) -> None:
        """Answer from these caches from now on."""
        unpack_caches(state, self.caches)

    def accepted_lines(self, fd: int, address: str, total: int) -> Iterable[str]:
        """Return the vendor's lines of a new connection."""
        return log_lines.accepted(fd, address, total)

    def handshake_lines(self, address: str, cipher: str) -> Iterable[str]:
        """Return the vendor's lines of a finished handshake."""
        return log_lines.handshake_done(address, cipher)

    def closed_lines(self) -> Iterator[str]:
        """Return the vendor's line of a connection's end."""
        return log_lines.closed()


def make_worker_guest(tools: GuestTools) -> TvsGuest:
    """Return the guest of a worker process, whose caches are filled from outside."""
    return TvsGuest(Caches(), tools)


class TvsSession(Session):
    """One phone's requests and answers."""

    __slots__ = ("_guest", "_stream")

    def __init__(self, connection: Connection, guest: TvsGuest) -> None:
        self.connection = connection
        self._guest = guest
        self._stream = ServerStream(max_buffered_bytes=guest.buffered_bytes)

    def receive(self, data: bytes) -> None:
        """Take plaintext."""
        self._stream.receive(data)

    @property
    def is_between_requests(self) -> bool:
        """Return whether nothing of a next request has come."""
        return self._stream.is_between_messages

    def answer(self) -> int:
        """Answer complete requests; return their number."""
        answered = 0
        connection, stream, guest = self.connection, self._stream, self._guest
        while not connection.unsent and (request := stream.next_event()) is not None:
            db, ctl = guest.caches.db.index, guest.caches.ctl.index
            decision = decide(request, db, ctl)
            message = decision.encode()
            if guest.is_debugging:
                self._trace(decision, message, db, ctl)
            connection.send(message)
            answered += 1
            self._count(decision)
            if guest.is_informing:
                self._inform(decision)
        return answered

    def _trace(self, decision: Decision, message: bytes, db: Index, ctl: Index) -> None:
        stream = self._stream
        exchange = trace.Exchange(
            self.connection.fd, stream.last_head, stream.last_length, message
        )
        for line in trace.lines_of(decision, exchange, db, ctl):
            self._guest.log.log.debug(line)

    def _count(self, decision: Decision) -> None:
        cells, request = self._guest.cells, decision.request
        cells[_QUERIES if isinstance(request, Query) else _VERIFICATIONS] += 1
        if decision.entry is None:
            cells[_UNTRUSTED] += 1
        else:
            cells[_TRUSTED] += 1
            cells[_IN_DB if decision.found_in is CacheName.DB else _IN_CTL] += 1
        if request.ignored_elements:
            cells[TvsCount.ELEMENTS_IGNORED] += request.ignored_elements
        if not is_device_name(request.device):
            cells[TvsCount.ODD_DEVICE_NAMES] += 1

    def _inform(self, decision: Decision) -> None:
        """Log an answer, while the second's budget of lines lasts."""
        request, entry = decision.request, decision.entry
        is_query = isinstance(request, Query)
        log = self._guest.log
        if not log.may_write("queries" if is_query else "verifications"):
            return
        device = shortened(request.device)
        about = {"device": device, "phone": self.connection.address}
        if isinstance(request, Query):
            about |= {
                "serial": shortened(request.serial_hex),
                "issuer": shortened(request.issuer),
            }
        elif entry is not None:
            about |= {"serial": entry.serial_hex, "issuer": shortened(entry.issuer)}
        if entry is not None:
            about |= {"roles": ",".join(map(str, entry.roles))}
        if decision.found_in is not None:
            about |= {"cache": decision.found_in}
        if request.ignored_elements:
            about |= {"ignored_elements": str(request.ignored_elements)}
        shown = self.connection.peer_certificate
        if shown is not None:
            about |= {"shown": shortened(_subject_of(shown))}
        log.log.info(
            "QUERY answered" if is_query else "VERIFY answered",
            status=decision.status.name.lower(),
            **about,
        )


class CachesState:
    """The caches of the daemon, as the guests of its workers take them."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def version(self) -> object:
        """Return the two indexes: each is replaced as a whole."""
        return (self._caches.db.index, self._caches.ctl.index)

    def pack(self) -> bytes:
        """Return what both caches hold."""
        caches = self._caches
        return msgspec.msgpack.encode(
            (_entries(caches.db.index), _entries(caches.ctl.index))
        )


class _PackedCertificate(msgspec.Struct, frozen=True, array_like=True):
    """One certificate of a cache."""

    der: bytes
    subject: str
    issuer: str
    serial: bytes
    roles: tuple[int, ...]
    ttl: int


_DECODER: Final = msgspec.msgpack.Decoder(
    tuple[tuple[_PackedCertificate, ...], tuple[_PackedCertificate, ...]]
)


def unpack_caches(state: bytes, caches: Caches) -> None:
    """Put what `CachesState.pack` returned into other caches."""
    db, ctl = _DECODER.decode(state)
    caches.db.index = _index(db)
    caches.ctl.index = _index(ctl)


def _entries(index: Index) -> tuple[_PackedCertificate, ...]:
    return tuple(
        _PackedCertificate(
            each.der, each.subject, each.issuer, each.serial, each.roles, each.ttl
        )
        for each in index
    )


def _index(entries: tuple[_PackedCertificate, ...]) -> Index:
    return Index(
        [CachedCertificate(**msgspec.structs.asdict(each)) for each in entries]
    )


def _subject_of(certificate: bytes) -> str:
    """Return the subject of a MIC or LSC, for the log."""
    try:
        return Certificate.decode(certificate).subject_text
    except ProtocolError:
        return "unreadable"
