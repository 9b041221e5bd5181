"""Counters that every stream server has, in addition to its guest's."""

from enum import IntEnum, StrEnum, unique
from typing import Final

from tokenless.services.counters import Series, SharedCounters


@unique
class StreamCount(IntEnum):
    """The first cells of a row."""

    CONNECTIONS_ACCEPTED = 0
    CONNECTIONS_OPEN = 1
    HANDSHAKES_FULL = 2
    HANDSHAKES_RESUMED = 3


@unique
class Refusal(StrEnum):
    """Reasons of the server to end a connection."""

    TOO_MANY = "too-many-connections"
    """All were busy at the limit: no client was refused, but accepting paused."""
    TOO_MANY_FROM_ADDRESS = "too-many-from-address"
    EVICTED = "made-room"
    """It had waited longest when another came at the limit."""
    SILENT = "no-first-byte"
    OVER_SHARE = "address-over-its-share"
    """Other connections of its address took all the handshakes that it may have."""
    HANDSHAKE_TIMEOUT = "handshake-timeout"
    REQUEST_TIMEOUT = "request-timeout"
    """A request was not whole, or its answer not read, in time."""
    IDLE = "idle"
    NOT_TLS = "handshake-failed"
    """Garbage, plain text, a version or cipher that is not offered, an alert."""
    UNVERIFIABLE = "unverifiable-certificate"
    """The client's, by the authorities we have. Where certificates are only requested,
    it is not asked for one again."""
    BAD_TLS = "broken-tls"
    """After the handshake: a damaged record, a renegotiation."""
    BAD_REQUEST = "bad-request"
    NOT_READING = "not-reading"
    """More was sent to it unasked than may wait."""
    INTERNAL_ERROR = "internal-error"
    NO_DESCRIPTORS = "no-file-descriptors"
    """The process has no file descriptor left, below the limit of connections."""


_FIRST_REFUSAL: Final = len(StreamCount)
REFUSAL_CELLS: Final = {
    reason: _FIRST_REFUSAL + number for number, reason in enumerate(Refusal)
}
FIRST_GUEST_CELL: Final = _FIRST_REFUSAL + len(Refusal)
"""The first cell of the guest's own counts."""
GENERATIONS: Final = 4
"""Workers that are leaving and those that come count in rows of their own."""


class StreamCounters(SharedCounters):
    """Totals since the start of one server."""

    def __init__(
        self, guest_cells: int, workers: int = 1, *, descriptor: int | None = None
    ) -> None:
        rows = 1 if workers == 1 else workers * GENERATIONS
        super().__init__(FIRST_GUEST_CELL + guest_cells, rows, descriptor=descriptor)

    @property
    def refusals(self) -> dict[str, int]:
        """Count of each reason."""
        return {str(reason): self[cell] for reason, cell in REFUSAL_CELLS.items()}


def stream_series(server: str, guest: dict[str, tuple[int, str]]) -> tuple[Series, ...]:
    """Return the metrics of a server.

    Args:
        server: Its name in their descriptions: `TVS`.
        guest: Name of each of the guest's metrics: its cell in the guest's part of the
            row, and its meaning.
    """
    return (
        _series(
            StreamCount.CONNECTIONS_ACCEPTED, f"Connections that {server} accepted"
        ),
        _series(
            StreamCount.CONNECTIONS_OPEN, "Connections that are open now", gauge=True
        ),
        _series(
            StreamCount.HANDSHAKES_FULL,
            "TLS handshakes with a signature of the server's key",
        ),
        _series(
            StreamCount.HANDSHAKES_RESUMED, "TLS handshakes that resumed a session"
        ),
        *(
            Series(name, meaning, {"": FIRST_GUEST_CELL + cell})
            for name, (cell, meaning) in guest.items()
        ),
        Series(
            "refusals",
            f"Connections that {server} ended, and why",
            {str(reason): cell for reason, cell in REFUSAL_CELLS.items()},
            label="reason",
        ),
    )


def _series(count: StreamCount, meaning: str, *, gauge: bool = False) -> Series:
    return Series(count.name.lower(), meaning, {"": int(count)}, is_gauge=gauge)
