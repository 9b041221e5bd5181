"""Many TFTP downloads over one loop: sockets around `protocol.tftp.download`.

Each download has a socket of its own, which is its transfer identifier as RFC 1350 has
it. All of them are registered in one epoll descriptor; one trio task waits for that
(see decision 5): a task a packet would cost a fleet most of its speed.
"""

import random
import select
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final

import trio

from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.tftp.download import (
    Download,
    DownloadOptions,
    SilentServerError,
)

_MAX_DATAGRAM: Final = 65_536
_EVENTS_A_TURN: Final = 512
_MAX_DOWNLOAD_S: Final = 300.0
"""However lively a server is: one that would send for ever is left (ours)."""


@dataclass(slots=True)
class _Transfer:
    """One download and its socket."""

    server: Server
    socket: socket.socket
    download: Download
    loses: Callable[[], bool]
    """Says whether the network loses the datagram in question."""
    done: trio.Event = field(default_factory=trio.Event)

    def send(self) -> None:
        """Send the due datagrams; one that cannot leave now counts as lost."""
        for data, port in self.download.datagrams():
            if self.loses():
                continue
            where = (self.server.address, self.server.port if port is None else port)
            try:
                self.socket.sendto(data, where)
            except OSError:
                return

    def take_one(self, now: float) -> None:
        """Take one datagram; the next turn takes the next: servers wait for ACKs."""
        try:
            data, source = self.socket.recvfrom(_MAX_DATAGRAM)
        except OSError:  # news of an unreachable port: the retransmits decide how
            return  # long to believe in the server
        if self.loses():
            return
        self.download.receive(data, (source[0], source[1]), now)
        self.send()
        if self.download.is_over:
            self.done.set()

    def goes_on_at(self, now: float) -> bool:
        """Send due datagrams again; return whether there is anything to wait for."""
        self.download.tick(now)
        self.send()
        if self.download.is_over:
            self.done.set()
        return not self.download.is_over


class TftpClient:
    """Downloads files for any number of phones; `run` must be running."""

    def __init__(
        self,
        *,
        download_options: DownloadOptions | None = None,
        max_sockets: int = 512,
        loss: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Make a client.

        Args:
            download_options: Options of requests, time-outs, the size limit.
            max_sockets: How many downloads at once; more wait.
            loss: Which part of all datagrams is lost on purpose, both ways.
            seed: Decides which.
        """
        self._wishes = download_options or DownloadOptions()
        self._losses = _Losses(loss, seed)
        self._sockets = trio.CapacityLimiter(max_sockets)
        self._epoll = select.epoll()
        self._transfers: dict[int, _Transfer] = {}
        self._timers: list[tuple[float, int, _Transfer]] = []
        self._order = count()
        self._sleep = trio.CancelScope()
        self.retransmits = 0
        """The number of datagrams that were sent again after a time-out."""

    async def fetch(self, server: Server, name: str, *, client: str = "") -> bytes:
        """Download one file.

        Args:
            server: From where.
            name: What to ask for.
            client: Whose download it is: losses on purpose are drawn for each client.

        Raises:
            TftpError: When the server refused.
            SilentServerError: When it did not answer, or too slowly.
            ProtocolError: When the file is too large or the server makes no sense.
            PhoneError: When this machine has no socket left.
            ValueError: When no server can be asked for that name (a caller's mistake).
        """
        async with self._sockets:
            transfer = self._open(server, name, self._losses.of(client))
            try:
                with trio.move_on_after(_MAX_DOWNLOAD_S):
                    await transfer.done.wait()
                if not transfer.download.is_over:
                    raise SilentServerError(f"{name} took over {_MAX_DOWNLOAD_S:g} s")
                return transfer.download.result()
            finally:
                self.retransmits += transfer.download.retransmits
                self._close(transfer)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Move datagrams until cancelled."""
        try:
            task_status.started()
            while True:
                with trio.CancelScope() as self._sleep:
                    self._sleep.deadline = self._next_deadline()
                    await trio.lowlevel.wait_readable(self._epoll.fileno())
                now = trio.current_time()
                for descriptor, _ in self._epoll.poll(0, _EVENTS_A_TURN):
                    if transfer := self._transfers.get(descriptor):
                        transfer.take_one(now)
                self._tick(now)
        finally:
            for transfer in tuple(self._transfers.values()):
                self._close(transfer)
            self._epoll.close()

    @trio.lowlevel.enable_ki_protection  # an interrupt may not lose the socket
    def _open(self, server: Server, name: str, loses: Callable[[], bool]) -> _Transfer:
        now = trio.current_time()
        # First: a name that cannot be asked for raises, and may not leave a socket.
        download = Download(name, server.address, now, self._wishes)
        datagrams = _socket_towards(server)
        transfer = _Transfer(server, datagrams, download, loses)
        self._transfers[datagrams.fileno()] = transfer
        self._epoll.register(datagrams.fileno(), select.EPOLLIN)
        self._set_timer(transfer)
        transfer.send()
        return transfer

    def _close(self, transfer: _Transfer) -> None:
        descriptor = transfer.socket.fileno()
        if self._transfers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)
        transfer.socket.close()

    def _set_timer(self, transfer: _Transfer) -> None:
        deadline = transfer.download.deadline
        heappush(self._timers, (deadline, next(self._order), transfer))
        self._sleep.deadline = min(self._sleep.deadline, deadline)

    def _next_deadline(self) -> float:
        return self._timers[0][0] if self._timers else float("inf")

    def _tick(self, now: float) -> None:
        """Let downloads act whose time has come; most have moved on since."""
        while self._timers and self._timers[0][0] <= now:
            _, _, transfer = heappop(self._timers)
            if transfer.socket.fileno() >= 0 and transfer.goes_on_at(now):
                self._set_timer(transfer)


def _socket_towards(server: Server) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise PhoneError(
            f"no socket for a download: {error.strerror}",
            hint="boot fewer phones at once, or allow more open files (`ulimit -n`)",
        ) from error


class _Losses:
    """The datagrams that the network loses: drawn for each client separately.

    So with one seed a phone loses the same packets, independent of other phones.
    """

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._seed = share, seed
        self._downloads: Counter[str] = Counter()

    def of(self, client: str) -> Callable[[], bool]:
        """Return the chances of a client's next download."""
        if not self._share:
            return lambda: False
        self._downloads[client] += 1
        ours = f"{self._seed}/{client}/{self._downloads[client]}"
        chance = random.Random(ours)  # noqa: S311 - repeatable, nothing secret
        return lambda: chance.random() < self._share
