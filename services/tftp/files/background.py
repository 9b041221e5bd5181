"""One thread for slow work: signatures, blocks from a disk.

The loop hands work over and continues; results come through an event descriptor in its
epoll. The thread starts with the first work and takes it in order.
"""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_CLOSE_S: Final = 1.0

Key = TypeVar("Key")
Work = Callable[[], bytes]


class Background(Generic[Key]):
    """A thread, its pending work, and its results."""

    def __init__(self, rest: float = 0.0) -> None:
        """Prepare; no thread runs yet.

        Args:
            rest: How long the thread pauses after each piece of work, in lengths of
                that work: other threads of the process have that share of a processor.
        """
        self._rest = rest
        self._to_do: queue.SimpleQueue[tuple[Key, Work] | None] = queue.SimpleQueue()
        self._done: deque[tuple[Key, bytes | Exception]] = deque()
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        self.under_way = 0
        """How much was handed over and not taken back."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when `finished` has something."""
        return self._event

    def submit(self, key: Key, work: Work) -> None:
        """Have something done."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="tftp background", daemon=True
            )
            self._thread.start()
        self.under_way += 1
        self._to_do.put((key, work))

    def finished(self) -> list[tuple[Key, bytes | Exception]]:
        """Return the results since the last call, or their errors."""
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return []
        results = [self._done.popleft() for _ in range(len(self._done))]
        self.under_way -= len(results)
        return results

    def close(self) -> None:
        """End the thread; work that has not begun is not done."""
        if self._thread is not None:
            while not self._to_do.empty():
                self._to_do.get()
            self._to_do.put(None)
            self._thread.join(_CLOSE_S)
            if self._thread.is_alive():
                return  # a disk that does not answer; it still needs the descriptor
        os.close(self._event)

    def _run(self) -> None:
        while (job := self._to_do.get()) is not None:
            key, work = job
            began = time.thread_time()
            try:
                result: bytes | Exception = work()
            except Exception as error:  # noqa: BLE001 (it is the result)
                result = error
            self._done.append((key, result))
            os.eventfd_write(self._event, 1)
            if self._rest:
                time.sleep(self._rest * (time.thread_time() - began))
