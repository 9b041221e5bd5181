"""Phones whose certificates cannot be verified, and are therefore not asked for again.

What a phone shows is recorded and decides nothing, so a phone of an authority that the
administrator did not name must be served like others. But OpenSSL, as Python lets it be
used, ends the handshake over such a certificate. The phone fails once; at its next try
nothing is asked of its address.
"""

from typing import Final

_MAX_KNOWN: Final = 16_384


class Unverifiable:
    """Addresses of such phones; the oldest are forgotten when there are very many."""

    def __init__(self) -> None:
        self._addresses: dict[str, None] = {}

    def __contains__(self, address: str) -> bool:
        return address in self._addresses

    def add(self, address: str) -> None:
        """Remember an address until the daemon ends."""
        self._addresses[address] = None
        if len(self._addresses) > _MAX_KNOWN:
            del self._addresses[next(iter(self._addresses))]
