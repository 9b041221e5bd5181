"""Sessions of browsers: kept in memory, found by a random name in a cookie.

`Throttle` limits the tries to begin one.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

COOKIE: Final = "__Host-tokenless"
"""The prefix makes browsers take it only with Secure, Path=/ and without a domain."""
IDLE_S: Final = 1800.0
LONGEST_S: Final = 8 * 3600.0
MAX_SESSIONS: Final = 2000
_NAME_BYTES: Final = 32
_MAX_NOTICES: Final = 64
BURST: Final = 10
"""Wrong passwords that one address may give at once."""
PER_S: Final = 1 / 30
"""The further tries that an address gets per second."""
MAX_ADDRESSES: Final = 10_000


@unique
class NoticeKind(StrEnum):
    """The severity of a status sentence."""

    READY = "ready"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence of the section Status of the next page."""

    kind: NoticeKind
    text: str


@dataclass(slots=True)
class Session:
    """A browser, signed in or not yet."""

    user: str | None
    csrf: str
    began: float
    seen: float
    notices: list[Notice] = field(default_factory=list)
    drafts: dict[str, object] = field(default_factory=dict)
    """Values gathered by pages of several steps, such as the CTL Client's tokens."""

    def notify(self, kind: NoticeKind, text: str) -> None:
        """Leave a sentence for the next page."""
        notice = Notice(kind, text)
        if notice not in self.notices and len(self.notices) < _MAX_NOTICES:
            self.notices.append(notice)

    def take_notices(self) -> list[Notice]:
        """Return the notices of the last form, once."""
        taken, self.notices = self.notices, []
        return taken


class Sessions:
    """All sessions; the cookie's value is known to its browser alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin without any.

        Args:
            clock: Tells a time that never goes back.
        """
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, user: str | None) -> tuple[str, Session]:
        """Begin a session; return the value of its cookie.

        At the limit the one that was seen least recently ends, those that are not
        signed in first.
        """
        if len(self._sessions) >= MAX_SESSIONS:
            self._make_room()
        value = secrets.token_urlsafe(_NAME_BYTES)
        now = self._clock()
        session = Session(user, secrets.token_urlsafe(_NAME_BYTES), now, now)
        self._sessions[_key(value)] = session
        return value, session

    def find(self, value: str | None, *, prolongs: bool = True) -> Session | None:
        """Return the session of a cookie, None when it has ended or never was.

        Args:
            value: Of the cookie.
            prolongs: Whether its user is here; False for what a page does by itself.
        """
        if not value:
            return None
        key = _key(value)
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock()
        if now - session.seen > IDLE_S or now - session.began > LONGEST_S:
            del self._sessions[key]
            return None
        if prolongs:
            session.seen = now
            self._sessions.move_to_end(key)
        return session

    def is_alive(self, value: str | None) -> bool:
        """Tell whether a session goes on, without prolonging it."""
        session = self._sessions.get(_key(value)) if value else None
        if session is None:
            return False
        now = self._clock()
        return now - session.seen <= IDLE_S and now - session.began <= LONGEST_S

    def end(self, value: str | None) -> None:
        """End a session."""
        if value:
            self._sessions.pop(_key(value), None)

    def _make_room(self) -> None:
        for key, session in self._sessions.items():
            if session.user is None:
                del self._sessions[key]
                return
        self._sessions.popitem(last=False)


def _key(value: str) -> bytes:
    """Return the key of a session name: a look-up must not tell how much is right."""
    return hashlib.sha256(value.encode(errors="replace")).digest()


class Throttle:
    """Limits sign-in attempts: a bucket of tries for each address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with full buckets.

        Args:
            clock: Tells a time that never goes back.
        """
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> bool:
        """Take a try; return whether there was one."""
        now = self._clock()
        spent, at = self._spent.get(address, (0.0, now))
        spent = max(0.0, spent - (now - at) * PER_S)
        if spent + 1 > BURST:
            return False
        self._spent[address] = spent + 1, now
        self._spent.move_to_end(address)
        if len(self._spent) > MAX_ADDRESSES:
            self._spent.popitem(last=False)
        return True

    def give_back(self, address: str) -> None:
        """Take back what a right password has cost."""
        spent, at = self._spent.get(address, (0.0, self._clock()))
        self._spent[address] = max(0.0, spent - 1), at
