"""The server's main UDP socket: datagrams with their source and destination.

A server on a wildcard address has to answer from the address that the client asked, or
the client takes the answer for another server's (RFC 1350: a TID belongs to a host).
The kernel reports it with the datagram (IP_PKTINFO), at some cost, so that way is taken
for wildcard addresses only.
"""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Final

from tokenless.protocol.tftp.packets import MAX_REQUEST_BYTES
from tokenless.services.free_ports import bind_free
from tokenless.services.listening import cannot_listen

# Linux; Python's socket module does not name them.
_SO_RCVBUFFORCE: Final = 33
SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
"""Lets the kernel cut sent data into datagrams (since Linux 4.18)."""
_NON_BLOCKING: Final = socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0)

Peer = tuple[str, int] | tuple[str, int, int, int]
"""An address as `recvfrom` gives it: of IPv4, or of IPv6 with flow and scope."""


def open_listener(address: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    """Bind the well-known socket.

    Args:
        address: An IPv4 or IPv6 address; `::` serves both families.
        port: 0 takes a free one.
        receive_buffer_bytes: What the kernel should hold while we are busy.

    Raises:
        ServiceError: When the address is none of this machine's, the port is taken, or
            descriptors have run out.
    """
    try:
        if port:
            return _bound(address, port, receive_buffer_bytes)
        return bind_free(lambda free: _bound(address, free, receive_buffer_bytes))
    except OSError as error:
        raise cannot_listen("TFTP", address, port, error) from error


def _bound(address: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, _NON_BLOCKING)
    try:
        if family == socket.AF_INET6 and address == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        _raise_receive_buffer(listener, receive_buffer_bytes)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


def warn_of_small_buffer(
    listener: socket.socket, wanted_bytes: int, warn: Callable[..., object]
) -> None:
    """Say what to do when the kernel gives the listener less than it should have."""
    # The kernel doubles the value, for its own overhead (socket(7)).
    got = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if got < wanted_bytes:
        warn(
            "the kernel keeps TFTP's receive buffer small; requests of a boot storm "
            f"will be lost: run `sysctl -w net.core.rmem_max={wanted_bytes}`, grant "
            f"CAP_NET_ADMIN, or use a systemd socket with ReceiveBuffer={wanted_bytes}",
            wanted_bytes=wanted_bytes,
            got_bytes=got,
        )


def _raise_receive_buffer(listener: socket.socket, size: int) -> None:
    """Ask beyond the administrator's limit where allowed, else up to it."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except OSError:
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


_LONGEST: Final = MAX_REQUEST_BYTES + 1  # one more, so that a longer one is seen
_IP_PKTINFO: Final = 8
_PKTINFO_V4: Final = struct.Struct("@I4s4s")  # interface, local address, destination
_PKTINFO_V6: Final = struct.Struct("@16sI")  # destination, interface
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_PKTINFO_V6.size) + socket.CMSG_SPACE(
    _PKTINFO_V4.size
)
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)

Received = tuple[bytes, Peer, str]


class Listener:
    """Receives datagrams with both their addresses, and sends from the right one."""

    def __init__(self, bound: socket.socket) -> None:
        self.socket = bound
        self.address: str = bound.getsockname()[0]
        self.port: int = bound.getsockname()[1]
        self._is_v6 = bound.family == socket.AF_INET6
        self.is_wildcard = self.address in _WILDCARDS
        if self.is_wildcard:
            self._ask_for_destinations()

    def receive(self) -> Received:
        """Return the next datagram. Raises BlockingIOError when there is none."""
        if self.is_wildcard:
            data, ancillary, _, peer = self.socket.recvmsg(_LONGEST, _ANCILLARY_BYTES)
            return data, peer, self._destination(ancillary)
        data, peer = self.socket.recvfrom(_LONGEST)
        return data, peer, self.address

    def send(self, data: bytes, peer: Peer, local: str) -> None:
        """Send from the well-known port; what the kernel cannot take is lost."""
        try:
            if self.is_wildcard:
                self.socket.sendmsg([data], [self._from(local)], 0, peer)
            else:
                self.socket.sendto(data, peer)
        except OSError:
            # A full buffer, an unreachable network, a forged address that is none: as
            # if the datagram had been lost, which transfers are made for.
            return

    def _ask_for_destinations(self) -> None:
        if self._is_v6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def _destination(self, ancillary: Iterable[tuple[int, int, bytes]]) -> str:
        for level, kind, value in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
                packed = _PKTINFO_V4.unpack_from(value)[1]
                return socket.inet_ntop(socket.AF_INET, packed)
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                packed = _PKTINFO_V6.unpack_from(value)[0]
                return socket.inet_ntop(socket.AF_INET6, packed)
        return self.address

    def _from(self, local: str) -> tuple[int, int, bytes]:
        if self._is_v6:
            packed = socket.inet_pton(socket.AF_INET6, local)
            value = _PKTINFO_V6.pack(packed, 0)
            return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, value
        packed = socket.inet_pton(socket.AF_INET, local)
        value = _PKTINFO_V4.pack(0, packed, b"\0" * 4)
        return socket.IPPROTO_IP, _IP_PKTINFO, value
