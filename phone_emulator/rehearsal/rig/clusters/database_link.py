"""The database of a rehearsal's cluster, as far as it answers: to nobody, or to some.

A node whose database is away goes on with what it has: files, caches, registrations.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from tokenless.services.cluster.cluster import Cluster
from tokenless.services.store.access.failures import DatabaseAwayError

ADMINISTRATOR: Final = ""
"""The user of the database, when it is the administrator and no node."""
_ASKING: ContextVar[str | None] = ContextVar("asking", default=None)
"""The user of the database in this task; None: the rehearsal itself, which only
looks."""
_HINT: Final = "a line `database back` of the rehearsal brings it back"


@contextmanager
def asked_by(who: str) -> Iterator[None]:
    """Use the database as a node, or as the administrator, while a block runs."""
    token = _ASKING.set(who)
    try:
        yield
    finally:
        _ASKING.reset(token)


class DatabaseLink:
    """The cluster's database as nodes and the administrator reach it, or do not."""

    def __init__(self, cluster: Cluster) -> None:
        self._is_away = False
        self._cut_off: set[str] = set()
        cluster.store.before_transactions(self._check)

    @property
    def cut_off(self) -> frozenset[str]:
        """The nodes from which the database is away, where it is not from all."""
        return frozenset(self._cut_off)

    def switch(self, node: str | None, *, up: bool) -> None:
        """Take the database away from a node, or from everybody, or bring it back."""
        if node is None:
            self._is_away = not up
        elif up:
            self._cut_off.discard(node)
        else:
            self._cut_off.add(node)

    def _check(self) -> None:
        asking = _ASKING.get()
        if asking is not None and (self._is_away or asking in self._cut_off):
            raise DatabaseAwayError("the database does not answer", hint=_HINT)
