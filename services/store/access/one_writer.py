"""Writes of what a node reports about itself, to a database that may never answer.

A database can go on reading while it takes no change: a standby that it waits for has
gone, or its disk hangs. Whoever writes there must neither wait for ever nor begin a
further write, which has a thread and a connection, at each try. People are told when
it begins and when it is over, and health says it in between.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog
import trio

from tokenless.services.errors import ServiceError
from tokenless.services.store.access.failures import DatabaseAwayError

ANSWER_S: Final = 10


class OneWriter:
    """Runs one write after the other in a thread, and waits for each for a while."""

    def __init__(self, *, may_hang: bool) -> None:
        """Write nothing yet.

        Args:
            may_hang: Whether the database may never answer; its end is not awaited.
        """
        self._may_hang = may_hang
        self._one_at_a_time = threading.Lock()
        self._late: threading.Event | None = None
        """Of a write that has taken too long: whether it has ended meanwhile."""

    async def run(self, write: Callable[[], None], *, is_last: bool = False) -> None:
        """Run a write.

        Args:
            write: Blocking; what it raises is raised.
            is_last: Whether the caller may be cancelled while it goes on.

        Raises:
            DatabaseAwayError: When it has not ended in time; also at once, while an
                earlier one that was late has not.
        """
        if self._late is None or self._late.is_set():
            ended = threading.Event()
            with trio.move_on_after(ANSWER_S):
                await trio.to_thread.run_sync(
                    self._write,
                    write,
                    ended,
                    abandon_on_cancel=self._may_hang or is_last,
                )
                return
            self._late = ended
        raise DatabaseAwayError(
            f"the database takes no change: one has not ended within {ANSWER_S} s",
            hint="look at its disk, and at a standby that it waits for",
        )

    def _write(self, write: Callable[[], None], ended: threading.Event) -> None:
        try:
            with self._one_at_a_time:
                write()
        finally:
            ended.set()


class Trouble:
    """Why a database does not take something; logged when it begins and ends."""

    def __init__(
        self, log: structlog.typing.FilteringBoundLogger, begins: str, ends: str
    ) -> None:
        """Have none; with what the log says when it begins and when it is over."""
        self._log, self._begins, self._ends = log, begins, ends
        self.reason: str | None = None
        """None when the database has all of it."""

    def note(self, error: ServiceError, **details: str) -> None:
        """Keep why a write failed; further details are for the log."""
        if self.reason is None:
            self._log.warning(self._begins, reason=error.explain(), **details)
        self.reason = str(error)

    def end(self) -> None:
        """Have none any longer."""
        if self.reason is not None:
            self._log.info(self._ends)
        self.reason = None
