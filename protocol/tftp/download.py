"""The client's side of one TFTP read (RFC 1350, 2347, 7440), without socket or clock.

    download = Download(filename, host, now, download_options)
    send every (data, port) of download.datagrams()     # port None: the well-known one
    download.receive(data, source, now)                 # then send again
    if now >= download.deadline: download.tick(now)     # then send again
    until download.is_over; then download.result()

The first answer from the server's address fixes the server's TID, its port; what comes
from another is answered with error 5 and disturbs nothing. A server that answers from
its well-known port is accepted. A phone takes 2,048 KB at most (REFERENCE 4.1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES
from tokenless.protocol.tftp.options import MAX_TIMEOUT_S, parse_number
from tokenless.protocol.tftp.packets import (
    BLOCK_NUMBERS,
    DEFAULT_BLOCK_SIZE,
    MIN_BLOCK_SIZE,
    Data,
    OptionAck,
    TftpError,
    TftpErrorCode,
    decode_answer,
    encode_ack,
    encode_error,
    encode_read_request,
)

Source = tuple[str, int]
"""The source of a datagram: host and port (IPv6's other parts are left out)."""
_SLOW_START_S: Final = 30.0
_SLOW_BLOCK_S: Final = 1.0
"""A file may take so long, and so long for each block, before it is given up: longer
than over satellites, or where every fourth datagram is lost (ours)."""

Outgoing = tuple[bytes, int | None]
"""A packet to send, and the server's port for it; None: the well-known one."""


class SilentServerError(ProtocolError):
    """The server did not answer, fell silent for all the retransmits, or was too slow.

    Too slow is one that sends a block now and then: it would hold a phone for hours.
    """


class TooLargeError(ProtocolError):
    """The file is larger than the client takes."""


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """Options and limits of a client's download."""

    block_size: int | None = None
    window: int | None = None
    timeout_option_s: int | None = None
    """The `timeout` option (RFC 2349): 1 to 255."""
    wants_size: bool = False
    max_bytes: int = MAX_DOWNLOAD_BYTES
    timeout_s: float = 1.0
    retransmits: int = 5

    def options(self) -> Mapping[str, str]:
        """Return the options of the request."""
        download_options = (
            ("blksize", self.block_size),
            ("timeout", self.timeout_option_s),
            ("tsize", 0 if self.wants_size else None),
            ("windowsize", self.window),
        )
        return {
            name: str(value) for name, value in download_options if value is not None
        }


class Download:
    """One file on its way from one server."""

    def __init__(
        self,
        filename: str,
        host: str,
        now: float,
        download_options: DownloadOptions | None = None,
    ) -> None:
        self.filename = filename
        self._host = host
        self._wishes = (
            DownloadOptions() if download_options is None else download_options
        )
        self._options = self._wishes.options()
        self._request = encode_read_request(filename, self._options)
        self._port: int | None = None
        self._block_size = DEFAULT_BLOCK_SIZE
        self._window = 1
        self._in_window = 0
        self._has_reported_gap = False
        self._blocks: list[bytes] = []
        self._received_bytes = 0
        self._is_whole = False
        self._error: ProtocolError | None = None
        self._last: bytes = self._request
        self._tries = 0
        self._outbox: list[Outgoing] = [(self._request, None)]
        self._began = now
        self.retransmits = 0
        """How many datagrams were sent more than once after a time-out."""
        self.deadline = now + self._wishes.timeout_s
        """When `tick` is due."""

    @property
    def is_over(self) -> bool:
        """Return whether the file is whole or the transfer has failed."""
        return self._is_whole or self._error is not None

    @property
    def is_answered(self) -> bool:
        """Return whether the server has answered at all."""
        return self._port is not None

    def result(self) -> bytes:
        """Return the file.

        Raises:
            TftpError: When the server refused, or broke off.
            SilentServerError: When the server did not answer, or was too slow.
            TooLargeError: When the file exceeds `max_bytes`.
            DecodeError: When the server's options cannot be accepted.
            RuntimeError: When the transfer is still under way (a caller's mistake).
        """
        if self._error is not None:
            raise self._error
        if not self._is_whole:
            raise RuntimeError(f"{self.filename} is still being fetched")
        return b"".join(self._blocks)

    def datagrams(self) -> Sequence[Outgoing]:
        """Return the datagrams to send now, each once."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def tick(self, now: float) -> None:
        """Send the last packet again, or give up, when the deadline has passed."""
        if now < self.deadline or self.is_over:
            return
        if self._is_too_slow(now):
            self._give_up(f"sends {self.filename} too slowly: {self._so_far(now)}")
            return
        if self._tries >= self._wishes.retransmits:
            self._give_up("fell silent" if self.is_answered else "does not answer")
            return
        self._tries += 1
        self.retransmits += 1
        self._has_reported_gap = False
        self.deadline = now + self._wishes.timeout_s
        if self._blocks:
            self._acknowledge()
        else:
            self._outbox.append((self._last, self._port))

    def _is_too_slow(self, now: float) -> bool:
        """Return whether blocks come so seldom that the file is not waited for.

        Looked at when a deadline has passed: as long as none does, blocks come in time.
        """
        slowdown = max(1.0, self._wishes.timeout_s)  # a block that is lost costs it
        allowed_s = _SLOW_START_S + _SLOW_BLOCK_S * len(self._blocks)
        return self.is_answered and now - self._began > allowed_s * slowdown

    def _so_far(self, now: float) -> str:
        return f"{self._received_bytes} bytes in {now - self._began:.0f} s"

    def _give_up(self, doing: str) -> None:
        self._error = SilentServerError(
            f"the TFTP server {self._host} {doing}",
            hint="check that its TFTP service runs and that UDP reaches it",
        )

    def receive(self, data: bytes, source: Source, now: float) -> None:
        """Take a datagram; one of another server, or an invalid one, is ignored.

        After the end a repeated last block is still acknowledged, for callers who keep
        their socket open for a while.
        """
        host, port = source
        if host != self._host:
            return
        try:
            answer = decode_answer(data)
        except DecodeError:
            return
        if self._port is not None and port != self._port:
            if not isinstance(answer, TftpError):
                code = TftpErrorCode.UNKNOWN_TRANSFER_ID
                self._outbox.append((encode_error(code), port))
            return
        if self._error is not None:
            return
        match answer:
            case Data():
                self._receive_block(answer, port, now)
            case OptionAck():
                self._receive_options(answer, port, now)
            case TftpError():
                if not self._is_whole:
                    self._port, self._error = port, answer
            case _:
                assert_never(answer)

    def _receive_options(self, answer: OptionAck, port: int, now: float) -> None:
        if self._blocks or self._is_whole or not self._options:
            return
        if self._port is None:
            self._port = port
            try:
                self._accept_untrusted(answer.options)
            except DecodeError as error:
                self._fail(error, TftpErrorCode.OPTION_NEGOTIATION)
            except TooLargeError as error:
                self._fail(error, TftpErrorCode.DISK_FULL)
            if self._error is not None:
                return
            self._progress(now)
        self._acknowledge()

    def _accept_untrusted(self, options: Mapping[str, str]) -> None:
        """Let the agreed options hold (RFC 2347: none that was not asked for)."""
        for name, text in options.items():
            value = parse_number(text)
            asked = self._options.get(name)
            if asked is None or value is None:
                raise DecodeError(f"option {name} was answered wrongly", offset=0)
            self._accept_option_untrusted(name, value, int(asked))

    def _accept_option_untrusted(self, name: str, value: int, asked: int) -> None:
        match name:
            case "blksize" if MIN_BLOCK_SIZE <= value <= asked:
                self._block_size = value
            case "windowsize" if 1 <= value <= asked:
                self._window = value
            case "timeout" if value == asked and value <= MAX_TIMEOUT_S:
                pass
            case "tsize":
                self._check_size_untrusted(value)
            case _:
                raise DecodeError(f"option {name}={value} is out of range", offset=0)

    def _check_size_untrusted(self, size: int) -> None:
        if size > self._wishes.max_bytes:
            raise TooLargeError(
                f"{self.filename} has more than {self._wishes.max_bytes} bytes"
            )

    def _receive_block(self, data: Data, port: int, now: float) -> None:
        if self._port is None:
            if data.block != 1:
                return  # of a transfer that had this port before
            self._port = port
        awaited = len(self._blocks) + 1
        if self._is_whole or data.block != awaited % BLOCK_NUMBERS:
            self._receive_unawaited(data.block, awaited)
            return
        if len(data.payload) > self._block_size:
            error = DecodeError("a block is longer than agreed", offset=0)
            self._fail(error, TftpErrorCode.ILLEGAL_OPERATION)
            return
        self._take_block(data.payload, now)

    def _take_block(self, payload: bytes, now: float) -> None:
        try:
            self._check_size_untrusted(self._received_bytes + len(payload))
        except TooLargeError as error:
            self._fail(error, TftpErrorCode.DISK_FULL)
            return
        self._blocks.append(payload)
        self._received_bytes += len(payload)
        self._in_window += 1
        self._progress(now)
        self._is_whole = len(payload) < self._block_size
        if self._is_whole or self._in_window >= self._window:
            self._acknowledge()

    def _receive_unawaited(self, block: int, awaited: int) -> None:
        """Acknowledge a repeated block again, or report a gap once (RFC 7440).

        Without windows only a repetition of the last block says that its ACK was lost.
        """
        if self._window == 1 or self._is_whole:
            if self._blocks and (awaited - block) % BLOCK_NUMBERS == 1:
                self._acknowledge()
        elif not self._has_reported_gap:
            self._has_reported_gap = True
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Say which blocks are here; with none yet, that the options hold."""
        self._in_window = 0
        self._last = encode_ack(len(self._blocks))
        self._outbox.append((self._last, self._port))

    def _progress(self, now: float) -> None:
        self._tries = 0
        self._has_reported_gap = False
        self.deadline = now + self._wishes.timeout_s

    def _fail(self, error: ProtocolError, code: TftpErrorCode) -> None:
        self._error = error
        self._outbox.append((encode_error(code), self._port))
