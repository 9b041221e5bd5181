"""Decoding, remembered: ten thousand phones meet the same few lists.

What is remembered is immutable and depends on the bytes alone; failures are not kept.
"""

from functools import lru_cache

from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.phones.configuration import PhoneConfig


@lru_cache(maxsize=64)
def decode_list(data: bytes) -> TrustList:
    """Decode a trust list. Raises DecodeError when it is none."""
    return TrustList.decode(data)


@lru_cache(maxsize=64)
def decode_configuration(data: bytes) -> PhoneConfig:
    """Decode a configuration. Raises DecodeError when it is none."""
    return PhoneConfig.decode(data)
