"""The sockets that the TVS daemon listens on."""

import socket
from dataclasses import dataclass
from typing import Final

from services.tvs.settings import TvsSettings

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


def open_listeners(settings: TvsSettings) -> tuple[Listener, ...]:
    """Listen on the port, and on the legacy one where it is wanted.

    Raises:
        OSError: When an address is not ours or a port is in use; `filename` is it.
    """
    shared = settings.workers > 1
    listeners = [Listener(_listen(settings.address, settings.port, shared), False)]
    if settings.legacy is not None:
        address = settings.legacy.address or settings.address
        try:
            legacy = _listen(address, settings.legacy.port, shared)
        except OSError:
            listeners[0].close()
            raise
        listeners.append(Listener(legacy, True))
    return tuple(listeners)


def _listen(address: str, port: int, shared: bool) -> socket.socket:
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
