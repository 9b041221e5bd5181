"""Hostile TVS clients for the benchmark, in a process of their own.

    python -m benchmarks.tvs_attacks PORT KIND COUNT [RATE]

`silent`, `stalled` and `declared` hold COUNT connections until killed; `garbage`,
`resets`, `nonsense` and `hellos` make COUNT connections, RATE a second, and end; the
last come from an address of their own. A line on standard output says that the attack
is on.
"""

import contextlib
import resource
import socket
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

_HOST: Final = "127.0.0.1"
_ATTACKER: Final = "127.0.0.2"
_RESET: Final = struct.pack("ii", 1, 0)
_NONSENSE: Final = b"\x57\x01\x01\0\0\0\0\1\xfd\xeb\x02\xfd\xe8" + b"\x30\x82" * 32_500
_DECLARED: Final = b"\x57\x01\x01\0\0\0\0\1\xff\xff"


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = _context().wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _connected(port: int) -> socket.socket:
    return socket.create_connection((_HOST, port), 30)


def silent(port: int) -> socket.socket:
    """Connect and never speak."""
    return _connected(port)


def stalled(port: int) -> socket.socket:
    """Stop in the handshake."""
    sock = _connected(port)
    sock.sendall(_hello()[:-20])
    return sock


def declared(port: int) -> socket.socket:
    """Declare a body of 65,535 bytes and fall silent."""
    tls = _context().wrap_socket(_connected(port))
    tls.sendall(_DECLARED)
    return tls


def garbage(port: int) -> None:
    """Send what is no TLS."""
    with _connected(port) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n" * 20)


def resets(port: int) -> None:
    """Reset the connection at once."""
    with _connected(port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


_HELLO: Final = _hello()
_WAITING: Final[deque[socket.socket]] = deque()
# Half a second's worth: one that goes at once is noticed before anything is signed.
_LONGEST_WAITING: Final = 1300


def hellos(port: int) -> None:
    """Send a ClientHello, which costs nothing; the server signs for nobody."""
    sock = socket.create_connection((_HOST, port), 30, (_ATTACKER, 0))
    sock.sendall(_HELLO)
    _WAITING.append(sock)
    if len(_WAITING) > _LONGEST_WAITING:
        _WAITING.popleft().close()


def nonsense(port: int) -> None:
    """Ask about 64 KB that are no certificate."""
    with _context().wrap_socket(_connected(port)) as tls:
        tls.sendall(_NONSENSE)
        tls.recv(100)


HOLDING: Final[dict[str, Callable[[int], socket.socket]]] = {
    "silent": silent,
    "stalled": stalled,
    "declared": declared,
}
PASSING: Final[dict[str, Callable[[int], None]]] = {
    "garbage": garbage,
    "resets": resets,
    "nonsense": nonsense,
    "hellos": hellos,
}


def _paced(count: int, rate: float) -> Iterator[int]:
    """Count, at most so many a second."""
    begun = time.monotonic()
    for number in range(count):
        ahead = number / rate - (time.monotonic() - begun)
        if ahead > 0:
            time.sleep(ahead)
        yield number


def main() -> None:
    """Attack until the count is reached, or until killed."""
    port, kind, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rate = float(sys.argv[4]) if len(sys.argv) > 4 else 1e9
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if kind in HOLDING:
        held = [HOLDING[kind](port) for _ in range(count)]
        print(f"{len(held)} held", flush=True)
        time.sleep(3600)
    print("attacking", flush=True)
    for _ in _paced(count, rate):
        try:
            PASSING[kind](port)
        except OSError:
            continue  # refused or reset: what an attacker deserves


if __name__ == "__main__":
    main()
