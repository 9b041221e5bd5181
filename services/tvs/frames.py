"""What the daemon, the process of its workers and the workers tell each other.

    frame:  length (4 bytes, big-endian)  MessagePack

All ends are ours and on one machine: a frame that cannot be read is a bug, not an
attack, and raises what msgspec raises.
"""

import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from tokenless.services.tvs.caches import CachedCertificate, Caches, Index
from tokenless.services.tvs.counters import TvsCounters
from tokenless.services.tvs.settings import OwnCertificate, TvsLimits, TvsSettings

_LENGTH: Final = struct.Struct(">I")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One certificate of a cache."""

    der: bytes
    subject: str
    issuer: str
    serial: bytes
    roles: tuple[int, ...]
    ttl: int


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """First to the pool: what to serve, and on which inherited sockets."""

    settings: TvsSettings
    listeners: tuple[tuple[int, ...], ...]
    """Descriptors, one tuple a worker, the modern listener first."""


class Fill(msgspec.Struct, frozen=True, tag="fill"):
    """To every worker: hold exactly this from now on."""

    db: tuple[Entry, ...]
    ctl: tuple[Entry, ...]


class Show(msgspec.Struct, frozen=True, tag="show"):
    """To the pool: show these certificates and keep to these limits from now on."""

    certificates: tuple[OwnCertificate, ...]
    limits: TvsLimits


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """To a worker: accept nobody, and end when the last client has gone."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a worker: it answers now."""


class Count(msgspec.Struct, frozen=True, tag="count"):
    """From a worker: its totals. `worker` is its process id."""

    worker: int
    counters: TvsCounters


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """From the pool: this worker's process has ended."""

    worker: int


Frame: TypeAlias = Begin | Fill | Show | Drain | Ready | Count | Gone


def _encode_other(value: Any) -> str:  # noqa: ANN401 - msgspec's signature
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _decode_other(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's signature
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError


_DECODER: Final = msgspec.msgpack.Decoder[Frame](Frame, dec_hook=_decode_other)


def pack_frame(frame: Frame) -> bytes:
    """Return a frame's bytes."""
    data = msgspec.msgpack.encode(frame, enc_hook=_encode_other)
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


def fill_from(caches: Caches) -> Fill:
    """Return the state of the caches as a frame."""
    return Fill(_entries(caches.db.index), _entries(caches.ctl.index))


def fill_into(caches: Caches, fill: Fill) -> None:
    """Put a frame's state into a worker's caches."""
    caches.db.index = Index(_cached(fill.db))
    caches.ctl.index = Index(_cached(fill.ctl))


def _entries(index: Index) -> tuple[Entry, ...]:
    return tuple(
        Entry(each.der, each.subject, each.issuer, each.serial, each.roles, each.ttl)
        for each in index
    )


def _cached(entries: tuple[Entry, ...]) -> list[CachedCertificate]:
    return [CachedCertificate(**msgspec.structs.asdict(each)) for each in entries]


def copy_counters(counters: TvsCounters) -> TvsCounters:
    """Return the totals as they are now."""
    return TvsCounters(**asdict(counters))
