"""Counters of a TFTP server, and their collector for Prometheus."""

import time
from collections.abc import Mapping
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.services.counters import Series, ServerCollector, SharedCounters
from tokenless.services.metrics import REGISTRY


@unique
class Count(IntEnum):
    """Counters, except the results of transfers."""

    REQUESTS = 0
    """Read requests, repeated ones too."""
    DUPLICATES = 1
    """Requests repeated while the first was being answered."""
    REFUSED = 2
    """Requests answered with an error packet."""
    MALFORMED = 3
    """Datagrams to the well-known port that are not a request."""
    NOT_ALLOWED = 4
    """Requests from addresses outside the allowed networks."""
    OVER_LIMIT = 5
    """Requests dropped because the table, or the address's share of it, was full."""
    WRONG_TID = 6
    """Datagrams that belong to no transfer."""
    STARTED = 7
    UNDER_WAY = 8
    BYTES = 9
    """Bytes of files that clients have acknowledged."""
    RETRANSMITS = 10
    FLOOD = 11
    """Requests of unknown addresses dropped during a flood of forged ones."""
    SHARED_PORT = 12
    """Transfers answered from the well-known port for want of descriptors."""


_OUTCOMES: Final[Mapping[TransferOutcome, int]] = {
    outcome: len(Count) + index for index, outcome in enumerate(TransferOutcome)
}
_DROPPED_MS: Final = len(Count) + len(TransferOutcome)
"""The time at which a request was last dropped at a limit."""
_CELLS: Final = _DROPPED_MS + 1
# Looked up once: a member of an enumeration costs Python ten times a constant.
_STARTED: Final = int(Count.STARTED)
_UNDER_WAY: Final = int(Count.UNDER_WAY)
_BYTES: Final = int(Count.BYTES)
_RETRANSMITS: Final = int(Count.RETRANSMITS)
_AT_A_LIMIT: Final = frozenset({Count.OVER_LIMIT, Count.FLOOD})


class TftpCounters(SharedCounters):
    """Totals of one server."""

    def __init__(self) -> None:
        super().__init__(_CELLS)
        self._cells = self.row()

    def add(self, count: Count, amount: int = 1) -> None:
        """Count something."""
        self._cells[count] += amount

    def drop(self, count: Count) -> None:
        """Count a request that got no answer."""
        self.add(count)
        if count in _AT_A_LIMIT:
            self._cells[_DROPPED_MS] = _now_ms()

    def start(self) -> None:
        """Count the begin of a transfer."""
        cells = self._cells
        cells[_STARTED] += 1
        cells[_UNDER_WAY] += 1

    def end(self, outcome: TransferOutcome, sent_bytes: int, retransmits: int) -> None:
        """Count the end of a transfer."""
        cells = self._cells
        cells[_UNDER_WAY] -= 1
        cells[_BYTES] += sent_bytes
        cells[_RETRANSMITS] += retransmits
        cells[_OUTCOMES[outcome]] += 1

    def ended(self, outcome: TransferOutcome) -> int:
        """Return how many transfers ended so."""
        return self[_OUTCOMES[outcome]]

    def dropped_within(self, seconds: float) -> bool:
        """Return whether a request was dropped at a limit so lately."""
        last_ms = self[_DROPPED_MS]
        return last_ms > 0 and _now_ms() - last_ms <= seconds * 1000

    @property
    def under_way(self) -> int:
        """Number of transfers in the table."""
        return self[Count.UNDER_WAY]


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


_MEANINGS: Final = {
    Count.REQUESTS: "Read requests, repeated ones too",
    Count.DUPLICATES: "Requests repeated while the first was being answered",
    Count.REFUSED: "Requests answered with an error packet",
    Count.MALFORMED: "Datagrams to the well-known port that are not a request",
    Count.NOT_ALLOWED: "Requests from networks that are not allowed",
    Count.OVER_LIMIT: "Requests dropped at the limit of transfers",
    Count.FLOOD: "Requests of unknown addresses dropped during a flood",
    Count.WRONG_TID: "Datagrams that belong to no transfer",
    Count.BYTES: "Bytes of files that clients have acknowledged",
    Count.RETRANSMITS: "Datagrams sent more than once",
    Count.SHARED_PORT: (
        "Transfers on the well-known port because descriptors are short"
    ),
    Count.UNDER_WAY: "Transfers in progress",
}
TFTP_SERIES: Final = (
    *(
        Series(
            count.name.lower(),
            meaning,
            {"": int(count)},
            is_gauge=count is Count.UNDER_WAY,
        )
        for count, meaning in _MEANINGS.items()
    ),
    Series(
        "transfers",
        "Transfers by their end",
        {outcome.value: cell for outcome, cell in _OUTCOMES.items()},
        label="outcome",
    ),
)
COLLECTOR: Final = ServerCollector("tokenless_tftp", TFTP_SERIES, REGISTRY)
"""The collector of this process."""
