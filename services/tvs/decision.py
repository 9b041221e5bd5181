"""TVS's decision: the look-up order, as a function of the request and the caches.

DB cache, then CTL cache, then "not found" (REFERENCE 3.6). VERIFY compares the whole
certificate. Expiry plays no role, as no observed look-up mentions it. Pure: no clock,
no I/O, no log; nothing of a request is parsed beyond what its message holds, so no
certificate, however defective, can disturb it.
"""

from typing import Final, NamedTuple, assert_never

from tokenless.protocol.tvs.messages import (
    MessageType,
    Query,
    Status,
    Verify,
    pack_answer_body,
    pack_message,
)
from tokenless.protocol.tvs.stream import Request
from tokenless.services.tvs.caches import CachedCertificate, CacheName, Index

# Looked up once: a member of an enumeration costs Python ten times a constant.
_QUERY_ANSWER: Final = MessageType.QUERY_ANSWER
_NOT_FOUND: Final = pack_answer_body(Status.UNTRUSTED)


class Decision(NamedTuple):
    """The outcome of one look-up."""

    request: Request
    entry: CachedCertificate | None
    found_in: CacheName | None

    @property
    def status(self) -> Status:
        """Trusted when a cache held it."""
        return Status.UNTRUSTED if self.entry is None else Status.TRUSTED

    @property
    def answer_type(self) -> MessageType:
        """The message type that answers the request."""
        if isinstance(self.request, Query):
            return MessageType.QUERY_ANSWER
        return MessageType.VERIFY_ANSWER

    def encode(self) -> bytes:
        """Return the answer, from the body that was built with the cache's entry."""
        request, entry = self.request, self.entry
        if isinstance(request, Query):
            kind = _QUERY_ANSWER
            body = _NOT_FOUND if entry is None else entry.query_body
        else:
            kind = MessageType.VERIFY_ANSWER
            body = _NOT_FOUND if entry is None else entry.verify_body
        return pack_message(kind, request.session_id, body)


def decide(request: Request, db: Index, ctl: Index) -> Decision:
    """Look a request up in one state of the two caches."""
    match request:
        case Query():
            return _decide_query(request, db, ctl)
        case Verify():
            return _decide_verify(request, db, ctl)
        case _:
            assert_never(request)


def _decide_query(query: Query, db: Index, ctl: Index) -> Decision:
    serial, issuer = query.serial_hex, query.issuer
    # The serial number is compared as it was sent. A phone that verifies a token's CTL
    # sends it byte-reversed, and only the CTL cache has it so (REFERENCE 3.6).
    if (entry := db.find(serial, issuer)) is not None:
        return Decision(query, entry, CacheName.DB)
    if (entry := ctl.find(serial, issuer)) is not None:
        return Decision(query, entry, CacheName.CTL)
    return Decision(query, None, None)


def _decide_verify(verify: Verify, db: Index, ctl: Index) -> Decision:
    der = verify.certificate
    if (entry := db.find_exact(der)) is not None:
        return Decision(verify, entry, CacheName.DB)
    entry = ctl.find_exact(der)
    # A DB entry under the same key is found first, and its bytes are others.
    if entry is not None and db.find(entry.serial_hex, entry.issuer) is None:
        return Decision(verify, entry, CacheName.CTL)
    return Decision(verify, None, None)
