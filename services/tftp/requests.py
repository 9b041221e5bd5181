"""Handle requests: each gets a transfer, an error packet, or no answer.

The one place where a source's errors, hostile bytes and limits meet; the codes
themselves are in `protocol.tftp.packets`. A file that has to be made first is not made
here: the request waits (`pending_files`) and is handled again.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from cachetools import LRUCache

from tokenless.protocol.errors import DecodeError, ProtocolError
from tokenless.protocol.tftp.blocks import BlockCache, Packets
from tokenless.protocol.tftp.netascii import to_netascii
from tokenless.protocol.tftp.options import NegotiatedOptions, negotiate
from tokenless.protocol.tftp.packets import (
    Mode,
    Opcode,
    ReadRequest,
    TftpError,
    TftpErrorCode,
    decode_read_request,
    encode_error,
)
from tokenless.protocol.tftp.transfer import Transfer
from tokenless.services.tftp.counters import Count, TftpCounters
from tokenless.services.tftp.files.disk_files import (
    FilePackets,
    NetasciiPackets,
    OpenedFile,
)
from tokenless.services.tftp.files.source import (
    FileSource,
    ReadyContent,
    UnpreparedFile,
)
from tokenless.services.tftp.settings import Ports, TftpSettings
from tokenless.services.tftp.sockets.listener import Peer
from tokenless.services.tftp.transfer_log import TransferLog
from tokenless.services.tftp.transfers.pending_files import PendingRequest
from tokenless.services.tftp.transfers.session import Session
from tokenless.services.tftp.transfers.table import Admission, TransferTable

_CONVERTED_BYTES: Final = 4 << 20
_REQUEST_HEAD: Final = bytes((0, Opcode.RRQ))
_DROPPED: Final[Mapping[Admission, Count]] = {
    Admission.DUPLICATE: Count.DUPLICATES,
    Admission.NOT_ALLOWED: Count.NOT_ALLOWED,
    Admission.OVER_LIMIT: Count.OVER_LIMIT,
    Admission.FLOOD: Count.FLOOD,
}


Answer = Session | bytes | PendingRequest | None
"""A transfer, an error packet to answer with, a request that waits, or no answer."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """Parameters of a transfer, by the facts about its client."""

    known: TftpSettings
    unknown: TftpSettings

    @classmethod
    def of(cls, settings: TftpSettings) -> Self:
        """Take them from the settings."""
        return cls(settings, settings.for_unknown_address())


class RequestHandler:
    """Takes requests; it sends nothing itself."""

    def __init__(
        self,
        source: FileSource,
        settings: TftpSettings,
        table: TransferTable,
        counters: TftpCounters,
        transfer_log: TransferLog,
    ) -> None:
        self.source = source
        """Where files come from; may be replaced at any time."""
        self._table = table
        self._counters = counters
        self._transfer_log = transfer_log
        self._cut = BlockCache()
        self._netascii = _NetasciiFiles()
        self.change_settings(settings)

    def change_settings(self, settings: TftpSettings) -> None:
        """Run transfers to come by other settings."""
        shared = settings.for_shared_port()
        has_ports = settings.ports is Ports.PER_TRANSFER
        self._terms = _Terms.of(settings if has_ports else shared)
        self._shared_port_terms = _Terms.of(shared)

    def take(self, data: bytes, peer: Peer, local: str, now: float) -> Answer:
        """Return what becomes of a request; a repeated one may have its session."""
        admission = self._table.admit(peer, data, now)
        if admission is Admission.REPEATED:
            self._counters.add(Count.DUPLICATES)
            return self._table.get(peer)
        if admission is not Admission.ADMITTED:
            self._note_dropped(admission, peer, now)
            return None
        try:
            request = decode_read_request(data)
        except DecodeError as error:
            return self._malformed(data, peer, error, now)
        except TftpError as refusal:
            self._note_refused(peer, refusal, "?", now)
            return encode_error(refusal.code, refusal.message)
        return self._find(request, data, peer, local, now)

    def _find(
        self, request: ReadRequest, data: bytes, peer: Peer, local: str, now: float
    ) -> Answer:
        """Ask the source for the file of a request, and begin its transfer."""
        filename = request.filename
        try:
            # 79xx phones without a locale folder ask for `/g3-tones.xml`.
            content = self.source.find(filename.lstrip("/"))
            if isinstance(content, UnpreparedFile):
                return PendingRequest(data, peer, local, filename, content)
            return self._begin(request, data, peer, content, self._terms, now)
        except TftpError as refusal:
            self._note_refused(peer, refusal, filename, now)
            return encode_error(refusal.code, refusal.message)
        except Exception as fault:  # noqa: BLE001 (see `refuse`)
            return self.refuse(peer, filename, fault, now)

    def refuse(self, peer: Peer, filename: str, error: Exception, now: float) -> bytes:
        """Return the answer to a request whose file cannot be made.

        Whatever a source raises for one file must not end the service for all.
        """
        kind = "" if isinstance(error, ProtocolError) else f"{type(error).__name__}: "
        self._note_refused(peer, ProtocolError(f"{kind}{error}"), filename, now)
        return encode_error(TftpErrorCode.NOT_DEFINED, "The file cannot be made")

    def for_shared_port(self, session: Session, now: float) -> Session:
        """Return a new session, for transfers without a port of their own."""
        data, content = session.request, session.content
        request, terms = decode_read_request(data), self._shared_port_terms
        return self._begin(request, data, session.peer, content, terms, now)

    def _begin(  # noqa: PLR0917 (what every request passes: no object for it)
        self,
        request: ReadRequest,
        data: bytes,
        peer: Peer,
        content: ReadyContent,
        terms: _Terms,
        now: float,
    ) -> Session:
        settings = terms.known if self._table.is_known(peer[0]) else terms.unknown
        is_text = request.mode is Mode.NETASCII
        packets: Packets
        if isinstance(content, bytes):
            sent = self._netascii.convert(content) if is_text else content
            agreement = negotiate(request.options, settings.options, len(sent))
            packets = self._cut.blocks(sent, agreement.block_size)
            of_file = None
        else:
            # How long text is on the wire is known when all of it was converted.
            size = None if is_text else content.size
            agreement = negotiate(request.options, settings.options, size)
            packets = of_file = _packets_of(content, agreement, is_text=is_text)
        transfer = Transfer(packets, agreement, settings.timing, now)
        session = Session(transfer, peer, data, request.filename, now)
        session.content, session.packets = content, of_file
        return session

    def note_crowd(self, peer: Peer, now: float) -> None:
        """Note that too many wait for files that have to be made first."""
        self._note_dropped(Admission.OVER_LIMIT, peer, now)

    def _malformed(
        self, data: bytes, peer: Peer, error: DecodeError, now: float
    ) -> bytes | None:
        """Answer a broken read request; other datagrams get no answer."""
        self._counters.add(Count.MALFORMED)
        self._transfer_log.refused(peer, error, "?", now)
        if data[:2] != _REQUEST_HEAD:
            return None
        return encode_error(TftpErrorCode.ILLEGAL_OPERATION, "Malformed request")

    def _note_refused(
        self, peer: Peer, error: ProtocolError, filename: str, now: float
    ) -> None:
        self._counters.add(Count.REFUSED)
        self._transfer_log.refused(peer, error, filename, now)

    def _note_dropped(self, admission: Admission, peer: Peer, now: float) -> None:
        self._counters.drop(_DROPPED[admission])
        if admission is not Admission.DUPLICATE:
            self._transfer_log.dropped(peer, admission.value, now)


def _packets_of(
    file: OpenedFile, agreement: NegotiatedOptions, *, is_text: bool
) -> FilePackets:
    if is_text:
        return NetasciiPackets(file, agreement.block_size, agreement.window)
    return FilePackets(file, agreement.block_size)


class _NetasciiFiles:
    """Converted contents, by identity as in `BlockCache`; the longest unused go."""

    def __init__(self) -> None:
        self._converted: LRUCache[int, tuple[bytes, bytes]] = LRUCache(
            _CONVERTED_BYTES, getsizeof=lambda pair: sum(map(len, pair))
        )

    def convert(self, content: bytes) -> bytes:
        """Return the content as it is sent; the same object for the same object."""
        known = self._converted.get(id(content))
        if known is not None:
            return known[1]
        pair = content, to_netascii(content)
        with suppress(ValueError):  # it is too large to be kept
            self._converted[id(content)] = pair
        return pair[1]
