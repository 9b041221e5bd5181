"""Option negotiation of a TFTP server (RFC 2347, 2348, 2349, 7440).

An option that is unknown, malformed or out of range is left out of the OACK: the client
then goes on without it (RFC 2347). The server may lower `blksize` and `windowsize`, has
to repeat `timeout` as it is or to leave it out, and fills `tsize` in where the size is
known. Whatever was asked, a window holds 128 kB at most: bursts of megabytes overrun
the client's receive buffer and are sent again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tokenless.protocol.tftp.packets import (
    DATA_HEAD_LENGTH,
    DEFAULT_BLOCK_SIZE,
    MAX_BLOCK_SIZE,
    MIN_BLOCK_SIZE,
    encode_option_ack,
)

MAX_WINDOW: Final = 0xFFFF
MAX_TIMEOUT_S: Final = 255
MAX_WINDOW_BYTES: Final = 128 << 10
_MAX_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class OptionLimits:
    """Upper limits for negotiated options."""

    block_size: int = MAX_BLOCK_SIZE
    window: int = 64
    timeout_s: int = 3
    """A longer `timeout` is not agreed to: a client that falls silent would hold its
    transfer for minutes."""


@dataclass(frozen=True, slots=True)
class NegotiatedOptions:
    """The negotiated options of one transfer."""

    block_size: int = DEFAULT_BLOCK_SIZE
    window: int = 1
    timeout_s: int | None = None
    """The retransmission time-out that the client asked for."""
    option_ack: bytes | None = None
    """The OACK; None: none is sent."""

    @property
    def segment_bytes(self) -> int:
        """The length of each of several datagrams sent at once, but the last; else 0.

        With windows a server can hand them to the kernel as one. Not with small blocks:
        the kernel would cut longer datagrams, the OACK among them.
        """
        if self.window == 1 or self.block_size < DEFAULT_BLOCK_SIZE:
            return 0
        return self.block_size + DATA_HEAD_LENGTH


PLAIN: Final = NegotiatedOptions()
"""A transfer without options, as RFC 1350 has it."""


def negotiate(
    options: Mapping[str, str], limits: OptionLimits, size: int | None
) -> NegotiatedOptions:
    """Decide about the options of a request for a file.

    Args:
        options: What the client asks for.
        limits: How far the server goes along.
        size: The file's length on the wire; None when it is not known beforehand.
    """
    if not options:
        return PLAIN
    most = limits.block_size, limits.window, limits.timeout_s
    return _agree(tuple(options.items()), most, size)


# Every phone asks for the same, and for a file of about the same size.
@lru_cache(maxsize=1024)
def _agree(
    asked: tuple[tuple[str, str], ...], most: tuple[int, int, int], size: int | None
) -> NegotiatedOptions:
    """Decide; the most are those of `OptionLimits`, which cost more to look up."""
    options = dict(asked)
    most_bytes, most_blocks, most_s = most
    block_size = _lowered(
        options.get("blksize"), MIN_BLOCK_SIZE, MAX_BLOCK_SIZE, most_bytes
    )
    fitting = max(1, MAX_WINDOW_BYTES // (block_size or DEFAULT_BLOCK_SIZE))
    most_blocks = min(most_blocks, fitting)
    window = _lowered(options.get("windowsize"), 1, MAX_WINDOW, most_blocks)
    timeout_s = _in_range(options.get("timeout"), 1, most_s)
    asked_size = parse_number(options.get("tsize"))
    acknowledged = {
        name: str(value)
        for name, value in (
            ("blksize", block_size),
            ("timeout", timeout_s),
            ("tsize", None if asked_size is None else size),
            ("windowsize", window),
        )
        if value is not None
    }
    return NegotiatedOptions(
        block_size or DEFAULT_BLOCK_SIZE,
        window or 1,
        timeout_s,
        encode_option_ack(acknowledged) if acknowledged else None,
    )


def parse_number(text: str | None) -> int | None:
    """Return the number that an option's value is, None when it is none."""
    if text is None or len(text) > _MAX_DIGITS or not text.isdecimal():
        return None
    return int(text) if text.isascii() else None


def _lowered(text: str | None, low: int, high: int, limit: int) -> int | None:
    value = _in_range(text, low, high)
    return None if value is None else min(value, limit)


def _in_range(text: str | None, low: int, high: int) -> int | None:
    value = parse_number(text)
    return value if value is not None and low <= value <= high else None
