"""Say it when a commit was broken off: whether the change was made is not known.

Ctrl-C in a commit that waits for a standby ends the wait at the server, which has made
the change by then; a connection that breaks may have carried the commit before. To wait
is right all the same: only the server knows the end, and what a command does after its
commit, telling the nodes for example, is done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tokenless.services.logs import get_logger
from tokenless.services.store.access.failures import DatabaseAwayError

_LOOK: Final = "it may have been made: look before you repeat it"
_START: Final = (
    "start PostgreSQL, and look whether the change was made before you repeat it"
)


@dataclass(slots=True)
class Commit:
    """How far a change is."""

    has_begun: bool = False
    """True from the moment that the commit may have reached the server."""


@contextmanager
def said_when_unknown() -> Iterator[Commit]:
    """Let the block's caller know when its commit was broken off.

    Raises:
        DatabaseAwayError: As the block; with what to do when the commit had begun.
    """
    commit = Commit()
    try:
        yield commit
    except KeyboardInterrupt:
        if commit.has_begun:
            get_logger().warning(
                "interrupted while the database took the change", because=_LOOK
            )
        raise
    except DatabaseAwayError as error:
        if commit.has_begun:
            raise DatabaseAwayError(str(error), hint=_START) from error
        raise
