"""Free ports that stay ours: none that the system gives to other programs by itself.

A server that was told port 0 keeps the port that it got, as phone configurations name
it: it takes the same one again after a restart. Between the two no other program may
get it, so it is none of the range of automatic ports (ip(7), ip_local_port_range).
"""

import errno
import os
import random
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

_PORTS: Final = range(20_000, 32_000)
_PORTS_A_PROCESS: Final = 200

Bound = TypeVar("Bound")


class _OwnPorts:
    """Ports that no other process of ours on this machine draws from.

    Processes that run side by side take disjoint parts of the range: while a server of
    one restarts, the other would take its port. The claim is a name in the kernel,
    which is gone with the process however it ends.
    """

    def __init__(self) -> None:
        self._claim = -1
        self._process = 0
        self._ports = deque(_PORTS)

    def draw(self) -> Iterator[int]:
        """Yield each port of this process once, those drawn longest ago first."""
        if self._process != os.getpid():
            self._take()
        for _ in range(len(self._ports)):
            self._ports.rotate(-1)
            yield self._ports[-1]

    def _take(self) -> None:
        parts = range(0, len(_PORTS), _PORTS_A_PROCESS)
        for part in random.sample(parts, len(parts)):
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                claim.bind(f"\0tokenless-ports-{_PORTS[part]}")
            except OSError:
                claim.close()
                continue
            # The claim lasts as long as the process that holds it.
            self._claim, self._process = claim.detach(), os.getpid()
            self._ports = deque(_PORTS[part : part + _PORTS_A_PROCESS])
            return


_OWN_PORTS: Final = _OwnPorts()


def draw_ports() -> Iterator[int]:
    """Yield each port of this process once, those drawn longest ago first."""
    return _OWN_PORTS.draw()


def bind_free(bind: Callable[[int], Bound]) -> Bound:
    """Bind a port of ours that is free.

    Args:
        bind: Binds the port that it is given.

    Raises:
        OSError: When the address is not ours, or sockets cannot be had.
    """
    for port in draw_ports():
        try:
            return bind(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return bind(0)
