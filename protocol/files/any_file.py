"""Tell trust lists from signed files, which begin with the same header."""

from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.files.encrypted_file import EncryptedFile
from tokenless.protocol.files.header import Header, decode_header
from tokenless.protocol.files.signed_file import ENCRYPTED_MAJOR, SignedFile
from tokenless.protocol.files.trust_list import TrustList

_LIST_SUFFIX: Final = ".tlv"
_SIGNED_SUFFIX: Final = ".sgn"


def decode_file(data: bytes) -> TrustList | SignedFile:
    """Decode a file of any kind; an encrypted one is a signed file, too.

    Raises:
        DecodeError: When it is neither, or malformed.
    """
    if not data:
        raise DecodeError("the file is empty", offset=0)
    header = decode_header(data)
    if is_trust_list(header):
        return TrustList.decode(data)
    if header.version[0] == ENCRYPTED_MAJOR:
        return EncryptedFile.decode(data)
    return SignedFile.decode(data)


def is_trust_list(header: Header) -> bool:
    """Return what the header says of the kind: by FILENAME, else by version.

    Lists have version 1.1 or 1.2, signed files 1.0 and encrypted ones 2.0 (REFERENCE
    1.5, 2). The vendor's own signed loads have 1.1, too: their FILENAME is the load's
    (`term11.default.loads`), and they have no TIMESTAMP (observed).
    """
    name = (header.filename or "").lower()
    if name.endswith((_LIST_SUFFIX, _SIGNED_SUFFIX)):
        return name.endswith(_LIST_SUFFIX)
    if name and header.timestamp is None:
        return False
    major, minor = header.version
    return major == 1 and minor >= 1
