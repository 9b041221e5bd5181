"""Listening sockets of all servers: opened here or by systemd (sd_listen_fds(3)).

With several workers each has a socket of its own on the one port (SO_REUSEPORT): the
kernel spreads clients over them. All are opened by the process that outlives the
workers, so that clients in a dead worker's backlog wait for the next one.
"""

import errno
import os
import socket
from collections.abc import Callable
from typing import Final

from tokenless.services.errors import ServiceError
from tokenless.services.free_ports import bind_free

# Phones of a whole cluster come at once after a restart; a full backlog would cost each
# one the second of its first retransmission.
_BACKLOG: Final = 4096
_FIRST_DESCRIPTOR: Final = 3
_HINTS: Final = {
    errno.EADDRINUSE: "stop the other program, or choose another port (0: a free one)",
    errno.EADDRNOTAVAIL: "choose an address of this machine; that of a node is kept by "
    "its data folder: make another one with a corrected configuration",
    errno.EMFILE: "let the process have more open files (`ulimit -n`)",
    errno.EACCES: "choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
}


def cannot_listen(what: str, address: str, port: int, error: OSError) -> ServiceError:
    """Return the error that says why a server has no socket, and what to do."""
    number = error.errno or 0
    reason = os.strerror(number) if number else str(error)
    if isinstance(error, socket.gaierror):  # its numbers are not the system's
        number, reason = errno.EADDRNOTAVAIL, error.strerror or reason
    return ServiceError(
        f"{what} cannot listen on {address} port {port}: {reason}",
        hint=_HINTS.get(number),
    )


def listen_tcp(what: str, address: str, port: int, times: int) -> list[socket.socket]:
    """Listen on one port with as many sockets as there are workers.

    Args:
        what: The name of the server, for the error.
        address: An IPv4 or IPv6 address.
        port: 0 takes a free one.
        times: How many workers share the port.

    Raises:
        ServiceError: When the address is not ours or the port is in use.
    """

    def listen(port: int, shared: bool) -> socket.socket:
        return _listen_tcp(address, port, shared=shared)

    try:
        return share_port(listen, port, times)
    except OSError as error:
        raise cannot_listen(what, address, port, error) from error


def share_port(
    bind: Callable[[int, bool], socket.socket], port: int, times: int
) -> list[socket.socket]:
    """Bind as many sockets to one port as there are workers.

    Args:
        bind: Binds one socket to a port, shared with others or not.
        port: 0 takes a free one, the same for all.
        times: How many.

    Raises:
        OSError: When one cannot be bound; then none is open.
    """
    first = bind(port, False) if port else bind_free(lambda each: bind(each, False))
    if times == 1:
        return [first]
    # Sockets that share a port do not notice a stranger that shares it, too.
    port = first.getsockname()[1]
    first.close()
    bound: list[socket.socket] = []
    try:
        while len(bound) < times:
            bound.append(bind(port, True))
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound


def raise_descriptor_limit() -> int | None:
    """Let this process have as many descriptors as its hard limit allows.

    The soft limit of most systems, 1,024, is there for programs that use `select`.

    Returns:
        How many it may have now; None when there is no limit.
    """
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return None if hard == resource.RLIM_INFINITY else hard


def _listen_tcp(address: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit it: an answer must not wait for the client's ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def inherited_socket(
    address: str, port: int, first: int = _FIRST_DESCRIPTOR
) -> socket.socket | None:
    """Return the UDP socket that systemd has bound there, or None.

    A socket unit can give TFTP port 69 without a capability, and a receive buffer
    larger than net.core.rmem_max (`ReceiveBuffer=`).
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "0")
    for descriptor in range(first, first + (int(count) if count.isdecimal() else 0)):
        udp = _udp_socket(descriptor)
        if udp is None:
            continue
        if udp.getsockname()[:2] == (address, port):
            udp.setblocking(False)
            return udp
        udp.close()
    return None


def _udp_socket(descriptor: int) -> socket.socket | None:
    """Return a duplicate of the descriptor as a socket; None if it is not UDP."""
    try:
        candidate = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    is_internet = candidate.family in {socket.AF_INET, socket.AF_INET6}
    if is_internet and candidate.type == socket.SOCK_DGRAM:
        return candidate
    candidate.close()
    return None
