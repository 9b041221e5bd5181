"""The names by which a phone asks for its files, in order (REFERENCE 4.1).

CUCM knows a phone's own list names; a plain TFTP server has the second ones, to which
phones were seen to fall back.
"""

from tokenless.protocol.trust.anchors import FileKind

_SIGNED_SUFFIX = ".sgn"


def names_of(kind: FileKind, device: str, *, signed: bool) -> tuple[str, ...]:
    """Return the names to try for one file.

    Args:
        kind: The file.
        device: `SEP001122334455`; a soft phone's name may be any.
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
