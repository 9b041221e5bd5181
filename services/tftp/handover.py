"""Requests that a retired worker received, on their way to its successor.

Both generations read the same socket, and the kernel gives a datagram to whoever is
first. A phone that is not answered waits out its time-out, or gives up; so a worker
that may take no more requests hands them over, through a pipe that all workers of one
socket inherit. A pipe keeps records of up to PIPE_BUF (4096) bytes whole, whoever
writes at the same time (pipe(7)); with records of one length, so does reading.

    record:  length (2 bytes, big-endian)  MessagePack (datagram, peer, local)  padding
"""

import contextlib
import fcntl
import os
import struct
from typing import Final

import msgspec

from tokenless.services.tftp.listener import Received

_LENGTH: Final = struct.Struct(">H")
_RECORD_BYTES: Final = 1024
"""The longest request, and two addresses."""
_PIPE_BYTES: Final = 1 << 20
"""What any user may have (fs.pipe-max-size): the first second of a boot storm."""
_RECORDS_A_TURN: Final = 64


class Handover:
    """The pipe of one socket's workers."""

    def __init__(self) -> None:
        self._source, self._target = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # the user has many pipes: a smaller one
            fcntl.fcntl(self._target, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.descriptors: Final = frozenset({self._source, self._target})

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to take."""
        return self._source

    def put(self, received: Received) -> None:
        """Leave a request to the successor; in a full pipe it is lost."""
        packed = msgspec.msgpack.encode(received)
        record = (_LENGTH.pack(len(packed)) + packed).ljust(_RECORD_BYTES, b"\0")
        with contextlib.suppress(BlockingIOError):
            os.write(self._target, record)

    def take(self) -> list[Received]:
        """Return what predecessors left: nothing when another was faster."""
        try:
            records = os.read(self._source, _RECORDS_A_TURN * _RECORD_BYTES)
        except BlockingIOError:
            return []
        return [
            _unpack(records[start : start + _RECORD_BYTES])
            for start in range(0, len(records), _RECORD_BYTES)
        ]

    def close(self) -> None:
        """Close both ends."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def _unpack(record: bytes) -> Received:
    (length,) = _LENGTH.unpack_from(record)
    packed = record[_LENGTH.size : _LENGTH.size + length]
    data, peer, local = msgspec.msgpack.decode(packed)
    return data, tuple(peer), local
