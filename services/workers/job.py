"""The interface of jobs: the work that the workers of a pool do."""

import socket
from collections.abc import Iterable
from typing import Protocol


class Job(Protocol):
    """Work that is prepared in the pool's process before it forks, to share memory.

    TLS contexts, for example: session tickets of one worker are then good at all.
    """

    workers: int
    """The number of workers that run at the same time."""
    rows: Iterable[int]
    """The rows of counters that workers can have, those that are leaving included."""

    def __init__(
        self, settings: bytes, descriptors: tuple[tuple[int, ...], ...]
    ) -> None:
        """Prepare to work.

        Args:
            settings: What the daemon decided, packed by the job's own module.
            descriptors: The inherited listening sockets, one tuple a worker.
        """

    def take_settings(self, settings: bytes) -> None:
        """Use new settings, for workers that are forked from now on.

        Raises:
            ServiceError: When that cannot be; then nothing has changed.
        """

    def work(self, slot: int, row: int, channel: socket.socket) -> None:
        """Be a worker; called in its process, and its end when it returns.

        Args:
            slot: Which of the workers, from 0.
            row: Where to count.
            channel: Frames of the pool come from it; its end is the worker's end.
        """

    def settle(self, row: int) -> None:
        """Correct what a worker that has ended can no longer count."""
