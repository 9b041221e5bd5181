"""Windows (RFC 7440) as trains: several datagrams in one system call.

The kernel cuts a train into datagrams again (UDP_SEGMENT); on the wire nothing differs.
"""

from collections.abc import Sequence
from typing import Final

from tokenless.services.tftp.session import Session

_MAX_PARTS: Final = 64
_MAX_BYTES: Final = 65_000
"""A train must fit into one UDP datagram before it is cut."""


def send_trains(session: Session, datagrams: Sequence[bytes]) -> None:
    """Send a window; all its datagrams but the last are equally long.

    Where the network refuses trains (a block that is longer than its packets, a device
    without checksums in hardware) the window goes datagram by datagram from then on.

    Raises:
        BlockingIOError: When the socket's buffer is full; the rest is not sent.
        OSError: When the client's port is closed.
    """
    parts = max(1, min(_MAX_PARTS, _MAX_BYTES // session.train_bytes))
    for first in range(0, len(datagrams), parts):
        train = datagrams[first : first + parts]
        try:
            session.send(b"".join(train))
        except (BlockingIOError, ConnectionRefusedError):
            raise
        except OSError:
            session.stop_trains()
            _send_singly(session, datagrams[first:])
            return


def _send_singly(session: Session, datagrams: Sequence[bytes]) -> None:
    for datagram in datagrams:
        session.send(datagram)
