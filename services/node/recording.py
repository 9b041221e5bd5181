"""What a node reports about itself in the database, and whether it gets there."""

from collections.abc import Callable, Mapping
from functools import partial

import structlog

from tokenless.services.errors import ServiceError
from tokenless.services.metrics import RECORDS_WRITTEN
from tokenless.services.store.access.one_writer import OneWriter, Trouble


class AppliedRecord:
    """The newest revision that other hosts know this node has applied."""

    def __init__(
        self,
        write: Callable[[int], None] | None,
        *,
        may_hang: bool,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Begin with none.

        Args:
            write: Writes it; blocking. None where there are no other hosts.
            may_hang: Whether the database may never answer; its end is not awaited.
            log: Where a database that does not take it is reported.
        """
        self._write = write
        self._writer = OneWriter(may_hang=may_hang)
        self._known = 0
        self.trouble = Trouble(
            log,
            "the applied revision cannot be recorded",
            "the applied revision is recorded again",
        )
        """Why the database does not have it."""

    async def record(self, revision: int) -> None:
        """Record a revision, unless it is known; a failure is logged, and kept."""
        if self._write is None:
            return
        try:
            if revision != self._known:
                await self._writer.run(partial(self._write, revision))
        except ServiceError as error:
            self.trouble.note(error)
        else:
            self._known = revision
            self.trouble.end()


class OwnRecords:
    """All that a node writes about itself, by kind."""

    def __init__(
        self, node: str, troubles: Mapping[str, Callable[[], str | None]]
    ) -> None:
        """Measure each kind from now on.

        Args:
            node: The node's name.
            troubles: By kind, what tells why it cannot be written.
        """
        self._troubles = troubles
        for kind, trouble in troubles.items():
            RECORDS_WRITTEN.labels(node, kind).set_function(partial(_is_none, trouble))

    @property
    def unwritten(self) -> dict[str, str]:
        """What the database does not have, with the reasons."""
        reasons = {kind: trouble() for kind, trouble in self._troubles.items()}
        return {kind: why for kind, why in reasons.items() if why is not None}


def _is_none(trouble: Callable[[], str | None]) -> float:
    return float(trouble() is None)
