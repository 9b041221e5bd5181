"""Attacks on a TFTP server while honest clients are measured.

Everything stays on loopback.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.tftp_servers import HOST

_REQUEST: Final = b"\0\1f5000\0octet\0"
_IP_PKTINFO: Final = 8
_PKTINFO: Final = struct.Struct("@I4sI")
_BATCH: Final = 50


@contextmanager
def silent_clients(port: int, count: int) -> Iterator[None]:
    """Hold clients that ask once and never answer."""
    clients = []
    try:
        for number in range(count):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            clients.append(client)
            client.sendto(_REQUEST, (HOST, port))
            if number % _BATCH == 0:
                time.sleep(0.002)  # a slow server must not simply lose the requests
        time.sleep(0.2)
        yield
    finally:
        for client in clients:
            client.close()


class Flood(threading.Thread):
    """Requests with forged source addresses, all over 127/8, at a steady rate."""

    def __init__(self, port: int, rate_per_s: int, total: int) -> None:
        super().__init__(daemon=True)
        self._to = (HOST, port)
        self._rate = rate_per_s
        self._total = total
        self._is_stopped = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Send until stopped, or all was sent."""
        begin = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            while self.sent < self._total and not self._is_stopped.is_set():
                for _ in range(_BATCH):
                    self._send_one(forger)
                ahead_s = self.sent / self._rate - (time.monotonic() - begin)
                if ahead_s > 0:
                    time.sleep(ahead_s)

    def stop(self) -> None:
        """End the flood."""
        self._is_stopped.set()
        self.join()

    def _send_one(self, forger: socket.socket) -> None:
        self.sent += 1
        # 127.1.0.0 and above: no address that anybody else here listens on.
        source = ((127 << 24) + (1 << 16) + self.sent).to_bytes(4)
        where = (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, source, 0))
        forger.sendmsg([_REQUEST], [where], 0, self._to)
