"""The well-known socket of a TFTP server.

The receive buffer of the well-known socket decides a boot storm: the default of 208 KB
holds 277 requests, and a phone whose request is lost waits out its time-out.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from tokenless.services.listening import cannot_listen

# Linux; Python's socket module does not name them.
_SO_RCVBUFFORCE: Final = 33
SOL_UDP: Final = 17
UDP_SEGMENT: Final = 103
"""Lets the kernel cut what is sent into datagrams (since Linux 4.18)."""
_NON_BLOCKING: Final = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK

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
        return _bound(address, port, receive_buffer_bytes)
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
