"""What becomes of a request: a transfer, an error packet, or nothing.

The one place where a source's errors, hostile bytes and limits meet; the codes
themselves are in `protocol.tftp_packets`.
"""

from collections.abc import Mapping
from typing import Final

from tokenless.protocol.errors import DecodeError, ProtocolError, TokenlessError
from tokenless.protocol.tftp_blocks import BlockCache
from tokenless.protocol.tftp_netascii import to_netascii
from tokenless.protocol.tftp_options import agree
from tokenless.protocol.tftp_packets import (
    Mode,
    Opcode,
    ReadRequest,
    TftpError,
    TftpErrorCode,
    decode_read_request,
    encode_error,
)
from tokenless.protocol.tftp_transfer import Transfer
from tokenless.services.tftp.counters import Count, CounterRow
from tokenless.services.tftp.journal import Journal
from tokenless.services.tftp.session import Session
from tokenless.services.tftp.settings import TftpSettings
from tokenless.services.tftp.sockets import Peer
from tokenless.services.tftp.source import FileSource
from tokenless.services.tftp.table import Admission, TransferTable

_CONVERTED_FILES: Final = 16
_REQUEST_HEAD: Final = bytes((0, Opcode.RRQ))
_DROPPED: Final[Mapping[Admission, Count]] = {
    Admission.DUPLICATE: Count.DUPLICATES,
    Admission.NOT_ALLOWED: Count.NOT_ALLOWED,
    Admission.OVER_LIMIT: Count.OVER_LIMIT,
    Admission.FLOOD: Count.FLOOD,
}


class Reception:
    """Takes requests; it sends nothing itself."""

    def __init__(
        self,
        source: FileSource,
        settings: TftpSettings,
        table: TransferTable,
        counters: CounterRow,
        journal: Journal,
    ) -> None:
        self.source = source
        """Where files come from; may be replaced at any time."""
        self.settings = settings
        """For transfers to come; may be replaced at any time."""
        self._table = table
        self._counters = counters
        self._journal = journal
        self._cut = BlockCache()
        self._netascii = _NetasciiFiles()

    def take(self, data: bytes, peer: Peer, now: float) -> Session | bytes | None:
        """Return a new transfer, an error packet to answer with, or None: no answer."""
        counters = self._counters
        counters.add(Count.REQUESTS)
        admission = self._table.admit(peer, data, now)
        if admission is not Admission.ADMITTED:
            self._note_dropped(admission, peer, now)
            return None
        filename = "?"
        try:
            request = decode_read_request(data)
            filename = request.filename
            transfer = self._begin(request, now)
        except DecodeError as error:
            return self._malformed(data, peer, error, now)
        except TftpError as error:
            self._note_refused(peer, error, filename, now)
            return encode_error(error.code, error.message)
        except (TokenlessError, OSError) as error:
            # A source that fails for one file must not end the service for all.
            refusal = TftpError(TftpErrorCode.NOT_DEFINED, "The file cannot be made")
            self._note_refused(peer, ProtocolError(str(error)), filename, now)
            return encode_error(refusal.code, refusal.message)
        return Session(transfer, peer, data, filename, now)

    def _begin(self, request: ReadRequest, now: float) -> Transfer:
        content = self.source.find(request.filename)
        if request.mode is Mode.NETASCII:
            content = self._netascii.convert(content)
        agreement = agree(request.options, self.settings.options, len(content))
        blocks = self._cut.blocks(content, agreement.block_size)
        return Transfer(blocks, agreement, self.settings.timing, now)

    def _malformed(
        self, data: bytes, peer: Peer, error: DecodeError, now: float
    ) -> bytes | None:
        """Answer a broken read request; what is no request at all gets no answer."""
        self._counters.add(Count.MALFORMED)
        self._journal.refused(peer, error, "?", now)
        if data[:2] != _REQUEST_HEAD:
            return None
        return encode_error(TftpErrorCode.ILLEGAL_OPERATION, "Malformed request")

    def _note_refused(
        self, peer: Peer, error: ProtocolError, filename: str, now: float
    ) -> None:
        self._counters.add(Count.REFUSED)
        self._journal.refused(peer, error, filename, now)

    def _note_dropped(self, admission: Admission, peer: Peer, now: float) -> None:
        self._counters.add(_DROPPED[admission])
        if admission is not Admission.DUPLICATE:
            self._journal.dropped(peer, admission.value, now)


class _NetasciiFiles:
    """Converted files, by identity as in `BlockCache`."""

    def __init__(self) -> None:
        self._converted: dict[int, tuple[bytes, bytes]] = {}

    def convert(self, content: bytes) -> bytes:
        """Return the file as it is sent; the same object for the same object."""
        known = self._converted.pop(id(content), None)
        pair = (content, to_netascii(content)) if known is None else known
        self._converted[id(content)] = pair
        if len(self._converted) > _CONVERTED_FILES:
            del self._converted[next(iter(self._converted))]
        return pair[1]
