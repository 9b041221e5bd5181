"""What a TFTP server counts: plain integers, in memory that workers share."""

import mmap
import time
from collections.abc import Mapping
from enum import IntEnum, unique
from typing import Final

from tokenless.protocol.tftp_transfer import Outcome

_CELL_BYTES: Final = 8
GENERATIONS: Final = 4
"""Workers that are going and those that come count in rows of their own."""


@unique
class Count(IntEnum):
    """What is counted, except how transfers ended."""

    REQUESTS = 0
    """Read requests, repeated ones too."""
    DUPLICATES = 1
    """Requests repeated while the first was being answered."""
    REFUSED = 2
    """Requests answered with an error packet."""
    MALFORMED = 3
    """Datagrams to the well-known port that are no request."""
    NOT_ALLOWED = 4
    """Requests from addresses outside the allowed networks."""
    OVER_LIMIT = 5
    """Requests dropped because the table, or the address's share of it, was full."""
    WRONG_TID = 6
    """Datagrams that belong to no transfer."""
    STARTED = 7
    ENDED = 8
    BYTES = 9
    """Bytes of files that clients have acknowledged."""
    RETRANSMITS = 10
    FLOOD = 11
    """Requests of unknown addresses dropped during a flood of forged ones."""
    SHARED_PORT = 12
    """Transfers answered from the well-known port for want of descriptors."""


_OUTCOMES: Final[Mapping[Outcome, int]] = {
    outcome: len(Count) + index for index, outcome in enumerate(Outcome)
}
_RETIRED: Final = len(Count) + len(Outcome)
_DROPPED_MS: Final = _RETIRED + 1
"""When a request was last dropped at a limit; the clock of all processes."""
_CELLS: Final = _DROPPED_MS + 1
_AT_A_LIMIT: Final = frozenset({Count.OVER_LIMIT, Count.FLOOD})


class TftpCounters:
    """Rows of counts, one for each worker; reading adds them up."""

    def __init__(self, workers: int = 1) -> None:
        # Anonymous and shared: a forked worker counts where its parent can read.
        rows = workers * GENERATIONS
        memory = mmap.mmap(-1, rows * _CELLS * _CELL_BYTES)
        cells = memoryview(memory).cast("Q")
        self._rows = [cells[n * _CELLS : (n + 1) * _CELLS] for n in range(rows)]

    @property
    def rows(self) -> range:
        """The numbers of all rows."""
        return range(len(self._rows))

    def row(self, number: int = 0) -> "CounterRow":
        """Return where one worker counts, for a worker that begins."""
        self._rows[number][_RETIRED] = 0
        return CounterRow(self._rows[number])

    def retire(self, number: int) -> None:
        """Let a worker take no more requests, from this moment."""
        self._rows[number][_RETIRED] = 1

    def settle(self, number: int) -> None:
        """Count the transfers as ended that a worker left when it was killed."""
        row = self._rows[number]
        row[Count.ENDED] = row[Count.STARTED]

    def __getitem__(self, count: Count) -> int:
        return sum(row[count] for row in self._rows)

    def ended(self, outcome: Outcome) -> int:
        """Return how many transfers ended so."""
        return sum(row[_OUTCOMES[outcome]] for row in self._rows)

    def dropped_within(self, seconds: float) -> bool:
        """Whether a request was dropped at a limit so lately."""
        last_ms = max(row[_DROPPED_MS] for row in self._rows)
        return last_ms > 0 and _now_ms() - last_ms <= seconds * 1000

    @property
    def under_way(self) -> int:
        """How many transfers are in the tables."""
        return self[Count.STARTED] - self[Count.ENDED]


class CounterRow:
    """Where one worker counts, and reads whether it may take requests.

    In shared memory, because a message would come too late for a request that is there.
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells

    @property
    def is_retired(self) -> bool:
        """Whether the worker is to take no more requests."""
        return self._cells[_RETIRED] != 0

    def retire(self) -> None:
        """Take no more requests."""
        self._cells[_RETIRED] = 1

    def add(self, count: Count, amount: int = 1) -> None:
        """Count something."""
        self._cells[count] += amount

    def drop(self, count: Count) -> None:
        """Count a request that got no answer."""
        self.add(count)
        if count in _AT_A_LIMIT:
            self._cells[_DROPPED_MS] = _now_ms()

    def end(self, outcome: Outcome, sent_bytes: int, retransmits: int) -> None:
        """Count the end of a transfer."""
        cells = self._cells
        cells[Count.ENDED] += 1
        cells[Count.BYTES] += sent_bytes
        cells[Count.RETRANSMITS] += retransmits
        cells[_OUTCOMES[outcome]] += 1


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
