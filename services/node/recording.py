"""Tell administrators on other hosts, through the database, how far a node is."""

from collections.abc import Callable
from functools import partial

from tokenless.services.store.access.one_writer import OneWriter


class AppliedRecord:
    """The newest revision that other hosts know this node has applied."""

    def __init__(self, write: Callable[[int], None] | None, *, may_hang: bool) -> None:
        """Begin with none.

        Args:
            write: Writes it; blocking. None where there are no other hosts.
            may_hang: Whether the database may never answer; its end is not awaited.
        """
        self._write = write
        self._writer = OneWriter(may_hang=may_hang)
        self._known = 0

    async def record(self, revision: int) -> None:
        """Record a revision, unless it is known.

        Raises:
            ServiceError: When the database does not take it.
        """
        if self._write is None or revision == self._known:
            return
        await self._writer.run(partial(self._write, revision))
        self._known = revision
