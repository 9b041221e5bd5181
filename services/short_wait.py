"""A short wait in the kernel, before a loop over a nested epoll waits in trio.

One pass through trio's scheduler costs as much as five datagrams. Under load the next
event is a few microseconds away, so it is waited for where that is cheap. Other tasks
of the process wait meanwhile: the time is short, and after a wait in vain the next few
are skipped.
"""

import select
from collections.abc import Callable
from typing import Final

LONGEST_TURNS_S: Final = 0.002
"""So long a loop goes on before the other tasks of the process have their turn."""
_WAIT_S: Final = 0.0002
# poll(2) waits in milliseconds, but select(2) knows descriptors below FD_SETSIZE only:
# a node with a thousand phones has higher ones.
_POLL_MS: Final = 1
_SELECT_ENDS: Final = 1024
_MOST_SKIPPED: Final = 64


class ShortWait:
    """The waits of one loop."""

    def __init__(self, descriptor: int) -> None:
        """Wait for a descriptor to become readable."""
        self._is_readable = _waiting_for(descriptor)
        self._to_skip = 0
        self._skip_next = 1

    def brought_something(self) -> bool:
        """Wait, unless recent waits were in vain; return whether it is readable."""
        if self._to_skip:
            self._to_skip -= 1
            return False
        if self._is_readable():
            self._skip_next = 1
            return True
        self._to_skip = self._skip_next
        self._skip_next = min(2 * self._skip_next, _MOST_SKIPPED)
        return False


def _waiting_for(descriptor: int) -> Callable[[], bool]:
    """Return what waits for a descriptor and says whether it is readable."""
    if descriptor < _SELECT_ENDS:
        return lambda: bool(select.select((descriptor,), (), (), _WAIT_S)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda: bool(poll.poll(_POLL_MS))
