"""The lists that a node takes, also when its database does not take the note of it.

A node must follow the cluster while its database can be read, and no longer written:
its caches and services are of now, and the note is tried again at each look.
"""

from collections.abc import Callable

import structlog

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.distribution import (
    NotRecordedError,
    install_ctl,
    install_reset_itl,
)
from tokenless.services.errors import ServiceError
from tokenless.services.store.access.one_writer import Trouble


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
        self._unrecorded: dict[str, Callable[[], None]] = {}
        self.trouble = Trouble(
            log,
            "a list that was taken cannot be recorded",
            "the lists that were taken are recorded again",
        )
        """Why the database does not have a note of one."""

    def take_ctl(self) -> bool:
        """Install the newest CTL; tell whether there was one. Blocking.

        Raises:
            OSError: When the file cannot be written.
            ServiceError: When the database cannot be read.
        """
        return self._take("CTL", install_ctl) is not None

    def take_reset_itl(self) -> bytes | None:
        """Install the ITL of a reset; return it, if there was one. Blocking.

        Raises:
            OSError: When the file cannot be written.
            ServiceError: When the database cannot be read.
        """
        return self._take("ITL", install_reset_itl)

    def record_again(self) -> None:
        """Try once more what the database did not take. Blocking."""
        for name, record in tuple(self._unrecorded.items()):
            try:
                record()
            except ServiceError as error:
                self.trouble.note(error)
                return
            del self._unrecorded[name]
        self.trouble.end()

    def _take(
        self, name: str, install: Callable[[Cluster, Node], bytes | None]
    ) -> bytes | None:
        try:
            content = install(self._cluster, self._node)
        except NotRecordedError as error:
            self.trouble.note(error, list=name)
            self._unrecorded[name] = error.record
            return error.content
        self._unrecorded.pop(name, None)  # of an older one
        return content
