"""Say it when a shared database does not take a change for long.

PostgreSQL waits without an end for a standby that its settings name, and for its disk:
nobody would know for what a command waits.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tokenless.services.logs import get_logger

PATIENCE_S: Final = 10


@contextmanager
def said_when_slow() -> Iterator[None]:
    """Log a warning when the block takes long; its end is awaited all the same."""
    timer = threading.Timer(PATIENCE_S, _say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say() -> None:
    get_logger().warning(
        "waiting for the database to take a change",
        seconds=PATIENCE_S,
        because="the change is long, another one goes on, its disk hangs, or it waits "
        "for a standby",
    )
