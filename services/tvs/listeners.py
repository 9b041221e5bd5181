"""The sockets that the TVS daemon listens on.

With several workers each has a socket of its own on the one port (SO_REUSEPORT): the
kernel spreads clients over them. They are all opened here, by the process that outlives
the workers, so the clients in a dead worker's backlog wait for the next one.
"""

import socket
from dataclasses import dataclass
from typing import Final, TypeAlias

from tokenless.services.tvs.settings import TvsSettings

# Phones of a whole cluster come at once after a restart; a full backlog would cost each
# one the second of its first retransmission.
_BACKLOG: Final = 4096


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and what is spoken on it."""

    socket: socket.socket
    is_legacy: bool

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: the real port, also when 0 was asked for."""
        host, port, *_ = self.socket.getsockname()
        return host, port

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


Listeners: TypeAlias = tuple[Listener, ...]
"""One worker's: the modern one and, where it is wanted, the legacy one."""


def open_listeners(settings: TvsSettings) -> tuple[Listeners, ...]:
    """Listen, and return what belongs to each worker.

    Raises:
        OSError: When an address is not ours or a port is in use; `filename` is it.
    """
    opened: list[Listener] = []
    places = [(settings.address, settings.port, False)]
    if settings.legacy is not None:
        legacy = settings.legacy
        places.append((legacy.address or settings.address, legacy.port, True))
    try:
        for address, port, is_legacy in places:
            sockets = _listen_often(address, port, settings.workers)
            opened += [Listener(sock, is_legacy) for sock in sockets]
    except OSError:
        close_listeners(opened)
        raise
    return tuple(
        tuple(opened[worker :: settings.workers]) for worker in range(settings.workers)
    )


def close_listeners(listeners: "list[Listener] | Listeners") -> None:
    """Stop listening on all of them."""
    for listener in listeners:
        listener.close()


def _listen_often(address: str, port: int, times: int) -> list[socket.socket]:
    if times == 1:
        return [_listen(address, port)]
    if port:
        # Sockets that share a port do not notice a stranger that shares it, too.
        _listen(address, port).close()
    sockets = [_listen(address, port, shared=True)]
    port = sockets[0].getsockname()[1]
    try:
        while len(sockets) < times:
            sockets.append(_listen(address, port, shared=True))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen(address: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit it: an answer must not wait for the phone's ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        error.filename = f"{address}:{port}"
        raise
    return listener
