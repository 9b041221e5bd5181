"""How many requests are taken in a turn: what was begun is finished first.

With thousands of transfers under way at once, a transfer costs a third more CPU than
with fifty (docs/performance.md). Therefore, while transfers bring work, few requests
are taken in. The others wait in the kernel's buffer, and some twenty transfers are
under way at a time. All together take as long as before, and the first are done sooner.

A request must not wait until its client repeats it. Where many wait for the rate at
which they are taken, the kernel's buffer is small, or the kernel does not tell how many
wait, all are taken at once.
"""

import socket
import struct
from typing import Final

_MOST: Final = 64
"""Before the transfers have their turn again."""
_FEW: Final = 2
_PART: Final = 32
"""More are taken where more transfers bring work, so that a flood cannot fill the
buffer: a transfer of ten blocks ends once in eleven events, so this part is too small
for the transfers to become more."""
_BUSY: Final = 2
_LOOK_EVERY_S: Final = 0.05
_STALE_S: Final = 4 * _LOOK_EVERY_S
"""What was taken in a longer time says nothing of the rate under load."""
_KEPT_RATE: Final = 0.6
"""The rate falls to this part at most from look to look: in one of them another process
may have had the processor, and all would be let in for it."""
_LONGEST_WAIT_S: Final = 0.6
"""Clients repeat a request after a second or later."""
_LEAST_BUFFER_BYTES: Final = 4 << 20
_REQUEST_BYTES: Final = 768
"""The least that the kernel counts for a waiting datagram."""
_SO_MEMINFO: Final = 55  # Linux; Python's socket module does not name it
_MEMINFO: Final = struct.Struct("@9I")


class Intake:
    """Counts what is taken from the well-known socket, and says how much may be."""

    def __init__(self, listener: socket.socket, *, has_ports: bool) -> None:
        """Begin.

        Args:
            listener: The well-known socket.
            has_ports: Whether answers to transfers come elsewhere: through one port
                requests cannot be told from them.
        """
        buffer_bytes = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._listener = listener
        is_large = buffer_bytes >= _LEAST_BUFFER_BYTES
        self._may_wait = has_ports and is_large and self._can_look()
        self._are_few = False
        self._each_s = 0.0
        self._look_at = 0.0
        self._looked_at = 0.0
        self.taken = 0
        """Since the last look."""

    def room(self, events: int, now: float) -> int:
        """Return how many datagrams to take.

        Args:
            events: For how many sockets there is work in this turn.
            now: The time.
        """
        if events <= _BUSY or not self._may_wait:
            return _MOST
        if now >= self._look_at:
            self._look(now)
        return _FEW + events // _PART if self._are_few else _MOST

    def _look(self, now: float) -> None:
        """Compare how many wait with how many are taken in the longest wait."""
        since_s = now - self._looked_at
        # A crowd that comes after a rest is not let in at once: opening thousands of
        # ports for it takes longer than its transfers. The next look knows the rate.
        is_stale = since_s > _STALE_S
        if not is_stale:
            each_s = self.taken / max(since_s, _LOOK_EVERY_S)
            self._each_s = max(each_s, self._each_s * _KEPT_RATE)
        may_wait = self._waiting() <= self._each_s * _LONGEST_WAIT_S
        self._are_few = is_stale or may_wait
        self.taken = 0
        self._looked_at = now
        self._look_at = now + _LOOK_EVERY_S

    def _can_look(self) -> bool:
        """Tell whether the kernel says what waits; some sandboxes' kernels do not."""
        try:
            self._waiting()
        except OSError:
            return False
        return True

    def _waiting(self) -> int:
        """Return how many datagrams may lie in the socket."""
        told = self._listener.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        allocated: int = _MEMINFO.unpack(told)[0]
        return allocated // _REQUEST_BYTES
