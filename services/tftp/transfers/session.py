"""One transfer of the server: its state, its client, its socket."""

from collections.abc import Callable, Sequence
from typing import Final

from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.transfer import Transfer
from tokenless.services.tftp.files.disk_files import FilePackets
from tokenless.services.tftp.files.source import ReadyContent
from tokenless.services.tftp.sockets.listener import Listener, Peer
from tokenless.services.tftp.sockets.ports import TransferPort

Send = Callable[[bytes], object]


class Session:
    """A transfer with the socket that it is sent through."""

    __slots__ = (
        "content",
        "filename",
        "is_begun",
        "is_ended",
        "is_loading",
        "is_new",
        "is_watched",
        "packets",
        "peer",
        "port",
        "predecessor",
        "recv",
        "request",
        "segment_bytes",
        "send",
        "started",
        "transfer",
    )

    content: ReadyContent
    """The version of the file that it sends."""
    send: Send
    """How a datagram goes to the client."""
    recv: Callable[[int], bytes]
    """How one comes from the client, where the socket is the transfer's own."""

    def __init__(
        self,
        transfer: Transfer,
        peer: Peer,
        request: bytes,
        filename: str,
        started: float,
    ) -> None:
        self.transfer = transfer
        self.peer = peer
        self.request = request
        """The request as it came, to know its repetitions by."""
        self.filename = filename
        self.started = started
        self.packets: FilePackets | None = None
        """Those of a file that is read while it is sent."""
        self.is_loading = False
        """Whether a thread is reading the next of them."""
        self.is_begun = False
        """Whether it is in the table, with a way to send."""
        self.is_ended = False
        """Whether it was taken out of the table again."""
        self.is_new = True
        """Whether the client has not answered yet: the request may be forged."""
        self.segment_bytes = transfer.agreement.segment_bytes
        """How long the parts of a window are that the kernel cuts; 0: it cuts none."""
        self.is_watched = True
        """Whether a datagram takes more than the shortest way: the client has not
        answered before, windows are sent, or blocks may have to be loaded."""
        self.predecessor: Session | None = None
        """The transfer that this one replaces as soon as the client answers it.

        A late repetition of a request must not end the transfer that it began.
        """
        self.port: TransferPort | None = None
        """Its own port; None when it is sent through the well-known one."""

    @property
    def deadline(self) -> float:
        """Time at which the transfer's `tick` is due."""
        return self.transfer.deadline

    @property
    def is_over(self) -> bool:
        """Return whether the transfer has ended."""
        return self.transfer.outcome is not None

    def note_answer(self) -> None:
        """Note that the client exists."""
        self.is_new = False
        self.is_watched = self.segment_bytes > 0 or self.packets is not None

    def use(self, port: TransferPort) -> None:
        """Send and receive through a port of the transfer's own."""
        self.port = port
        self.send, self.recv = port.own.send, port.own.recv
        if not port.enable_segmentation(self.segment_bytes):
            self.segment_bytes = 0

    def send_through(self, listener: Listener, local: str) -> None:
        """Send from the well-known port, as that address of the server."""
        peer, send = self.peer, listener.send
        self.send = lambda data: send(data, peer, local)

    def addressee(self, data: bytes) -> "Session":
        """Return whose datagram it is: of two transfers of one client at one port.

        Until the client has answered the newer one, everything but that answer is still
        meant for the older.
        """
        older = self.predecessor
        if older is None or older.port is not None or self.transfer.awaits(data):
            return self
        return older

    def stop_segmentation(self) -> None:
        """Send the datagrams of a window one by one from now on."""
        self.segment_bytes = 0
        if self.port is not None:
            self.port.enable_segmentation(0)

    def end(self, outcome: TransferOutcome) -> None:
        """Let the transfer end for a reason of the server's, unless it has ended."""
        if self.transfer.outcome is None:
            self.transfer.outcome = outcome


_MAX_PARTS: Final = 64
_MAX_BYTES: Final = 65_000
"""A train must fit into one UDP datagram before it is cut."""


def send_segmented(session: Session, datagrams: Sequence[bytes]) -> None:
    """Send a window; all its datagrams but the last are equally long.

    Where the network refuses trains (a block that is longer than its packets, a device
    without checksums in hardware) the window goes datagram by datagram from then on.

    Raises:
        BlockingIOError: When the socket's buffer is full; the rest is not sent.
        OSError: When the client's port is closed.
    """
    parts = max(1, min(_MAX_PARTS, _MAX_BYTES // session.segment_bytes))
    for first in range(0, len(datagrams), parts):
        train = datagrams[first : first + parts]
        try:
            session.send(b"".join(train))
        except (BlockingIOError, ConnectionRefusedError):
            raise
        except OSError:
            session.stop_segmentation()
            _send_singly(session, datagrams[first:])
            return


def _send_singly(session: Session, datagrams: Sequence[bytes]) -> None:
    for datagram in datagrams:
        session.send(datagram)
