"""Trust lists: CTL and ITL files (REFERENCE 1).

    header (see files.header)  record  record  …   no padding between records

`TrustList.decode` answers what a file says and refuses what contradicts itself. Whether
to believe it is another question: see `SignedBytes.verify` and `trust_anchors`.
"""

from dataclasses import dataclass, field
from typing import Final, Self

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header import decode_header
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.record import Record, RecordTag, decode_record
from tokenless.protocol.files.signed_bytes import SignedBytes
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES

__all__ = ["Record", "RecordTag", "SignerId", "TrustList"]

MAX_FILE_LENGTH: Final = MAX_DOWNLOAD_BYTES
MAX_LOADED_LENGTH: Final = 64 * 1024
"""The most bytes of a list that phones load, of all that they download (REFERENCE 1.10,
stated)."""
MAX_RECORDS: Final = 1024


@dataclass(frozen=True, slots=True)
class TrustList(SignedBytes):
    """A decoded trust list. It has proved nothing until `verify` returned."""

    records: tuple[Record, ...] = field(compare=False)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode a whole file.

        Raises:
            DecodeError: When any length lies, bytes are missing or left over, an
                element is malformed, or a record disagrees with its certificate.
        """
        if len(data) > MAX_FILE_LENGTH:
            raise DecodeError(f"over {MAX_FILE_LENGTH} bytes", offset=MAX_FILE_LENGTH)
        data = bytes(data)
        header = decode_header(data)
        records: list[Record] = []
        offset = header.header_length
        while offset < len(data):
            if len(records) == MAX_RECORDS:
                raise DecodeError(f"over {MAX_RECORDS} records", offset=offset)
            record = decode_record(data, offset)
            offset += record.length
            records.append(record)
        return cls(data, header, tuple(records))

    def encode(self) -> bytes:
        """Write the list from its parts; the bytes are those that were decoded."""
        return self.header.encode() + b"".join(r.encode() for r in self.records)

    def signing_record(self) -> Record | None:
        """Return the SAST record that the signer id names, or None.

        Its key verifies the list only for a reader that trusts the list already.
        """
        named = (r for r in self.records if r.is_sast and r.is_named(self.signer))
        return next(named, None)
