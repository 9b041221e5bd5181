"""Counters of the HTTP server, in addition to connection counters."""

from enum import IntEnum, unique
from typing import Final

from tokenless.services.counters import ServerCollector
from tokenless.services.metrics import REGISTRY
from tokenless.services.stream_server.counters import (
    stream_series,
)


@unique
class HttpCount(IntEnum):
    """The cells of HTTP in a row of counters."""

    REQUESTS = 0
    FILES = 1
    NOT_FOUND = 2
    REFUSED = 3
    BYTES = 4


_MEANINGS: Final = {
    HttpCount.REQUESTS: "Requests",
    HttpCount.FILES: "Files sent completely, including ranges and HEAD requests",
    HttpCount.NOT_FOUND: "Requests for files that do not exist",
    HttpCount.REFUSED: "Requests answered with any other error",
    HttpCount.BYTES: "Bytes of files that were sent",
}


COLLECTOR: Final = ServerCollector(
    "tokenless_http",
    stream_series(
        "HTTP",
        {each.name.lower(): (int(each), text) for each, text in _MEANINGS.items()},
    ),
    REGISTRY,
)
"""The collector of the process's registry."""
