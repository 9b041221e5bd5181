"""The vendor's trace of one request, as lines (REFERENCE 3.9): for debug level only.

`log_lines` has the words; this puts them into the order of what happened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Verify
from tokenless.services.tvs import log_lines
from tokenless.services.tvs.caches import CachedCertificate, Index
from tokenless.services.tvs.decision import Decision

# A certificate of a phone's peers has some 2 KB; others are not parsed for a log line.
_LARGEST_PARSED_BYTES: Final = 8_192


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as they went over the wire."""

    fd: int
    head: bytes
    """The first bytes of the request."""
    length: int
    """The request's whole length."""
    answer: bytes


def lines_of(
    decision: Decision, exchange: Exchange, db: Index, ctl: Index
) -> Iterator[str]:
    """Return everything that the vendor's daemon would have logged."""
    request = decision.request
    kind = MessageType.QUERY if isinstance(request, Query) else MessageType.VERIFY
    yield from log_lines.incoming(exchange.fd, kind, exchange.head, exchange.length)
    if isinstance(request, Query):
        serial, issuer = request.serial, request.issuer
        yield from log_lines.names_asked(request.subject, issuer, request.serial_hex)
    else:
        serial, issuer = _key_of(request)
        yield from log_lines.certificate_asked(issuer, serial)
    yield from _look_ups(request, serial.hex().upper(), issuer, db, ctl)
    yield from log_lines.sending(exchange.fd, _answer(decision), exchange.answer)


def _key_of(verify: Verify) -> tuple[bytes, str]:
    """Return serial and issuer of the certificate; empty when it is none."""
    if len(verify.certificate) > _LARGEST_PARSED_BYTES:
        return b"", ""
    try:
        certificate = Certificate.decode(verify.certificate)
    except ProtocolError:
        return b"", ""
    return certificate.serial_number, certificate.issuer_text


def _look_ups(
    request: Query | Verify, serial_hex: str, issuer: str, db: Index, ctl: Index
) -> Iterator[str]:
    key = serial_hex + issuer
    found = db.find(serial_hex, issuer)
    yield from log_lines.looked_up_in_db(key, _roles(found))
    in_ctl = found is None
    if found is None:
        found = ctl.find(serial_hex, issuer)
        yield from log_lines.looked_up_in_ctl(key, _roles(found))
    if found is not None and isinstance(request, Verify):
        equal = found.der == request.certificate
        yield from log_lines.compared(in_ctl=in_ctl, equal=equal)


def _roles(entry: CachedCertificate | None) -> tuple[int, ...] | None:
    return None if entry is None else entry.roles


def _answer(decision: Decision) -> Answer:
    """Return the answer as a value; the sent bytes are those of the cache's entry."""
    entry, kind = decision.entry, decision.answer_type
    session_id = decision.request.session_id
    if entry is None:
        return Answer(session_id, kind, decision.status)
    der = entry.der if kind is MessageType.QUERY_ANSWER else None
    return Answer(session_id, kind, decision.status, der, entry.roles, entry.ttl)
