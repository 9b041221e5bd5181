"""Messages between the daemon, the pool process and the workers.

    frame:  length (4 bytes, big-endian)  MessagePack

All ends are ours and on one machine: a frame that cannot be read is a bug, not an
attack, and raises what msgspec raises.
"""

import struct
from typing import Final, TypeAlias

import msgspec

_LENGTH: Final = struct.Struct(">I")


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """First to the pool: what to do, and on which inherited sockets."""

    job: str
    """`package.module:Class` of the job."""
    name: str
    """Of the server, for log lines: `TVS`."""
    node: str
    settings: bytes
    descriptors: tuple[tuple[int, ...], ...]
    """Listening sockets, one tuple a worker."""


class State(msgspec.Struct, frozen=True, tag="state"):
    """To every worker: answer from exactly this from now on."""

    data: bytes


class Settings(msgspec.Struct, frozen=True, tag="settings"):
    """To the pool: work by these settings from now on."""

    data: bytes


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """To a worker: accept no more clients, and end when the last one has gone."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a worker: it answers now."""


Frame: TypeAlias = Begin | State | Settings | Drain | Ready

_DECODER: Final = msgspec.msgpack.Decoder[Frame](Frame)


def pack_frame(frame: Frame) -> bytes:
    """Return a frame's bytes."""
    data = msgspec.msgpack.encode(frame)
    return _LENGTH.pack(len(data)) + data


class FrameStream:
    """Bytes in, frames out, however the pipe cut them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Frame]:
        """Take bytes; return the frames that are whole now."""
        self._buffer += data
        frames: list[Frame] = []
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                break
            frames.append(_DECODER.decode(bytes(self._buffer[_LENGTH.size : end])))
            del self._buffer[:end]
        return frames
