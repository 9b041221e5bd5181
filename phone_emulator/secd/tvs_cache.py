"""Cache of positive TVS answers (REFERENCE 4.2: 24 hours)."""

from collections.abc import Iterable

import msgspec
from cachetools import FIFOCache

from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import DEFAULT_TTL_S

_MAX_ENTRIES = 64


class CacheEntry(msgspec.Struct, frozen=True):
    """One remembered answer."""

    issuer: str
    serial: bytes
    expires: float
    """Unix seconds."""
    answer: Answer


class TvsCache:
    """Positive answers by the issuer and serial that were asked about.

    It lives in the phone's memory: power off or a flush after a list update empties it.
    Negative answers are not remembered.
    """

    def __init__(self, entries: Iterable[CacheEntry] = ()) -> None:
        self._entries: FIFOCache[tuple[str, bytes], CacheEntry] = FIFOCache(
            _MAX_ENTRIES
        )
        for entry in entries:
            self._entries[entry.issuer, entry.serial] = entry

    def entries(self) -> tuple[CacheEntry, ...]:
        """Return the remembered answers, expired or not."""
        return tuple(self._entries.values())

    def find(self, signer: SignerId, now: float) -> Answer | None:
        """Return an answer that has not expired."""
        entry = self._entries.get((signer.issuer, signer.serial))
        if entry is None or entry.expires <= now:
            return None
        return entry.answer

    def add(self, signer: SignerId, answer: Answer, now: float) -> float:
        """Remember a positive answer; return for how many seconds."""
        # The server's time to live is believed: it comes from a server whose
        # certificate is in the phone's ITL.
        ttl = DEFAULT_TTL_S if answer.ttl is None else answer.ttl
        key = (signer.issuer, signer.serial)
        self._entries[key] = CacheEntry(*key, now + ttl, answer)
        return ttl

    def flush(self) -> None:
        """Forget everything."""
        self._entries.clear()
