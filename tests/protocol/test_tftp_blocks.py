"""Files cut into packets, and the cache of what was cut."""

from tokenless.protocol.tftp.blocks import MAX_KEPT_BLOCKS, BlockCache, Blocks
from tokenless.protocol.tftp.options import (
    OptionLimits,
)
from tokenless.protocol.tftp.packets import (
    encode_data,
)

LIMITS = OptionLimits(block_size=1000, window=8)


def test_large_files_are_in_memory_once() -> None:
    content = bytes(8 * MAX_KEPT_BLOCKS)
    blocks = Blocks(content, 8)
    assert blocks.packet(3) == blocks.packet(3) == encode_data(3, bytes(8))
    assert blocks.packet(3) is not blocks.packet(3)
    small = Blocks(content, 512)
    assert small.packet(3) is small.packet(3)


def test_the_cache_knows_versions_by_identity_and_is_bounded() -> None:
    cache = BlockCache(max_bytes=100_000)
    first, second = b"x" * 1000, bytes(bytearray(b"x" * 1000))
    assert cache.blocks(first, 512) is cache.blocks(first, 512)
    assert cache.blocks(first, 512) is not cache.blocks(second, 512)
    assert cache.blocks(first, 512) is not cache.blocks(first, 8)
    before = cache.blocks(first, 512)
    for size in range(20_000, 30_000, 500):
        cache.blocks(bytes(size), 512)
    assert cache.blocks(first, 512) is not before
    assert cache.held_bytes <= 100_000


def test_what_a_file_takes_is_counted_before_it_is_kept() -> None:
    small, large = Blocks(bytes(1000), 500), Blocks(bytes(8 * MAX_KEPT_BLOCKS), 8)
    assert small.count == 3
    assert 2000 < small.kept_bytes < 2200  # the content, its packets, their heads
    assert large.kept_bytes == len(large.content)


def test_a_file_beyond_the_caches_bound_is_cut_and_not_kept() -> None:
    cache = BlockCache(max_bytes=1000)
    content = bytes(501)
    first = cache.blocks(content, 512)
    assert first.packet(1) == encode_data(1, content)
    assert cache.blocks(content, 512) is not first
    assert cache.held_bytes == 0
