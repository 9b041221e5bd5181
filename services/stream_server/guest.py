"""The interface of guests: what a protocol implements to be served.

A guest opens a session for each connection, once data can flow: on a TLS port after the
handshake, on a clear port with the first bytes (or at once, where the server speaks
first). The loop then calls the session; nothing in a session may block.

    begin()         the connection carries data now; the client's certificates are known
    receive(data)   bytes of the client: feed the stream in `protocol/`
    answer()        answer what is whole in the stream, as far as the client reads
    on_timer()      the time of `connection.set_timer` is over
    end()           the connection is closed: forget it

A session sends by `connection.send` within these calls, and by `connection.push` at any
other moment (a server that tells a phone to restart). Whatever a session raises ends
its own connection only: ProtocolError as the client's fault, all else as ours.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tokenless.services.limited_log import LimitedLog

if TYPE_CHECKING:
    from tokenless.services.stream_server.connections.connection import Connection
    from tokenless.services.stream_server.settings import StreamLimits


class Session(ABC):
    """One connection of a guest."""

    __slots__ = ("connection",)

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection

    def begin(self) -> None:  # noqa: B027 (most servers do not speak first)
        """Say what the server says first."""

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take bytes of the client, and keep to a bound.

        Raises:
            ProtocolError: When more would be kept than is allowed.
        """

    @abstractmethod
    def answer(self) -> int:
        """Answer what can be answered; called after `receive` and when there is room.

        Stop when `connection.is_stuck`: the client has to read first. One who sends
        more than a few messages (a file) stops when `connection.may_send` is false, and
        says by `is_sending` that there is more.

        Returns:
            How much was done (requests answered, pieces sent): any progress begins the
            time of the phase again.

        Raises:
            ProtocolError: When the client sent what it may not send.
        """

    def on_timer(self) -> None:  # noqa: B027 (most sessions set none)
        """Do the work of the timer."""

    def end(self) -> None:  # noqa: B027 (most sessions have nothing to end)
        """Forget the connection: it is closed, by either side."""

    @property
    def is_between_requests(self) -> bool:
        """Tell whether no part of a request has come, and no answer is due."""
        return True

    @property
    def is_kept(self) -> bool:
        """Return whether the client is known, and the only one of its name.

        Its connection is not closed to make room. What strangers can claim in any
        number must not be kept: newcomers would find no room.
        """
        return False

    @property
    def is_sending(self) -> bool:
        """Return whether `answer` is to be called again as soon as there is room."""
        return False


class Guest(ABC):
    """A protocol, as the loop uses it."""

    speaks_first: bool = False
    """True if a session begins at once on a clear port, before the client's bytes."""

    @abstractmethod
    def open_session(self, connection: "Connection") -> Session:
        """Return the session of a connection that can carry data now."""

    # What is logged at debug level; the lines of a vendor's trace, where there is one.

    def accepted_lines(self, fd: int, address: str, total: int) -> Iterable[str]:
        """Yield the lines of a new connection, the so many-th."""
        yield f"accepted connection {total} from {address}, fd = {fd}"

    def handshake_lines(self, address: str, cipher: str) -> Iterable[str]:
        """Yield the lines of a finished TLS handshake."""
        yield f"{address}: TLS handshake done, {cipher}"

    def closed_lines(self) -> Iterator[str]:
        """Yield the lines of a connection's end."""
        yield "connection closed"


class WorkerGuest(Guest):
    """A protocol that can be served by several processes."""

    @abstractmethod
    def take_state(self, state: bytes) -> None:
        """Answer from what a `workers.supervisor.StateSource` has packed."""


@dataclass(frozen=True, slots=True)
class GuestTools:
    """Objects that a guest is created with."""

    cells: memoryview
    """The cells of its counts: one cell for each of its own counts."""
    log: LimitedLog
    limits: "StreamLimits"


class GuestMaker(Protocol):
    """A guest's class or function; for workers it is found by its name."""

    def __call__(self, tools: GuestTools) -> Guest:
        """Return the guest of one process."""
