"""Counters of TVS requests and answers, in addition to connection counters."""

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
class TvsCount(IntEnum):
    """The cells of TVS in a row of counters."""

    QUERIES = 0
    VERIFICATIONS = 1
    ANSWERS_TRUSTED = 2
    ANSWERS_UNTRUSTED = 3
    FOUND_IN_DB = 4
    FOUND_IN_CTL = 5
    ELEMENTS_IGNORED = 6
    ODD_DEVICE_NAMES = 7


_MEANINGS: Final = {
    TvsCount.QUERIES: "QUERY requests",
    TvsCount.VERIFICATIONS: "VERIFY requests",
    TvsCount.ANSWERS_TRUSTED: "Positive answers",
    TvsCount.ANSWERS_UNTRUSTED: "Negative answers",
    TvsCount.FOUND_IN_DB: "Answers from the DB cache",
    TvsCount.FOUND_IN_CTL: "Answers from the CTL cache",
    TvsCount.ELEMENTS_IGNORED: "Elements of requests with unknown tags",
    TvsCount.ODD_DEVICE_NAMES: "Requests whose device name is not that of a phone",
}
TVS_SERIES: Final = stream_series(
    "TVS",
    {each.name.lower(): (int(each), meaning) for each, meaning in _MEANINGS.items()},
)


def count_of(counters: StreamCounters, count: TvsCount) -> int:
    """Return one of TVS's own counts of a server."""
    return counters[FIRST_GUEST_CELL + count]


COLLECTOR: Final = ServerCollector("tokenless_tvs", TVS_SERIES, REGISTRY)
"""The collector of the process's registry."""
