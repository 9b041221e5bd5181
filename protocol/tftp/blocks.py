"""A file cut into the DATA packets that carry it.

`Packets` is what a transfer needs of a file. `Blocks` are those of a content in memory:
a version of a file is cut once for all the transfers that share it, packet by packet as
they are first sent, so that a request alone does not cause the work of cutting a large
file. Of files of very many blocks the packets are not kept.
"""

from typing import Final, Protocol

from cachetools import LRUCache

from tokenless.protocol.tftp.packets import encode_data

MAX_KEPT_BLOCKS: Final = 4096
"""Files of at most so many blocks keep their packets."""
_PACKET_OVERHEAD_BYTES: Final = 50


class Packets(Protocol):
    """The DATA packets of one file at one block size.

    Packet `n` carries the n-th `block_size` bytes, from 1 on; the last is shorter,
    possibly empty (RFC 1350: a short block ends the transfer).
    """

    @property
    def block_size(self) -> int:
        """Number of the file's bytes in every packet but the last."""
        ...

    @property
    def count(self) -> int:
        """Number of packets; the last packet has this number.

        A number that is not reached where it is not known before the last was cut.
        """
        ...

    @property
    def size(self) -> int:
        """Number of bytes in all packets; as with `count`, it may not be known yet."""
        ...

    @property
    def may_wait(self) -> bool:
        """Tell whether a packet may be missing for a while, and `count` be unknown."""
        ...

    def packet(self, number: int) -> bytes | None:
        """Return the packet of a block, counted from 1 without roll-over.

        None: it is not there yet.

        Raises:
            TftpError: When the file cannot be read, or is another one by now.
        """
        ...


class Blocks:
    """The DATA packets of a content in memory."""

    __slots__ = ("_kept", "block_size", "content", "count", "size")

    may_wait = False

    def __init__(self, content: bytes, block_size: int) -> None:
        self.content = content
        self.size = len(content)
        self.block_size = block_size
        self.count = len(content) // block_size + 1
        """Number of packets; the last packet has this number."""
        self._kept: list[bytes | None] | None = (
            [None] * (self.count + 1) if self.count <= MAX_KEPT_BLOCKS else None
        )

    def packet(self, number: int) -> bytes:
        """Return the packet of a block, counted from 1 without roll-over."""
        kept = self._kept
        if kept is None:
            return self._cut(number)
        packet = kept[number]
        if packet is None:
            packet = kept[number] = self._cut(number)
        return packet

    @property
    def kept_bytes(self) -> int:
        """About what the packets take once all of them were sent."""
        if self._kept is None:
            return len(self.content)
        return 2 * len(self.content) + _PACKET_OVERHEAD_BYTES * self.count

    def _cut(self, number: int) -> bytes:
        start = (number - 1) * self.block_size
        return encode_data(number, self.content[start : start + self.block_size])


class BlockCache:
    """Files that are being sent or were, by identity: a version is one bytes object.

    The cache keeps each content alive, so an identity cannot come to mean another
    file. It is bounded by the bytes that it holds; the longest unused goes first.
    """

    def __init__(self, max_bytes: int = 24 << 20) -> None:
        self._blocks: LRUCache[tuple[int, int], Blocks] = LRUCache(
            max_bytes, getsizeof=lambda blocks: blocks.kept_bytes
        )
        self._last: Blocks | None = None

    @property
    def held_bytes(self) -> int:
        """Return about how many bytes stay in memory once all blocks were sent."""
        return int(self._blocks.currsize)

    def blocks(self, content: bytes, block_size: int) -> Blocks:
        """Return the packets of a file, those that were sent before among them."""
        # Phones that boot together ask for the same file one after the other.
        last = self._last
        if (
            last is not None
            and last.content is content
            and last.block_size == block_size
        ):
            return last
        key = (id(content), block_size)
        found = self._blocks.get(key)
        if found is None:
            found = Blocks(content, block_size)
            try:
                self._blocks[key] = found
            except ValueError:  # it is too large to be kept
                return found
        self._last = found
        return found
