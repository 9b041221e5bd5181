"""A short wait, before a loop over a nested epoll waits in trio.

One pass through trio's scheduler costs as much as five datagrams. Under load the next
event is a few microseconds away, so it is waited for where that is cheap: in the
kernel, or, where one peer answers at once, by looking again and again, since to sleep
and to be woken costs more. Other tasks of the process wait meanwhile: the time is
short, and after a wait in vain the next few are skipped.
"""

import select
import time
from collections.abc import Callable
from typing import Final

LONGEST_TURNS_S: Final = 0.002
"""So long a loop goes on before the other tasks of the process have their turn."""
_WAIT_S: Final = 0.0002
_LOOK_S: Final = 0.00004
# poll(2) waits in milliseconds, but select(2) knows descriptors below FD_SETSIZE only:
# a node with a thousand phones has higher ones.
_POLL_MS: Final = 1
_SELECT_ENDS: Final = 1024
_MOST_SKIPPED: Final = 64


class ShortWait:
    """The waits of one loop."""

    def __init__(self, epoll: "select.epoll") -> None:
        """Wait for an event of an epoll."""
        self._epoll = epoll
        self._is_readable = _waiting_for(epoll.fileno())
        self._looks, self._sleeps = _Tries(), _Tries()

    def brought_something(self, *, is_soon: bool = False) -> bool:
        """Wait, unless recent waits were in vain; return whether there is an event.

        Args:
            is_soon: Whether one peer has just been answered, and nobody else is there.
        """
        if is_soon and self._looks.is_due() and self._looks.note(self._look()):
            return True
        return self._sleeps.is_due() and self._sleeps.note(self._is_readable())

    def _look(self) -> bool:
        """Look again and again for some microseconds."""
        poll, until = self._epoll.poll, time.monotonic() + _LOOK_S
        while not poll(0, 1):
            if time.monotonic() >= until:
                return False
        return True


class _Tries:
    """Skips tries after others in vain: twice as many each time, half after success.

    Where only some bring something the process would otherwise sleep half of its time,
    and many loops may share it.
    """

    def __init__(self) -> None:
        self._to_skip = 0
        self._skip_next = 1

    def is_due(self) -> bool:
        """Return whether to try now; otherwise one less is to be skipped."""
        if self._to_skip:
            self._to_skip -= 1
            return False
        return True

    def note(self, has_brought: bool) -> bool:
        """Take the outcome of a try, and return it."""
        if has_brought:
            self._skip_next = max(1, self._skip_next // 2)
        else:
            self._to_skip = self._skip_next
            self._skip_next = min(2 * self._skip_next, _MOST_SKIPPED)
        return has_brought


def _waiting_for(descriptor: int) -> Callable[[], bool]:
    """Return what waits for a descriptor and says whether it is readable."""
    if descriptor < _SELECT_ENDS:
        return lambda: bool(select.select((descriptor,), (), (), _WAIT_S)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return lambda: bool(poll.poll(_POLL_MS))
