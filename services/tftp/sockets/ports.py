"""Ports of their own for transfers (RFC 1350: a transfer identifier each).

A port is two sockets. One is connected to the client: the kernel then gives it that
client's datagrams only, and tells when the client's port is closed. The other takes
what anybody else sends to the port, so that it can be answered with error 5. Opening
sockets costs as much as sending three blocks, so a port whose transfer has ended is
used again, the longest idle one first: an identifier comes back as late as possible.
"""

import errno
import os
import select
import socket
from collections import deque
from typing import Final

from tokenless.services.tftp.sockets.listener import SOL_UDP, UDP_SEGMENT, Peer

# Plans import this module on systems without such a flag, too.
_NON_BLOCKING: Final = socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0)
DESCRIPTORS_A_PORT: Final = 2
_SHARE: Final = 5
"""One pool opens a fifth as many ports as the process may have descriptors."""
_MAX_IDLE: Final = 4096
_KEPT_IDLE: Final = 256
_TRIM_EVERY_S: Final = 1.0
_TRIMMED_AT_ONCE: Final = 256
_FEW: Final = DESCRIPTORS_A_PORT * _KEPT_IDLE
_LONGEST: Final = 512
_MOST_AT_ONCE: Final = 32
_NEVER: Final = float("inf")


class TransferPort:
    """A port that belongs to one transfer at a time."""

    __slots__ = (
        "_cut_bytes",
        "_poll",
        "_strangers",
        "descriptor",
        "local",
        "own",
        "strangers_descriptor",
    )

    def __init__(self, family: socket.AddressFamily, local: str) -> None:
        """Bind a free port of the local address.

        Raises:
            OSError: When descriptors or ports have run out.
        """
        self.local = local
        self._cut_bytes = 0
        self._strangers = socket.socket(family, _NON_BLOCKING)
        try:
            self.own = socket.socket(family, _NON_BLOCKING)
        except OSError:
            self._strangers.close()
            raise
        try:
            # Bound before it may be shared: a free port must be used by no other
            # socket, also not the well-known one that workers share. Then by the same
            # user only.
            self._strangers.bind((local, 0))
            for each in (self._strangers, self.own):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.own.bind((local, self._strangers.getsockname()[1]))
        except OSError:
            self.close()
            raise
        self.descriptor = self.own.fileno()
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)
        self.strangers_descriptor = self._strangers.fileno()

    def connect(self, peer: Peer) -> None:
        """Give the port to a client; what an earlier one sent is thrown away.

        Raises:
            OSError: When the client's address cannot be reached.
        """
        self.own.connect(peer)
        # Asked first: an attempt in vain costs an exception, more than the question.
        if self._poll.poll(0):
            self.drain()

    def enable_segmentation(self, part_bytes: int) -> bool:
        """Let the kernel cut sent data into datagrams of this length; 0: not.

        Returns whether it does (UDP_SEGMENT).
        """
        if part_bytes != self._cut_bytes:
            try:
                self.own.setsockopt(SOL_UDP, UDP_SEGMENT, part_bytes)
            except OSError:
                return False
            self._cut_bytes = part_bytes
        return part_bytes > 0

    def drain(self) -> None:
        """Throw away what lies in the connected socket, a pending error too."""
        for _ in range(_MOST_AT_ONCE):
            try:
                self.own.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # the earlier client's port is closed

    def answer_strangers(self, answer: bytes, error_head: bytes) -> int:
        """Answer what others sent to the port, but no error; return how many."""
        for count in range(_MOST_AT_ONCE):
            try:
                data, stranger = self._strangers.recvfrom(_LONGEST)
                if not data.startswith(error_head):
                    self._strangers.sendto(answer, stranger)
            except OSError:
                return count
        return _MOST_AT_ONCE

    def close(self) -> None:
        """Give the port back."""
        self._strangers.close()
        self.own.close()


class _IdlePorts:
    """The idle ports at one local address, the longest idle first."""

    __slots__ = ("fewest", "ports")

    def __init__(self) -> None:
        self.ports: deque[TransferPort] = deque()
        self.fewest = 0
        """So many there were at least since the last `trim`."""

    def take(self) -> TransferPort:
        """Return the longest idle one."""
        port = self.ports.popleft()
        self.fewest = min(self.fewest, len(self.ports))
        return port


class PortPool:
    """The ports of one listener's transfers, in use and idle."""

    def __init__(
        self,
        family: socket.AddressFamily,
        epoll: "select.epoll",
        *,
        most_idle: int = _MAX_IDLE,
    ) -> None:
        self._most_idle = most_idle
        self._family = family
        self._epoll = epoll
        # The other services of the process, another node's TFTP among them, must find
        # descriptors even while this one is flooded.
        import resource  # noqa: PLC0415 - not on every system

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_descriptors = limit // _SHARE * DESCRIPTORS_A_PORT
        self._idle: dict[str, _IdlePorts] = {}
        self._trim_at = 0.0
        self._by_descriptor: dict[int, TransferPort] = {}

    def take(self, peer: Peer, local: str) -> TransferPort:
        """Return a port at `local`, connected to the client and watched.

        Raises:
            OSError: When descriptors or ports have run out, or the client's address
                cannot be reached.
        """
        idle = self._idle.get(local)
        port = self._open(local) if idle is None or not idle.ports else idle.take()
        try:
            port.connect(peer)
        except OSError:
            self._close(port)
            raise
        return port

    def give_back(self, port: TransferPort) -> None:
        """Take a port back whose transfer has ended."""
        idle = self._idle.get(port.local)
        if idle is None:
            idle = self._idle[port.local] = _IdlePorts()
        if len(idle.ports) >= self._most_idle:
            self._close(port)
        else:
            idle.ports.append(port)

    @property
    def trim_at(self) -> float:
        """Time of the next `trim`; infinity when there are few ports."""
        return self._trim_at if len(self._by_descriptor) > _FEW else _NEVER

    def trim(self, now: float) -> None:
        """Close ports that were idle all the last second, but for some."""
        if self._trim_at <= now:
            for idle in self._idle.values():
                unused = idle.fewest - _KEPT_IDLE
                for _ in range(min(unused, _TRIMMED_AT_ONCE)):
                    self._close(idle.take())
                idle.fewest = len(idle.ports)
            self._trim_at = now + _TRIM_EVERY_S

    def find(self, descriptor: int) -> TransferPort | None:
        """Return the port that a descriptor belongs to."""
        return self._by_descriptor.get(descriptor)

    def close(self) -> None:
        """Close every port, also those in use."""
        for port in set(self._by_descriptor.values()):
            port.close()
        self._by_descriptor.clear()
        self._idle.clear()

    def _open(self, local: str) -> TransferPort:
        if len(self._by_descriptor) >= self._max_descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        port = TransferPort(self._family, local)
        for descriptor in (port.descriptor, port.strangers_descriptor):
            self._epoll.register(descriptor, select.EPOLLIN)
            self._by_descriptor[descriptor] = port
        return port

    def _close(self, port: TransferPort) -> None:
        del self._by_descriptor[port.descriptor]
        del self._by_descriptor[port.strangers_descriptor]
        port.close()  # which takes its sockets out of epoll too
