"""Sockets that systemd opened for us (sd_listen_fds(3)).

A socket unit can give TFTP port 69 without a capability, and a receive buffer beyond
net.core.rmem_max (`ReceiveBuffer=`).
"""

import os
import socket
from typing import Final

_FIRST_DESCRIPTOR: Final = 3


def inherited_socket(
    address: str, port: int, first: int = _FIRST_DESCRIPTOR
) -> socket.socket | None:
    """Return the UDP socket that is bound there already, if one was handed over."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "0")
    for descriptor in range(first, first + (int(count) if count.isdecimal() else 0)):
        found = _udp_socket(descriptor)
        if found is None:
            continue
        if found.getsockname()[:2] == (address, port):
            found.setblocking(False)
            return found
        found.close()
    return None


def _udp_socket(descriptor: int) -> socket.socket | None:
    """Return a duplicate of the descriptor as a socket, None when it is no UDP one."""
    try:
        found = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    is_internet = found.family in {socket.AF_INET, socket.AF_INET6}
    if is_internet and found.type == socket.SOCK_DGRAM:
        return found
    found.close()
    return None
