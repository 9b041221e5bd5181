"""The server's side of one TFTP read (RFC 1350, 2347, 7440), without socket or clock.

    transfer = Transfer(blocks, agreement, timing, now)
    send(transfer.datagrams())                      # an OACK or block 1
    transfer.receive(data, now); send(transfer.datagrams())  # or `next_packet` first
    if now >= transfer.deadline: transfer.tick(now); send(transfer.datagrams())
    until transfer.outcome is not None

Rules that keep it harmless and fast:

* Only a time-out or, with windows, an ACK that shows a gap repeats a block. A repeated
  ACK never does (the Sorcerer's Apprentice, RFC 1123 4.2.3.1); with windows it may
  mean that the first block was lost, and repeats one window in two at most.
* Until the client has answered, one packet of at most 516 bytes is out, and it is
  repeated once at most: a forged request makes this server no amplifier.
* Silence without progress has an end, whatever time-out was agreed (`silence_s`). After
  the last retransmit the transfer waits in silence; what the client then repeats is
  answered with one packet.
* The awaited ACK is compared as bytes: that is the path of nearly every datagram.

The caller sees to it that a transfer gets only datagrams of its own client's TID. Where
it cannot, because all transfers share a port, it gives `Timing` and `OptionLimits`
under which blind ACKs gain nothing: one packet for each, and one retransmit.

Blocks may be `None` for a while: they are being read from a disk. The transfer then
`is_waiting` until `resume`.
"""

from collections.abc import Sequence
from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.tftp.blocks import Packets
from tokenless.protocol.tftp.endings import Timing, TransferOutcome, outcome_of_silence
from tokenless.protocol.tftp.options import NegotiatedOptions
from tokenless.protocol.tftp.packets import (
    BLOCK_NUMBERS,
    DATA_HEAD_LENGTH,
    Opcode,
    TftpError,
    decode_error,
    encode_ack,
    encode_error,
)

_ACK_OF_OPTIONS: Final = encode_ack(0)
_ACK_HEAD: Final = _ACK_OF_OPTIONS[:2]
_ERROR_HEAD: Final = bytes((0, Opcode.ERROR))
_ACK_LENGTH: Final = 4
_NOTHING: Final[Sequence[bytes]] = ()


class Transfer:
    """One file on its way to one client."""

    __slots__ = (
        "_acked",
        "_awaited",
        "_blocks",
        "_count",
        "_first_timeout_s",
        "_is_plain",
        "_outbox",
        "_packet",
        "_rewind_from",
        "_sent",
        "_silent_since",
        "_timeout_s",
        "_timing",
        "_tries",
        "_window",
        "agreement",
        "answered",
        "client_error",
        "deadline",
        "file_error",
        "is_dormant",
        "is_waiting",
        "outcome",
        "retransmits",
    )

    agreement: NegotiatedOptions
    answered: bool
    """Whether the client has sent an ACK: it exists, and asked."""
    retransmits: int
    """How many datagrams were sent more than once."""
    outcome: TransferOutcome | None
    client_error: TftpError | None
    """What the client said when it gave up."""
    file_error: TftpError | None
    """Why the file could not be read to its end."""
    is_dormant: bool
    """Whether nothing will be sent again on a time-out."""
    is_waiting: bool
    """Whether the next block is being read; `resume` when it is there."""
    deadline: float
    """When `tick` is due."""

    def __init__(
        self, blocks: Packets, agreement: NegotiatedOptions, timing: Timing, now: float
    ) -> None:
        self._blocks = blocks
        self._count = blocks.count
        self._packet = blocks.packet
        self._window = agreement.window
        # Most phones ask for no window and most files are in memory: this case has a
        # short path of its own, `next_packet`.
        self._is_plain = agreement.window == 1 and not blocks.may_wait
        self.agreement = agreement
        self._timing = timing
        self._first_timeout_s = timing.first_s(agreement.timeout_s)
        self._acked = 0
        self._sent = 0
        self._tries = 0
        self._rewind_from = 0
        self._timeout_s = self._first_timeout_s
        self._silent_since = now
        self.answered = False
        self.retransmits = 0
        self.outcome = None
        self.client_error = None
        self.file_error = None
        self.is_dormant = False
        self.is_waiting = False
        self.deadline = now + self._timeout_s
        self._outbox: Sequence[bytes] = _NOTHING
        # Kept as bytes: comparing them costs less than decoding each datagram.
        self._awaited: bytes | None = None
        if agreement.option_ack is not None:
            self._outbox = (agreement.option_ack,)
            self._awaited = _ACK_OF_OPTIONS
        elif self._is_plain:
            self._outbox = (self._next(),)
        else:
            self._fill_window()  # of one block

    @property
    def silent_since(self) -> float:
        """Time of the client's last progress."""
        # `_silent_since` is written only when a time-out comes: the usual path of an
        # ACK then sets one value less. Before that the deadline tells it.
        if self._tries or self.is_dormant:
            return self._silent_since
        return self.deadline - self._timeout_s

    @property
    def blocks_acknowledged(self) -> int:
        """Number of blocks that the client has acknowledged."""
        return self._acked

    @property
    def bytes_acknowledged(self) -> int:
        """Number of bytes that the client has acknowledged."""
        return min(self._acked * self._blocks.block_size, self._blocks.size)

    def datagrams(self) -> Sequence[bytes]:
        """Return the datagrams to send now, each once."""
        outbox = self._outbox
        self._outbox = _NOTHING
        return outbox

    def awaits(self, data: bytes) -> bool:
        """Return whether a datagram is the ACK that lets the transfer go on."""
        return data == self._awaited

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram of the client; anything unexpected is ignored."""
        packet = self.next_packet(data, now)
        if packet is not None:
            self._outbox = (packet,)
            return
        if data != self._awaited:
            self._receive_unawaited(data, now)
            return
        self._acked = self._sent
        if self._acked >= self._count:
            self.answered = True
            self.outcome = TransferOutcome.COMPLETE
            return
        self._first_progress(now)
        if self._is_plain:
            self._outbox = (self._next(),)
        else:
            self._fill_window()

    def next_packet(self, data: bytes, now: float) -> bytes | None:
        """Return the block to send where a datagram asks for just that one.

        That is the path of nearly every datagram: the awaited ACK of a plain transfer.
        Otherwise it returns None and has changed nothing; `receive` takes the datagram.
        """
        sent = self._sent
        if data != self._awaited or sent >= self._count or not self._is_plain:
            return None
        if self._tries or self.is_dormant or not self.answered:
            return None
        self._acked = sent
        self.deadline = now + self._timeout_s
        return self._next()

    def resume(self) -> None:
        """Go on, now that a block was read that could not be sent."""
        if self.is_waiting and self.outcome is None:
            self._fill_window()

    def ask_again(self) -> None:
        """Answer a repeated request, when nothing would be sent again otherwise."""
        if self.is_dormant and not self.answered:
            self._repeat(self._unacknowledged())

    def tick(self, now: float) -> None:
        """Send again, or give up, when the deadline has passed."""
        if now < self.deadline or self.outcome is not None:
            return
        if not self._tries and not self.is_dormant:
            self._silent_since = self.deadline - self._timeout_s
        timing = self._timing
        ends = self._silent_since + timing.silence_s
        if self.is_dormant or now >= ends:
            self.outcome = self._silence()
            return
        # A client that never answered may be the victim of a forged address. It gets
        # few retransmits, and the end of the wait is `patience_s`, not `silence_s`.
        if self._tries >= timing.tries(answered=self.answered):
            self.is_dormant = True
            self.deadline = ends if self.answered else now + timing.patience_s
        else:
            self._tries += 1
            self._suspend_rewinding()
            self._repeat(self._unacknowledged())
            if self.agreement.timeout_s is None and self._tries > 1:
                self._timeout_s = min(2 * self._timeout_s, timing.max_timeout_s)
            self.deadline = now + self._timeout_s
        self.deadline = min(self.deadline, ends)

    def lose_client(self) -> None:
        """End at once: the network reports that the client is unreachable."""
        if self.outcome is None:
            self.outcome = self._silence()

    def _silence(self) -> TransferOutcome:
        is_all_sent = self._sent >= self._count
        return outcome_of_silence(answered=self.answered, is_all_sent=is_all_sent)

    def _first_progress(self, now: float) -> None:
        """Note that the client answers: the first time, or again after time-outs."""
        self.answered = True
        self._tries = 0
        self.is_dormant = False
        self._timeout_s = self._first_timeout_s
        self.deadline = now + self._timeout_s

    def _unacknowledged(self) -> Sequence[bytes]:
        option_ack = self.agreement.option_ack
        if self._sent == 0 and option_ack is not None:
            return (option_ack,)
        return self._read(self._acked + 1, self._sent)

    def _repeat(self, datagrams: Sequence[bytes]) -> None:
        if self.outcome is None:
            self._outbox = datagrams
            self.retransmits += len(datagrams)

    def _next(self) -> bytes:
        """Return the next block of a file that is all there, without windows."""
        self._sent += 1
        packet = self._packet(self._sent)
        assert packet is not None  # noqa: S101 (these blocks are all there)
        self._awaited = _ACK_HEAD + packet[2:4]
        return packet

    def _fill_window(self) -> None:
        """Send what the window after the last acknowledged block lacks (RFC 7440)."""
        self.is_waiting = False
        last = min(self._acked + self._window, self._count)
        datagrams = self._read(self._sent + 1, last)
        if self.outcome is None:
            self._outbox = datagrams
            self._sent += len(datagrams)
            self._awaited = encode_ack(self._sent) if self._sent > self._acked else None

    def _read(self, first: int, last: int) -> list[bytes]:
        """Return the packets of blocks, as many as are there and the file has."""
        packet_of, numbers = self._packet, range(first, last + 1)
        if not self._blocks.may_wait:
            return [each for n in numbers if (each := packet_of(n)) is not None]
        full_length = self._blocks.block_size + DATA_HEAD_LENGTH
        datagrams = []
        try:
            for number in numbers:
                packet = packet_of(number)
                if packet is None:
                    self.is_waiting = True
                    break
                datagrams.append(packet)
                if len(packet) < full_length:
                    self._count = number
                    break
        except TftpError as error:
            self.file_error = error
            self.outcome = TransferOutcome.FILE_ERROR
            self._outbox = (encode_error(error.code, error.message),)
        return datagrams

    def _receive_unawaited(self, data: bytes, now: float) -> None:
        if data[:2] == _ERROR_HEAD:
            self._receive_error_untrusted(data)
        elif data[:2] == _ACK_HEAD and len(data) >= _ACK_LENGTH:
            # Bytes behind the block number are ignored: some clients pad.
            if data[:_ACK_LENGTH] == self._awaited:
                self.receive(self._awaited, now)
            elif self._window > 1 and self._sent:
                self._receive_gap(int.from_bytes(data[2:_ACK_LENGTH]), now)
            elif self.is_dormant and data[:_ACK_LENGTH] == encode_ack(self._acked):
                self._repeat(self._unacknowledged())

    def _receive_error_untrusted(self, data: bytes) -> None:
        try:
            self.client_error = decode_error(data)
        except DecodeError:
            return
        self.outcome = TransferOutcome.CLIENT_ERROR

    def _receive_gap(self, block: int, now: float) -> None:
        """Go on behind the last block that the client holds (RFC 7440, section 4)."""
        # Block numbers have 16 bits and wrap in files over 65,535 blocks, so only the
        # distance to the last acknowledged block has a meaning.
        progress = (block - self._acked) % BLOCK_NUMBERS
        if progress > self._sent - self._acked:
            return  # from an earlier window
        if progress == 0:
            if self._acked < self._rewind_from:
                return
            self._suspend_rewinding()
        self.retransmits += self._sent - self._acked - progress
        self._acked += progress
        self._sent = self._acked
        self._first_progress(now)
        self._fill_window()

    def _suspend_rewinding(self) -> None:
        """Let repeated ACKs of the same block repeat nothing for two windows.

        The client acknowledges a repeated window again; without this pause that would
        repeat the next one, to the end of the file.
        """
        self._rewind_from = self._acked + 2 * self._window
