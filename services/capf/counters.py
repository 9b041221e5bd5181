"""Counters of CAPF sessions, in addition to connection counters."""

from enum import IntEnum, unique
from typing import Final

from tokenless.services.counters import ServerCollector
from tokenless.services.metrics import REGISTRY
from tokenless.services.stream_server.counters import (
    FIRST_GUEST_CELL,
    StreamCounters,
    stream_series,
)


@unique
class CapfCount(IntEnum):
    """The cells of CAPF in a row of counters."""

    SESSIONS = 0
    ISSUED = 1
    DELETED = 2
    FETCHED = 3
    REFUSED = 4
    POSTPONED = 5


_MEANINGS: Final = {
    CapfCount.SESSIONS: "Sessions in which a phone gave its name",
    CapfCount.ISSUED: "LSCs that phones have stored",
    CapfCount.DELETED: "LSCs that phones have deleted",
    CapfCount.FETCHED: "Certificates that phones have presented",
    CapfCount.REFUSED: "Sessions that ended without an operation",
    CapfCount.POSTPONED: "Phones that were told to try again later",
}
CAPF_SERIES: Final = stream_series(
    "CAPF",
    {each.name.lower(): (int(each), meaning) for each, meaning in _MEANINGS.items()},
)


def count_of(counters: StreamCounters, count: CapfCount) -> int:
    """Return one of CAPF's own counts of a server."""
    return counters[FIRST_GUEST_CELL + count]


COLLECTOR: Final = ServerCollector("tokenless_capf", CAPF_SERIES, REGISTRY)
"""The collector of the process's registry."""
