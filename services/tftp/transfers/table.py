"""The table of transfers: which requests are admitted, which transfer makes room.

The table is bounded. When it is full, or an address has its share, the oldest transfer
whose client has never answered is ended; if there is none, the transfer without
progress for longest. So forged requests displace each other, while a real client
answers within a round trip and stays. Long before that, a rate limit applies to unknown
addresses (`UnknownClientLimiter`): a forged request is answered once and remembered for
six seconds; that is all a flood costs. An address that has answered before is real and
always admitted. Of the unknown ones some are admitted, at a steady rate: a new phone
succeeds with one of its repetitions.

Sorting ten thousand transfers by their last progress takes milliseconds, so it is not
done for every request of an attack: a list is sorted once and used until all of its
transfers have ended or made progress. A new one is made ten times a second at most;
meanwhile requests are dropped.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from enum import Enum, unique
from functools import lru_cache
from operator import itemgetter
from typing import Final

from tokenless.services.tftp.settings import TftpSettings
from tokenless.services.tftp.sockets.listener import Peer
from tokenless.services.tftp.transfers.session import Session

_MAX_KNOWN: Final = 16_384
_SLICE_S: Final = 0.1


class UnknownClientLimiter:
    """Knows the addresses that have answered, and rations the others."""

    def __init__(self, per_s: int) -> None:
        self.change_rate(per_s)
        self._left = self._a_slice
        self._slice_ends = 0.0
        self._known: dict[str, None] = {}

    def change_rate(self, per_s: int) -> None:
        """Let in so many a second, from the next slice of a second on."""
        self._a_slice = max(1, round(per_s * _SLICE_S))

    def note_answer(self, host: str) -> None:
        """Remember an address that has answered; the oldest are forgotten."""
        known = self._known
        if host not in known:
            known[host] = None
            if len(known) > _MAX_KNOWN:
                del known[next(iter(known))]

    def is_known(self, host: str) -> bool:
        """Return whether an answer has come from an address."""
        return host in self._known

    def may_enter(self, host: str, now: float) -> bool:
        """Return whether a request is to be answered although there is a flood."""
        if host in self._known:
            return True
        if now >= self._slice_ends:
            self._slice_ends = now + _SLICE_S
            self._left = self._a_slice
        self._left -= 1
        return self._left >= 0


LEAST_SILENCE_S: Final = 1.0
"""A transfer that made progress within so long is never displaced."""
_SORT_EVERY_S: Final = 0.1
_MAX_LISTS: Final = 16

_Silent = tuple[float, Session]
"""Since when a transfer was without progress when the list was made."""


class LongestSilent:
    """Finds transfers to displace in a table, or among those of one address."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self._sessions = sessions
        self._may_sort_at = 0.0
        self._lists: dict[str | None, list[_Silent]] = {}

    def find(self, now: float, host: str | None = None) -> Session | None:
        """Return the transfer without progress for longest, None when all progress.

        It stays the answer until it has ended or gone on.
        """
        found = self._next(host, now)
        if found is None and now >= self._may_sort_at:
            self._may_sort_at = now + _SORT_EVERY_S
            if len(self._lists) >= _MAX_LISTS:
                self._lists.clear()
            self._lists[host] = _sorted(
                each for each in self._sessions if host is None or each.peer[0] == host
            )
            found = self._next(host, now)
        return found

    def _next(self, host: str | None, now: float) -> Session | None:
        waiting = self._lists.get(host, [])
        while waiting:
            since, session = waiting[-1]
            if now - since < LEAST_SILENCE_S:
                return None
            if not session.is_over and session.transfer.silent_since <= since:
                return session
            waiting.pop()
        return None


def _sorted(sessions: Iterable[Session]) -> list[_Silent]:
    """Return transfers with the longest silent last."""
    silent = [(each.transfer.silent_since, each) for each in sessions]
    silent.sort(key=itemgetter(0), reverse=True)
    return silent


@unique
class Admission(Enum):
    """Decision about a request."""

    ADMITTED = "admitted"
    DUPLICATE = "duplicate"
    REPEATED = "repeated"
    """A request repeated after the last packet that it is sent unasked."""
    NOT_ALLOWED = "not-allowed"
    OVER_LIMIT = "over-limit"
    FLOOD = "flood"


class TransferTable:
    """The transfers under way, by client."""

    def __init__(self, settings: TftpSettings) -> None:
        self._settings = settings
        self._sessions: dict[Peer, Session] = {}
        self._unanswered: dict[Peer, Session] = {}
        self._by_address: dict[str, int] = {}
        self._count = 0
        self._unknown_clients = UnknownClientLimiter(settings.unknown_clients_per_s)
        self.is_known = self._unknown_clients.is_known
        """Whether an answer has come from an address before."""
        self._longest_silent = LongestSilent(self)
        self._is_allowed = lru_cache(maxsize=4096)(self._compare_with_networks)
        self.get = self._sessions.get
        """The newest transfer of a client, or None."""

    def change_settings(self, settings: TftpSettings) -> None:
        """Admit by other rules; transfers under way stay."""
        self._settings = settings
        self._unknown_clients.change_rate(settings.unknown_clients_per_s)
        self._is_allowed.cache_clear()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Session]:
        for session in list(self._sessions.values()):
            yield session
            if session.predecessor is not None:
                yield session.predecessor

    def admit(self, peer: Peer, request: bytes, now: float) -> Admission:
        """Decide about a request; an admitted one may still find the table full."""
        settings = self._settings
        if settings.allow and not self._is_allowed(peer[0]):
            return Admission.NOT_ALLOWED
        known = self._sessions.get(peer)
        if known is not None and known.is_new and known.request == request:
            is_dormant = known.transfer.is_dormant
            return Admission.REPEATED if is_dormant else Admission.DUPLICATE
        if self._must_displace(peer) and self.to_displace(peer, now) is None:
            return Admission.OVER_LIMIT
        is_flood = len(self._unanswered) >= settings.max_unanswered
        if is_flood and not self._unknown_clients.may_enter(peer[0], now):
            return Admission.FLOOD
        return Admission.ADMITTED

    def to_displace(self, peer: Peer, now: float) -> Session | None:
        """Return the transfer that has to end before one of `peer` is added.

        It is the one that the same client has not answered, for it asks for something
        else now. Where the table is full it is the oldest unanswered one, once a client
        has had time to answer, else the one without progress for longest; where the
        address has its share, one of its own.
        """
        # The client has one socket: what it asked before on the same port it cannot
        # receive any more.
        if peer in self._unanswered:
            return self._unanswered[peer]
        if not self._must_displace(peer):
            return None
        # One host that asks for everything displaces only its own transfers.
        if self._has_its_share(peer):
            return self._longest_silent.find(now, peer[0])
        oldest = next(iter(self._unanswered.values()), None)
        # Unanswered requests may be forged, so they go first; but a real client needs a
        # moment for its first ACK.
        if oldest is not None and now - oldest.started >= LEAST_SILENCE_S:
            return oldest
        silent = self._longest_silent.find(now)
        return oldest if silent is None else silent

    def _must_displace(self, peer: Peer) -> bool:
        is_full = self._count >= self._settings.max_transfers
        return is_full or self._has_its_share(peer)

    def _has_its_share(self, peer: Peer) -> bool:
        most = self._settings.max_transfers_per_address
        return self._by_address.get(peer[0], 0) >= most

    def add(self, session: Session) -> None:
        """Take a transfer in; one that its client has answered stays behind it."""
        peer = session.peer
        session.predecessor = self._sessions.get(peer)
        self._sessions[peer] = self._unanswered[peer] = session
        self._by_address[peer[0]] = self._by_address.get(peer[0], 0) + 1
        self._count += 1

    def answered(self, session: Session) -> Session | None:
        """Note a client's first answer; return the transfer that is replaced by it."""
        session.note_answer()
        self._unknown_clients.note_answer(session.peer[0])
        self._unanswered.pop(session.peer, None)
        replaced, session.predecessor = session.predecessor, None
        if replaced is not None:
            self._forget_address(replaced.peer[0])
        return replaced

    def remove(self, session: Session) -> None:
        """Take an ended transfer out; its predecessor, if it has one, goes on."""
        peer = session.peer
        newest = self._sessions.get(peer)
        if newest is session:
            self._unanswered.pop(peer, None)
            if session.predecessor is None:
                del self._sessions[peer]
            else:
                self._sessions[peer] = session.predecessor
        elif newest is not None and newest.predecessor is session:
            newest.predecessor = None
        else:
            return
        self._forget_address(peer[0])

    def _forget_address(self, host: str) -> None:
        self._count -= 1
        left = self._by_address[host] - 1
        if left:
            self._by_address[host] = left
        else:
            del self._by_address[host]

    def _compare_with_networks(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        # A dual-stack socket reports IPv4 clients as ::ffff:a.b.c.d, and networks in
        # the configuration are written as IPv4.
        mapped = getattr(address, "ipv4_mapped", None)
        plain = address if mapped is None else mapped
        return any(plain in network for network in self._settings.allow)
