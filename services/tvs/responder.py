"""From a request to its answer, with all that is counted and logged about it."""

import structlog

from tokenless.protocol.certificate import Certificate
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs_elements import is_device_name
from tokenless.protocol.tvs_messages import Query
from tokenless.services.logs import LogLevel
from tokenless.services.tvs import trace
from tokenless.services.tvs.caches import CacheName, Caches
from tokenless.services.tvs.connection import Connection
from tokenless.services.tvs.counters import TvsCounters
from tokenless.services.tvs.decision import Decision, decide


class Responder:
    """Answers the requests of connections from the caches."""

    def __init__(
        self,
        caches: Caches,
        counters: TvsCounters,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._caches = caches
        self._counters = counters
        self._log = log
        # Asked once: lines that nobody reads would cost more than the answers.
        self._is_debugging = log.is_enabled_for(LogLevel.DEBUG)
        self._is_informing = log.is_enabled_for(LogLevel.INFO)

    def answer_requests(self, connection: Connection) -> int:
        """Answer what is whole in a connection's stream; return how many that were.

        Raises:
            ProtocolError: When the phone sent something that is not a request.
            Disconnected, TlsError: When the peer has gone.
        """
        answered = 0
        while (request := connection.next_request()) is not None:
            db, ctl = self._caches.db.index, self._caches.ctl.index
            decision = decide(request, db, ctl)
            message = decision.encode()
            if self._is_debugging:
                exchange = trace.Exchange(
                    connection.fd, *connection.last_message, message
                )
                for line in trace.lines_of(decision, exchange, db, ctl):
                    self._log.debug(line)
            connection.send(message)
            answered += 1
            self._count(decision)
            if self._is_informing:
                self._inform(decision, connection)
        return answered

    def _count(self, decision: Decision) -> None:
        counters, request = self._counters, decision.request
        if isinstance(request, Query):
            counters.queries += 1
        else:
            counters.verifications += 1
        if decision.entry is None:
            counters.answers_untrusted += 1
        elif decision.found_in is CacheName.DB:
            counters.answers_trusted += 1
            counters.found_in_db += 1
        else:
            counters.answers_trusted += 1
            counters.found_in_ctl += 1
        counters.elements_ignored += request.ignored_elements
        if not is_device_name(request.device):
            counters.odd_device_names += 1

    def _inform(self, decision: Decision, connection: Connection) -> None:
        request, entry = decision.request, decision.entry
        about = {"device": request.device, "phone": connection.address}
        if isinstance(request, Query):
            about |= {"serial": request.serial_hex, "issuer": request.issuer}
        elif entry is not None:
            about |= {"serial": entry.serial_hex, "issuer": entry.issuer}
        if entry is not None:
            about |= {"roles": ",".join(map(str, entry.roles))}
        if decision.found_in is not None:
            about |= {"cache": decision.found_in}
        if request.ignored_elements:
            about |= {"ignored_elements": str(request.ignored_elements)}
        shown = connection.peer_certificate
        if shown is not None:
            about |= {"shown": _subject_of(shown)}
        self._log.info(
            "QUERY answered" if isinstance(request, Query) else "VERIFY answered",
            status=decision.status.name.lower(),
            **about,
        )


def _subject_of(certificate: bytes) -> str:
    """Return the subject of a MIC or LSC, for the log."""
    try:
        return Certificate.decode(certificate).subject_text
    except ProtocolError:
        return "unreadable"
