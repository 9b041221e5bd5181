"""Tell administrators on other hosts, through the database, how far a node is.

A database can go on reading while it takes no change: a standby that it waits for has
gone, its disk hangs, it was made read-only. A node follows it all the same, says that
other hosts do not know of it, and tries again.
"""

from collections.abc import Callable
from typing import Final

import trio

from tokenless.services.store.access.failures import DatabaseAwayError

ANSWER_S: Final = 10
_HUNG: Final = "the database takes no change, so other hosts do not know of revision {}"


class AppliedRecord:
    """The newest revision that other hosts know this node has applied."""

    def __init__(self, write: Callable[[int], None] | None, *, may_hang: bool) -> None:
        """Begin with none.

        Args:
            write: Writes it; blocking. None where there are no other hosts.
            may_hang: Whether the database may never answer; its end is not awaited.
        """
        self._write = write
        self._may_hang = may_hang
        self._known = 0
        self._is_writing = False

    async def record(self, revision: int) -> None:
        """Record a revision, unless it is known.

        Raises:
            ServiceError: When the database does not take it; also while it has not
                ended an earlier try.
        """
        write = self._write
        if write is None or revision == self._known:
            return
        # One at a time: each that hangs has a thread and a connection.
        if not self._is_writing:
            self._is_writing = True
            with trio.move_on_after(ANSWER_S):
                await trio.to_thread.run_sync(
                    self._write_one, write, revision, abandon_on_cancel=self._may_hang
                )
                self._known = revision
                return
        raise DatabaseAwayError(_HUNG.format(revision))

    def _write_one(self, write: Callable[[int], None], revision: int) -> None:
        try:
            write(revision)
        finally:
            self._is_writing = False
