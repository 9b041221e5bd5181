"""Hostile TFTP clients for the benchmark, in a process of their own.

    python -m benchmarks.tftp_attacks HOST PORT KIND RATE

Each kind goes on at RATE a second until killed; a line on standard output says that the
attack is on. `hold` first fills the table. What was sent and received, in datagrams and
bytes, is printed at SIGTERM. Everything stays on loopback.
"""

import json
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from tokenless.protocol.tftp.packets import encode_ack

_IP_PKTINFO: Final = 8
_PKTINFO: Final = struct.Struct("@I4s4s")
_ANCILLARY: Final = socket.CMSG_SPACE(_PKTINFO.size)
_BUFFER_BYTES: Final = 16 << 20
_FIRST_SOURCE: Final = (127 << 24) + (1 << 16)
_TABLE: Final = 8192


class Forger:
    """A socket that sends from any address of 127/8, and hears for all of them."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind(("0.0.0.0", 0))  # noqa: S104 (all of 127/8)
        self._socket.setblocking(False)
        self.begun = time.monotonic()
        self.sent = self.sent_bytes = self.received = self.received_bytes = 0

    def send(self, number: int, data: bytes, to: tuple[str, int] | None = None) -> None:
        """Send with the n-th source address."""
        source = _PKTINFO.pack(0, (_FIRST_SOURCE + number).to_bytes(4), b"\0" * 4)
        ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, source)]
        self._socket.sendmsg([data], ancillary, 0, to or self._to)
        self.sent += 1
        self.sent_bytes += len(data)

    def answers(self) -> Iterator[tuple[int, bytes, tuple[str, int]]]:
        """Yield what came: for which address, what, and from where."""
        while True:
            try:
                data, ancillary, _, peer = self._socket.recvmsg(70_000, _ANCILLARY)
            except BlockingIOError:
                return
            self.received += 1
            self.received_bytes += len(data)
            own = int.from_bytes(_PKTINFO.unpack(ancillary[0][2])[2])
            yield own - _FIRST_SOURCE, data, peer


def request(name: str, *options: str) -> bytes:
    """Return a read request in octet mode."""
    return b"\0\1" + "\0".join((name, "octet", *options, "")).encode()


def hold(forger: Forger, number: int) -> None:
    """Ask with a long time-out, answer once, and fall silent."""
    forger.send(number % (4 * _TABLE), request("ITLFile.tlv", "timeout", "255"))
    for own, data, peer in forger.answers():
        if data[:4] in {b"\0\3\0\1", b"\0\6ti"}:
            ack = encode_ack(1 if data[1] == 3 else 0)
            forger.send(own, ack, peer)


def blind(forger: Forger, number: int) -> None:
    """Send a request and ACKs for a victim, without hearing an answer."""
    block = number % 2000
    if block == 0:
        name = ("firmware.sbn", "blksize", "65464", "windowsize", "64")
        forger.send(0, request(*name))
    forger.send(0, encode_ack(block))
    for _ in forger.answers():
        pass


def names(forger: Forger, number: int) -> None:
    """Ask for the signed configuration of a phone that is made up."""
    forger.send(0, request(f"SEP{number:012X}.cnf.xml.sgn"))
    for _own, data, peer in forger.answers():
        if data[:4] == b"\0\3\0\1":
            forger.send(0, encode_ack(1), peer)


def flood(forger: Forger, number: int) -> None:
    """Ask from an address that does not exist."""
    forger.send(1 + number % 4_000_000, request("ITLFile.tlv"))
    for _ in forger.answers():
        pass


def text(forger: Forger, number: int) -> None:
    """Ask for a large file as text, from many addresses."""
    data = request("firmware.sbn").replace(b"octet", b"netascii")
    forger.send(1 + number % 4_000_000, data)
    for _ in forger.answers():
        pass


def junk(forger: Forger, number: int) -> None:
    """Send requests that cannot be read."""
    forger.send(number % 1000, b"\0\1" + b"\x1b]0;" * 30 + b"\0")
    for _ in forger.answers():
        pass


KINDS: Final[dict[str, Callable[[Forger, int], None]]] = {
    each.__name__: each for each in (hold, blind, names, flood, text, junk)
}


def _report(forger: Forger) -> None:
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - forger.begun,
                "sent": forger.sent,
                "sent_bytes": forger.sent_bytes,
                "received": forger.received,
                "received_bytes": forger.received_bytes,
            }
        ),
        flush=True,
    )


def _paced(rate: float) -> Iterator[int]:
    """Count without end, so many a second."""
    begun, number = time.monotonic(), 0
    while True:
        ahead = number / rate - (time.monotonic() - begun)
        if ahead > 0.002:
            time.sleep(ahead)
        yield number
        number += 1


def main() -> None:
    """Attack until killed."""
    host, port, kind, rate = sys.argv[1:5]
    forger = Forger(host, int(port))

    def stop(*_: object) -> None:
        _report(forger)
        sys.exit()

    signal.signal(signal.SIGTERM, stop)
    attack = KINDS[kind]
    if kind == "hold":
        for number in range(_TABLE):
            attack(forger, number)
            if number % 50 == 0:
                time.sleep(0.01)
    print("attacking", flush=True)
    for number in _paced(float(rate)):
        attack(forger, number)


if __name__ == "__main__":
    main()
