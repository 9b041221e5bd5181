"""Which transfer is without progress for longest, when room has to be made.

Sorting ten thousand transfers takes milliseconds, so it is not done for every request
of an attack: a list is sorted once, and serves until all in it have ended or gone on.
A new one is made ten times a second at most; meanwhile requests are dropped.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final

from tokenless.services.tftp.session import Session

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
