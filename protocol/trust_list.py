"""Trust lists: CTL and ITL files (REFERENCE 1).

    header (see protocol.header)  record  record  …   no padding between records

`TrustList.decode` answers what a file says and refuses what contradicts itself. Whether
to believe it is another question: see `verify` and the decisions of phones.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final, Self

from protocol.errors import DecodeError
from protocol.header import Header, decode_header
from protocol.header_fields import SignerId
from protocol.record import Record, RecordTag, decode_record
from protocol.signature import PublicKey, verify_signature

__all__ = ["Record", "RecordTag", "SignerId", "TrustList"]

MAX_FILE_LENGTH: Final = 2048 * 1024
"""What phones download at most (REFERENCE 4.1, observed)."""
MAX_RECORDS: Final = 1024


@dataclass(frozen=True, slots=True)
class TrustList:
    """A decoded trust list. It has proved nothing until `verify` returned."""

    data: bytes = field(repr=False)
    header: Header = field(compare=False)
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

    def verify(self, public_key: PublicKey) -> None:
        """Check the signature with a key that the caller has reason to trust.

        Raises:
            BadSignatureError: When this key did not sign these bytes.
        """
        header = self.header
        signed = header.signed_part(self.data)
        verify_signature(public_key, header.signature, signed, header.digest)

    @property
    def signer(self) -> SignerId:
        """Whom the header names as signer."""
        return self.header.signer

    @property
    def filename(self) -> str | None:
        """FILENAME of the header: `CTLFile.tlv`, `ITLFile.tlv`."""
        return self.header.filename

    @property
    def md5(self) -> str:
        """The MD5 of the file, lower-case hex, as `show ctl` prints it."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    @property
    def sha1(self) -> str:
        """The SHA-1 of the file, lower-case hex, as `show ctl` prints it."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest()

    def signing_record(self) -> Record | None:
        """Return the SAST record that the signer id names, or None.

        Its key verifies the list only for a reader that trusts the list already.
        """
        named = (r for r in self.records if r.is_sast and r.is_named(self.signer))
        return next(named, None)
