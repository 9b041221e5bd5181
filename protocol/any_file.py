"""Tell trust lists from signed files, which begin with the same header."""

from typing import Final

from tokenless.protocol.errors import DecodeError
from tokenless.protocol.header import Header, decode_header
from tokenless.protocol.signed_file import SignedFile
from tokenless.protocol.trust_list import TrustList

_LIST_SUFFIX: Final = ".tlv"
_SIGNED_SUFFIX: Final = ".sgn"


def decode_file(data: bytes) -> TrustList | SignedFile:
    """Decode a file of either kind.

    Raises:
        DecodeError: When it is neither, or malformed.
    """
    if not data:
        raise DecodeError("the file is empty", offset=0)
    is_list = is_trust_list(decode_header(data))
    return TrustList.decode(data) if is_list else SignedFile.decode(data)


def is_trust_list(header: Header) -> bool:
    """Return what the header says of the kind: by FILENAME, else by version.

    Lists have version 1.1 or 1.2, signed files 1.0 and encrypted ones 2.0 (REFERENCE
    1.5, 2).
    """
    name = (header.filename or "").lower()
    if name.endswith((_LIST_SUFFIX, _SIGNED_SUFFIX)):
        return name.endswith(_LIST_SUFFIX)
    major, minor = header.version
    return major == 1 and minor >= 1
