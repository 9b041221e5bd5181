"""A schema that a newer program has made while this one runs.

A newer version on another host upgrades the shared database with its first command
(services.store.migrate). A node that runs goes on, but what it reads and writes then is
no longer what it was written for.
"""

import structlog

from tokenless.services.metrics import SCHEMA_KNOWN
from tokenless.services.store import migrate
from tokenless.services.store.database import Database


class SchemaWatch:
    """Reads the revision of a database, and looks at its schema each time."""

    def __init__(
        self, store: Database, node: str, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        """Look at nothing yet.

        Args:
            store: The cluster's database, whose schema was known when it was opened.
            node: The node's name.
            log: Where a newer schema is reported, once.
        """
        self._store = store
        self._log = log
        self._known = SCHEMA_KNOWN.labels(node)
        self._known.set(1)
        self.newer: str | None = None
        """What is newer, and what to do; None when this program knows the schema."""

    def revision(self) -> int:
        """Return the database's revision (blocking).

        Raises:
            ServiceError: When the database cannot be read.
        """
        state = self._store.state()
        newer = None if state.schema is None else migrate.why_too_new(state.schema)
        if newer is not None:
            newer += "; upgrade this node's program and restart it"
            if self.newer is None:
                self._log.error("the schema is newer than this program", reason=newer)
        self.newer = newer
        self._known.set(newer is None)
        return state.revision
