"""A cable with a length: takes frames from one interface and sends them on another.

    python forwarder.py whole INTERFACE
    python forwarder.py forward ONE OTHER DELAY_S

`forward` prints a line when it forwards, and ends with its standard input. A kernel
hands over segments of up to 64 KB without checksums where it thinks that the network
card will do the rest; `whole` makes it send frames as they are on a cable.
"""

import fcntl
import select
import socket
import struct
import sys
import time
from array import array
from collections import deque
from collections.abc import Mapping
from typing import Final

_MAX_FRAME_BYTES: Final = 65536
_ALL_PROTOCOLS: Final = 3  # ETH_P_ALL of linux/if_ether.h
_OUTGOING: Final = 4  # PACKET_OUTGOING of linux/if_packet.h
_SIOCETHTOOL: Final = 0x8946
_OFFLOADS: Final = 0x17, 0x1F, 0x24
"""ETHTOOL_STXCSUM, STSO and SGSO of linux/ethtool.h: checksums, segmentation."""


def send_whole_frames(interface: str) -> None:
    """Make the kernel cut segments and compute checksums before it sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for offload in _OFFLOADS:
            off = array("I", [offload, 0])
            request = struct.pack("16sP", interface.encode(), off.buffer_info()[0])
            fcntl.ioctl(control, _SIOCETHTOOL, request)


def forward(one: str, other: str, delay_s: float) -> None:
    """Pass frames on, each after `delay_s`, until standard input ends."""
    with _open(one) as first, _open(other) as second:
        _forward({first: second, second: first}, delay_s)


def _forward(across: Mapping[socket.socket, socket.socket], delay_s: float) -> None:
    under_way: deque[tuple[float, socket.socket, bytes]] = deque()
    print("forwarding", flush=True)  # noqa: T201 - its caller waits for it
    while True:
        wait_s = under_way[0][0] - time.monotonic() if under_way else None
        readable, _, _ = select.select(
            [sys.stdin, *across], [], [], None if wait_s is None else max(0.0, wait_s)
        )
        if sys.stdin in readable:
            return
        for end in (end for end in across if end in readable):
            frame, (_, _, kind, *_) = end.recvfrom(_MAX_FRAME_BYTES)
            if kind != _OUTGOING:
                under_way.append((time.monotonic() + delay_s, across[end], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, to, frame = under_way.popleft()
            to.send(frame)


def _open(interface: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    end.bind((interface, 0))
    return end


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["whole", name]:
            send_whole_frames(name)
        case ["forward", first, second, seconds]:
            forward(first, second, float(seconds))
        case _:
            sys.exit(__doc__)
