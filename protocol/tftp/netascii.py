r"""Netascii: the text mode of TFTP (RFC 1350, RFC 764).

A line ends with CR LF on the wire and with LF here; a lone CR is CR NUL on the wire.
"""

from typing import NamedTuple


def to_netascii(content: bytes) -> bytes:
    """Return a file's bytes as they are sent in netascii mode."""
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


class NetasciiBlock(NamedTuple):
    """One block of a file that is converted as it is sent."""

    payload: bytes
    consumed: int
    """The number of bytes taken from the file."""
    carry: bytes
    """The second half of a pair that the block's end cut; the next block begins so."""


def cut_netascii(raw: bytes, carry: bytes, length: int) -> NetasciiBlock:
    """Return the block that begins with `carry` and goes on with `raw`.

    Args:
        raw: At least `length` bytes of the file, or its rest.
        carry: What the block before left.
        length: How long the block is, when the file does not end in it.
    """
    room = length - len(carry)
    taken = min(room, len(raw))
    while (excess := taken + _pairs(raw, taken) - room) > 0:
        # Each byte left out makes room for two at most: this never takes too few away
        # from a block that could be filled by whole pairs.
        taken -= (excess + 1) // 2
    payload = carry + to_netascii(raw[:taken])
    if len(payload) == length or taken == len(raw):
        return NetasciiBlock(payload, taken, b"")
    following = to_netascii(raw[taken : taken + 1])
    return NetasciiBlock(payload + following[:1], taken + 1, following[1:])


def _pairs(raw: bytes, end: int) -> int:
    return raw.count(b"\r", 0, end) + raw.count(b"\n", 0, end)
