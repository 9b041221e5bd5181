"""Counters of the HTTP server, in addition to connection counters."""

from enum import IntEnum, unique
from typing import Final

from tokenless.services.metrics import collector_of


@unique
class HttpCount(IntEnum):
    """The cells of HTTP in a row of counters."""

    REQUESTS = 0
    FILES = 1
    NOT_FOUND = 2
    REFUSED = 3
    BYTES = 4


COLLECTOR: Final = collector_of(
    "HTTP",
    {
        HttpCount.REQUESTS: "Requests",
        HttpCount.FILES: "Files sent completely, including ranges and HEAD requests",
        HttpCount.NOT_FOUND: "Requests for files that do not exist",
        HttpCount.REFUSED: "Requests answered with any other error",
        HttpCount.BYTES: "Bytes of files that were sent",
    },
)
"""The collector of the process's registry."""
