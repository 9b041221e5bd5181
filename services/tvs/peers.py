"""Which connections belong to which address, for the limit of each."""

from itertools import islice
from typing import Final

from tokenless.services.tvs.connection import Connection
from tokenless.services.tvs.waits import Phase

_IDLE_PHASES: Final = frozenset([Phase.IDLE, Phase.FIRST_BYTE])
# How many of an address's oldest connections are looked at for an idle one.
_LOOKED_AT: Final = 64


class Peers:
    """The open connections of every address, the oldest first."""

    def __init__(self) -> None:
        self._by_address: dict[str, dict[Connection, None]] = {}

    def add(self, connection: Connection) -> None:
        """Remember a new connection."""
        self._by_address.setdefault(connection.address, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that was added."""
        connections = self._by_address[connection.address]
        del connections[connection]
        if not connections:
            del self._by_address[connection.address]

    def count(self, address: str) -> int:
        """Return how many connections an address has."""
        return len(self._by_address.get(address, ()))

    def oldest_idle(self, address: str) -> Connection | None:
        """Return an old connection of the address with which nothing is going on."""
        connections = self._by_address.get(address, {})
        for connection in islice(connections, _LOOKED_AT):
            if connection.phase in _IDLE_PHASES:
                return connection
        return None
