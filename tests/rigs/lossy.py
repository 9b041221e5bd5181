"""A network that loses, doubles, delays and reorders, and two TFTP ends on it.

It runs under trio's clock that jumps: minutes of time-outs cost no time. A datagram's
fate is the delays after which copies of it arrive: `()` is lost, `(0.0,)` delivered,
`(0.0, 0.4)` doubled, `(1.2,)` late, and thereby behind those sent after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import trio
import trio.testing

from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tftp.blocks import Blocks
from tokenless.protocol.tftp.download import Download, DownloadOptions
from tokenless.protocol.tftp.endings import Timing, TransferOutcome
from tokenless.protocol.tftp.options import OptionLimits, negotiate
from tokenless.protocol.tftp.packets import Opcode, decode_opcode, decode_read_request
from tokenless.protocol.tftp.transfer import Transfer

Fate = tuple[float, ...]
DELIVERED: Fate = (0.0,)
SERVER, TID = "192.0.2.1", 40000


@dataclass
class Lossy:
    """One direction of the network; when its fates are used up it loses nothing."""

    fates: Iterator[Fate]
    nursery: trio.Nursery
    receiver: trio.MemorySendChannel[bytes]
    sent: list[bytes] = field(default_factory=list)

    def send(self, datagram: bytes) -> None:
        self.sent.append(datagram)
        for delay in next(self.fates, DELIVERED):
            if delay:
                self.nursery.start_soon(self._deliver_later, datagram, delay)
            else:
                self._deliver(datagram)

    async def _deliver_later(self, datagram: bytes, delay: float) -> None:
        await trio.sleep(delay)
        self._deliver(datagram)

    def _deliver(self, datagram: bytes) -> None:
        try:
            self.receiver.send_nowait(datagram)
        except trio.BrokenResourceError:
            return  # that end has closed its socket


@dataclass
class Report:
    """What came of one transfer over the lossy network."""

    content: bytes | None = None
    error: ProtocolError | None = None
    outcomes: list[TransferOutcome] = field(default_factory=list)
    client_seconds: float = 0.0
    seconds: float = 0.0
    from_server: list[bytes] = field(default_factory=list)

    @property
    def blocks_sent(self) -> int:
        return sum(decode_opcode(data) == Opcode.DATA for data in self.from_server)


def transfer_over(
    content: bytes,
    download_options: DownloadOptions,
    *,
    to_server: Sequence[Fate] = (),
    to_client: Sequence[Fate] = (),
    timing: Timing | None = None,
) -> Report:
    """Fetch a file through a network with these fates."""
    report = Report()

    async def both_ends() -> None:
        client_inbox = trio.open_memory_channel[bytes](1000)
        server_inbox = trio.open_memory_channel[bytes](1000)
        async with trio.open_nursery() as nursery:
            upward = Lossy(iter(to_server), nursery, server_inbox[0])
            downward = Lossy(iter(to_client), nursery, client_inbox[0])
            nursery.start_soon(
                _fetch, download_options, upward, client_inbox[1], report
            )
            server = _Server(content, timing or Timing(), downward, report)
            await server.serve(server_inbox[1])
            report.from_server = downward.sent
        report.seconds = trio.current_time()

    trio.run(both_ends, clock=trio.testing.MockClock(autojump_threshold=0))
    return report


async def _fetch(
    download_options: DownloadOptions,
    network: Lossy,
    inbox: trio.MemoryReceiveChannel[bytes],
    report: Report,
) -> None:
    download = Download("file", SERVER, trio.current_time(), download_options)
    with inbox:
        while not download.is_over:
            _send_all(download, network)
            with trio.move_on_at(download.deadline):
                datagram = await inbox.receive()
                download.receive(datagram, (SERVER, TID), trio.current_time())
                continue
            download.tick(trio.current_time())
        _send_all(download, network)
    report.client_seconds = trio.current_time()
    try:
        report.content = download.result()
    except ProtocolError as error:
        report.error = error


def _send_all(download: Download, network: Lossy) -> None:
    for datagram, _port in download.datagrams():
        network.send(datagram)


class _Server:
    """What the engine does with one client, without its sockets."""

    def __init__(
        self, content: bytes, timing: Timing, network: Lossy, report: Report
    ) -> None:
        self._content = content
        self._timing = timing
        self._network = network
        self._report = report
        self._transfer: Transfer | None = None

    async def serve(self, inbox: trio.MemoryReceiveChannel[bytes]) -> None:
        """Serve until the client has been silent for longer than all time-outs."""
        while True:
            transfer = self._transfer
            until = trio.current_time() + 60 if transfer is None else transfer.deadline
            datagram = None
            with trio.move_on_at(until):
                datagram = await inbox.receive()
            if datagram is None and transfer is None:
                return
            self._take(datagram, trio.current_time())

    def _take(self, datagram: bytes | None, now: float) -> None:
        transfer = self._transfer
        if datagram is not None and decode_opcode(datagram) == Opcode.RRQ:
            if transfer is None:
                transfer = self._transfer = self._begin(datagram, now)
            else:
                transfer.ask_again()
        elif transfer is None:
            return
        elif datagram is None:
            transfer.tick(now)
        else:
            transfer.receive(datagram, now)
        for answer in transfer.datagrams():
            self._network.send(answer)
        if transfer.outcome is not None:
            self._report.outcomes.append(transfer.outcome)
            self._transfer = None

    def _begin(self, datagram: bytes, now: float) -> Transfer:
        request = decode_read_request(datagram)
        size = len(self._content)
        agreement = negotiate(request.options, OptionLimits(), size)
        blocks = Blocks(self._content, agreement.block_size)
        return Transfer(blocks, agreement, self._timing, now)
