"""Signed files: a header, then the content (REFERENCE 2.1).

    header (see files.header)  content …   from HEADERLENGTH to the end of the file

Configurations have version 1.0, in certutils' layout; no file of CUCM's own was seen.
The vendor's signed loads (`.loads`, `.sbn`) have version 1.1, the load's own name as
FILENAME and no TIMESTAMP (observed). Encrypted files (version 2.0)
are read as signed files whose content is the ciphertext.
"""

from dataclasses import dataclass
from typing import Final, Self

from tokenless.protocol.certificates.names import NameForm
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.header import decode_header
from tokenless.protocol.files.header_build import (
    HeaderPlan,
    identity_of,
    sign_with_header,
)
from tokenless.protocol.files.signed_bytes import SignedBytes

_VERSION: Final = (1, 0)
ENCRYPTED_MAJOR: Final = 2
MAX_FILE_LENGTH: Final = 128 * 1024 * 1024
"""Above any firmware that a phone downloads: loads of 81 MB were seen."""


@dataclass(frozen=True, slots=True)
class SignedFile(SignedBytes):
    """A decoded signed file. It has proved nothing until `verify` returned."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode a whole file.

        Raises:
            DecodeError: When its header is malformed.
        """
        if len(data) > MAX_FILE_LENGTH:
            raise DecodeError(f"over {MAX_FILE_LENGTH} bytes", offset=MAX_FILE_LENGTH)
        data = bytes(data)
        return cls(data, decode_header(data))

    def encode(self) -> bytes:
        """Write the file from its parts; the bytes are those that were decoded."""
        return self.header.encode() + self.payload

    @property
    def payload(self) -> bytes:
        """The content behind the header."""
        return self.data[self.header.header_length :]

    @property
    def is_encrypted(self) -> bool:
        """Return whether the header claims an encrypted file (version 2.0)."""
        return self.header.version[0] == ENCRYPTED_MAJOR


def sign_file(
    filename: str,
    payload: bytes,
    signer: Signer,
    *,
    timestamp: int,
    digest: Digest = Digest.SHA1,
    form: NameForm = NameForm.CUCM,
) -> SignedFile:
    """Sign a file for phones.

    Args:
        filename: The name that phones ask for, `.sgn` included.
        payload: The content.
        signer: The CallManager key of the TFTP node (REFERENCE 2.3).
        timestamp: Unix seconds of signing.
        digest: SHA-1 unless the cluster says otherwise.
        form: How the signer's names are written.

    Raises:
        BuildError: When the signer's key has no code or the header is too long.
    """
    identity = identity_of(signer.certificate, form)
    plan = HeaderPlan(_VERSION, identity, digest, filename, timestamp)
    return SignedFile.decode(sign_with_header(plan, payload, signer))
