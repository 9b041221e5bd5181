"""SCCP messages that open, key and count media streams (REFERENCE-4 1.5 to 1.7)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final, Self

from tokenless.protocol.sccp.layout import (
    Address,
    Message,
    address,
    block,
    raw,
    rest_of_text,
    text,
    u8,
    u16,
    u32,
)

_WIDE_NUMBERS: Final = 18
PCMU: Final = 4
"""G.711 u-law, as SCCP numbers codecs."""


@unique
class MediaStatus(IntEnum):
    """Reasons of a phone that could not open its media channel."""

    OK = 0
    UNKNOWN = 1
    NOT_ENOUGH_CHANNELS = 2
    BAD_CODEC = 6
    NO_SOCKET = 8


@unique
class SrtpAlgorithm(IntEnum):
    """SRTP suites, as SCCP numbers them."""

    NONE = 0
    AES_CM_128_HMAC_SHA1_32 = 1
    AES_CM_128_HMAC_SHA1_80 = 2


@dataclass(frozen=True, slots=True)
class KeyBlock(Message):
    """The SRTP keys of one direction: 48 bytes, 40 of them in CallManager 4."""

    algorithm: int = u32(SrtpAlgorithm.NONE)
    key_length: int = u16()
    salt_length: int = u16()
    key: bytes = raw(16)
    salt: bytes = raw(16)
    mki_present: int = u32()
    derivation_rate: int = u32()

    @classmethod
    def of(cls, key: bytes, salt: bytes) -> "KeyBlock":
        """Return the block for the one suite that SCCP phones speak."""
        return cls(
            algorithm=SrtpAlgorithm.AES_CM_128_HMAC_SHA1_32,
            key_length=len(key),
            salt_length=len(salt),
            key=key,
            salt=salt.ljust(16, b"\0"),
        )

    def __repr__(self) -> str:
        """Describe the block without its keys: they must not reach a log."""
        return f"KeyBlock(algorithm={self.algorithm})"


@dataclass(frozen=True, slots=True)
class OpenReceiveChannelAck(Message):
    """The address on which the phone receives media."""

    ID: ClassVar = 0x22
    status: int = u32(MediaStatus.OK)
    address: Address = address()
    port: int = u32()
    party: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class ConnectionStatisticsRes(Message):
    """The phone's statistics of a call.

    From version 18 on the mode has one byte, and a real phone of version 20 sends four
    (REFERENCE-4 1.7); both are read.
    """

    ID: ClassVar = 0x23
    number: str = text(24, wide=28, wide_since=_WIDE_NUMBERS)
    call: int = u32()
    mode: int = u8()
    packets_sent: int = u32()
    octets_sent: int = u32()
    packets_received: int = u32()
    octets_received: int = u32()
    packets_lost: int = u32()
    jitter: int = u32()
    latency: int = u32()
    text_size: int = u32()
    text: str = rest_of_text()

    def encode_body(self, version: int) -> bytes:
        """Return the body; below version 18 the mode has four bytes."""
        body = self._encode_fields(version)
        if version < _WIDE_NUMBERS:
            body = body[:29] + bytes(3) + body[29:].rstrip(b"\0") + b"\0"
        return body + bytes(-len(body) % 4)

    @classmethod
    def decode_body(cls, body: bytes, version: int) -> Self:
        """Read any of the three forms.

        Raises:
            DecodeError: Never: bytes that are missing have their defaults.
        """
        mode = 28 if version < _WIDE_NUMBERS else 32
        is_wide_mode = version < _WIDE_NUMBERS or body[mode + 1 : mode + 4] == bytes(3)
        if is_wide_mode:
            body = body[: mode + 1] + body[mode + 4 :]
        return cls._decode_fields(body, version)


@dataclass(frozen=True, slots=True)
class MediaTransmissionFailure(Message):
    """A stream that could not start."""

    ID: ClassVar = 0x2A
    conference: int = u32()
    party: int = u32()
    address: Address = address()
    port: int = u32()
    call: int = u32()


@dataclass(frozen=True, slots=True)
class StartMediaTransmission(Message):
    """An order to send media: where to, in which codec, under which key."""

    ID: ClassVar = 0x8A
    conference: int = u32()
    party: int = u32()
    address: Address = address()
    port: int = u32()
    packet_ms: int = u32(20)
    codec: int = u32(PCMU)
    precedence: int = u32(184)
    silence_suppression: int = u32()
    max_frames: int = u16()
    padding: int = u16()
    codec_parameters: int = u32()
    call: int = u32()
    keys: KeyBlock = block(KeyBlock)
    stream: int = u32()
    associated_stream: int = u32()
    rfc2833_payload: int = u32()
    dtmf_type: int = u32(10)
    mixing_mode: int = u32()
    direction: int = u32(since=15)
    latent_capabilities: bytes = raw(36, since=21)


@dataclass(frozen=True, slots=True)
class StopMediaTransmission(Message):
    """An order to stop sending media."""

    ID: ClassVar = 0x8B
    conference: int = u32()
    party: int = u32()
    call: int = u32()
    port_handling: int = u32()


@dataclass(frozen=True, slots=True)
class OpenReceiveChannel(Message):
    """An order to listen for media, and the key to decrypt it with."""

    ID: ClassVar = 0x105
    conference: int = u32()
    party: int = u32()
    packet_ms: int = u32(20)
    codec: int = u32(PCMU)
    echo_cancellation: int = u32()
    codec_parameters: int = u32()
    call: int = u32()
    keys: KeyBlock = block(KeyBlock)
    stream: int = u32()
    associated_stream: int = u32()
    rfc2833_payload: int = u32()
    dtmf_type: int = u32(10)
    mixing_mode: int = u32()
    direction: int = u32()
    source: Address = address()
    source_port: int = u32(4000)
    requested_address_kind: int = u32(since=16)
    level_adjustment: int = u32(since=21)
    latent_capabilities: bytes = raw(36, since=21)


@dataclass(frozen=True, slots=True)
class CloseReceiveChannel(Message):
    """An order to stop listening for media."""

    ID: ClassVar = 0x106
    conference: int = u32()
    party: int = u32()
    call: int = u32()
    port_handling: int = u32()


@dataclass(frozen=True, slots=True)
class ConnectionStatisticsReq(Message):
    """A question for what the phone counted."""

    ID: ClassVar = 0x107
    number: str = text(24, wide=28, wide_since=_WIDE_NUMBERS)
    call: int = u32()
    mode: int = u32()


@dataclass(frozen=True, slots=True)
class StartMediaTransmissionAck(Message):
    """The phone sends; real phones set the call reference only."""

    ID: ClassVar = 0x154
    conference: int = u32()
    party: int = u32()
    call: int = u32()
    address: Address = address()
    port: int = u32()
    status: int = u32(MediaStatus.OK)


MEDIA_MESSAGES: Final[tuple[type[Message], ...]] = (
    OpenReceiveChannelAck,
    ConnectionStatisticsRes,
    MediaTransmissionFailure,
    StartMediaTransmission,
    StopMediaTransmission,
    OpenReceiveChannel,
    CloseReceiveChannel,
    ConnectionStatisticsReq,
    StartMediaTransmissionAck,
)
