"""The lists that a node takes, also when its database does not take the note of it.

A node must follow the cluster while its database can be read, and no longer written:
its caches and services are of now, and the note is tried again at each look.
"""

from collections.abc import Callable
from typing import Final

import structlog

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import (
    NotRecordedError,
    install_ctl,
    install_reset_itl,
)
from tokenless.services.errors import ServiceError

_CTL: Final = "CTL"
_ITL: Final = "ITL"


class TakenLists:
    """The newest CTL and the ITL of a reset, and what the database knows of them."""

    def __init__(
        self,
        cluster: Cluster,
        node: Node,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._cluster = cluster
        self._node = node
        self._log = log
        self._unrecorded: dict[str, Callable[[], None]] = {}
        self.trouble: str | None = None
        """The reason why the database does not have a note; None when it has all."""

    def take_ctl(self) -> bool:
        """Install the newest CTL; tell whether there was one. Blocking.

        Raises:
            OSError: When the file cannot be written.
            ServiceError: When the database cannot be read.
        """
        try:
            is_taken = install_ctl(self._cluster, self._node)
        except NotRecordedError as error:
            self._note(_CTL, error)
            return True
        self._unrecorded.pop(_CTL, None)  # of an older one
        return is_taken

    def take_reset_itl(self) -> bytes | None:
        """Install the ITL of a reset; return it, if there was one. Blocking.

        Raises:
            OSError: When the file cannot be written.
            ServiceError: When the database cannot be read.
        """
        try:
            content = install_reset_itl(self._cluster, self._node)
        except NotRecordedError as error:
            self._note(_ITL, error)
            return error.content
        self._unrecorded.pop(_ITL, None)
        return content

    def record_again(self) -> None:
        """Try once more what the database did not take. Blocking."""
        for name, record in tuple(self._unrecorded.items()):
            try:
                record()
            except ServiceError as error:
                self.trouble = str(error)
                return
            del self._unrecorded[name]
        if self.trouble is not None:
            self._log.info("the lists that were taken are recorded again")
            self.trouble = None

    def _note(self, name: str, error: NotRecordedError) -> None:
        if self.trouble is None:
            self._log.warning(
                "a list that was taken cannot be recorded",
                list=name,
                reason=error.explain(),
            )
        self._unrecorded[name] = error.record
        self.trouble = str(error)
