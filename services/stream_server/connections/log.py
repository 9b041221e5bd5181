"""Counters and log lines of connections: accepted, secured, refused, closed.

Clients that are turned away must not fill the log. Each refusal is counted. A reason is
logged at once when it is new, and then at most once an interval, with the number of
those that were not: an attack costs a line, not a disk.
"""

from typing import Final

import structlog

from tokenless.services.limited_log import LimitedLog, shortened
from tokenless.services.logs import LogLevel
from tokenless.services.stream_server.connections.connection import Connection
from tokenless.services.stream_server.connections.tls_channel import TlsChannel
from tokenless.services.stream_server.counters import (
    REFUSAL_CELLS,
    Refusal,
    StreamCount,
)
from tokenless.services.stream_server.guest import Guest

_LINE_EVERY_S: Final = 10.0
# Looking a member up costs Python what a tenth of a request does.
_OPEN: Final = int(StreamCount.CONNECTIONS_OPEN)
_ACCEPTED: Final = int(StreamCount.CONNECTIONS_ACCEPTED)
_FULL: Final = int(StreamCount.HANDSHAKES_FULL)
_RESUMED: Final = int(StreamCount.HANDSHAKES_RESUMED)


class Refusals:
    """The counts and the log of what clients did wrong."""

    def __init__(
        self,
        name: str,
        cells: memoryview,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._line = f"{name} connection ended"
        self._cells = cells
        self._log = log
        self._logged_at: dict[Refusal, float] = {}
        self._unsaid: dict[Refusal, int] = {}

    def note(self, reason: Refusal, now: float, *, client: str, why: str = "") -> None:
        """Count a refusal, and log it unless its reason was logged just now."""
        self._cells[REFUSAL_CELLS[reason]] += 1
        last = self._logged_at.get(reason)
        if last is not None and now - last < _LINE_EVERY_S:
            self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
            return
        self._logged_at[reason] = now
        about: dict[str, object] = {"reason": reason, "client": client}
        if why:
            about["why"] = shortened(why)
        if unsaid := self._unsaid.pop(reason, 0):
            about["more_since_last_line"] = unsaid
        self._log.warning(self._line, **about)


class ConnectionLog:
    """The counts and the lines of one loop's connections."""

    def __init__(
        self, name: str, cells: memoryview, guest: Guest, log: LimitedLog
    ) -> None:
        self.refused = Refusals(name, cells, log.log).note
        """Notes a refusal: reason, now, client, why."""
        self._cells = cells
        self._guest = guest
        self._log = log.log
        # Checked once: lines that are not written would cost more than the answers.
        self._is_debugging = log.log.is_enabled_for(LogLevel.DEBUG)

    def accepted(self, connection: Connection) -> None:
        """Note a new connection."""
        cells = self._cells
        cells[_ACCEPTED] += 1
        cells[_OPEN] += 1
        if self._is_debugging:
            total = cells[_ACCEPTED]
            for line in self._guest.accepted_lines(
                connection.fd, connection.address, total
            ):
                self._log.debug(line)

    def secured(self, connection: Connection, channel: TlsChannel) -> None:
        """Note a finished handshake."""
        self._cells[_RESUMED if channel.is_resumed else _FULL] += 1
        if self._is_debugging:
            lines = self._guest.handshake_lines(connection.address, channel.cipher)
            for line in lines:
                self._log.debug(line)

    def closed(self) -> None:
        """Count and log the end of a connection."""
        self._cells[_OPEN] -= 1
        if self._is_debugging:
            for line in self._guest.closed_lines():
                self._log.debug(line)
