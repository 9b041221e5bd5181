"""The files that a phone asks for: their names, and their decoded contents.

Names are tried in order (REFERENCE 4.1): CUCM knows a phone's own list names; a plain
TFTP server has the general ones, to which phones were seen to fall back.

Decoded contents are cached because ten thousand phones receive the same few lists. They
are immutable and depend on the bytes alone; failures are not cached.
"""

from functools import lru_cache

from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig
from tokenless.protocol.trust.anchors import FileKind

_SIGNED_SUFFIX = ".sgn"


def names_of(kind: FileKind, device: str, *, signed: bool) -> tuple[str, ...]:
    """Return the names to try for one file.

    Args:
        kind: The file.
        device: `SEP001122334455`; a soft phone may have any name.
        signed: Whether the phone wants its configuration signed.
    """
    match kind:
        case FileKind.CTL:
            return f"CTL{device}.tlv", FileKind.CTL.value
        case FileKind.ITL:
            return f"ITL{device}.tlv", FileKind.ITL.value
        case FileKind.CONFIGURATION:
            suffix = _SIGNED_SUFFIX if signed else ""
            return f"{device}.cnf.xml{suffix}", f"XMLDefault.cnf.xml{suffix}"


@lru_cache(maxsize=64)
def decode_list(data: bytes) -> TrustList:
    """Decode a trust list. Raises DecodeError when the bytes are not one."""
    return TrustList.decode(data)


@lru_cache(maxsize=64)
def decode_configuration(data: bytes) -> PhoneConfig:
    """Decode a configuration. Raises DecodeError when the bytes are not one."""
    return PhoneConfig.decode(data)
