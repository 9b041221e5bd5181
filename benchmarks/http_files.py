"""Measure the HTTP server: 5,000-byte files with keep-alive, and a load of 61 MB.

    python -m benchmarks.http_files [--clients 500] [--seconds 5] [--rounds 3]

A node as `tokenless serve` runs it, beside nginx where that is installed. The clients
are in a process of their own, one epoll loop: each asks again as soon as it has its
file, and every answer is compared.
"""

import argparse
import select
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.tftp_node import ADDRESS, running_node

_SIZES: Final = {"f5000": 5000, "sip88xx.sbn": 61_907_288}
_READ_BYTES: Final = 1 << 20
_NGINX: Final = """daemon off; worker_processes 1; pid {folder}/nginx.pid;
error_log /dev/null; events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; sendfile on;
server {{ listen {address}:{port} backlog=4096; root {root}; }} }}
"""


@dataclass(slots=True)
class _Client:
    socket: socket.socket
    received: int = 0
    expected: int = 0
    is_wrong: bool = False


def storm(where: tuple[str, int], name: str, clients: int, seconds: float) -> float:
    """Fetch with so many clients at once; return files a second.

    Raises:
        RuntimeError: When an answer was not the file.
    """
    request = f"GET /{name} HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n".encode()
    poll, held = select.epoll(), {}
    for _ in range(clients):
        client = _Client(socket.create_connection(where, 10))
        held[client.socket.fileno()] = client
        poll.register(client.socket, select.EPOLLIN)
        client.socket.sendall(request)
    done, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds or not done:
        for descriptor, _ in poll.poll(1):
            client = held[descriptor]
            data = client.socket.recv(_READ_BYTES)
            if not client.expected:
                head, _, body = data.partition(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200") or (not body and not head):
                    msg = f"no file: {head[:60]!r}"
                    raise RuntimeError(msg)
                client.expected = len(head) + 4 + _SIZES[name]
            client.received += len(data)
            if client.received >= client.expected:
                client.received = client.expected = 0
                done += 1
                client.socket.sendall(request)
    spent = time.monotonic() - begun
    for client in held.values():
        client.socket.close()
    return done / spent


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[tuple[str, int] | None]:
    """Run nginx with one worker; None when it is not installed."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX.format(folder=folder, address=ADDRESS, port=port, root=root)
    )
    process = subprocess.Popen(
        [program, "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(1)
        yield ADDRESS, port
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="http-bench-") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        folder.chmod(0o755)
        for file, size in _SIZES.items():
            (root / file).write_bytes(b"x" * size)
        with running_node(folder, root) as node, nginx(folder, root) as other:
            servers = {"tokenless": node.http, "nginx": other}
            for file, clients in (("f5000", given.clients), ("sip88xx.sbn", 4)):
                for server, where in servers.items():
                    if where is None:
                        print(f"{server} is not installed")
                        continue
                    cpu = node.cpu_s()
                    rates = [
                        storm(where, file, clients, given.seconds)
                        for _ in range(given.rounds)
                    ]
                    rate = statistics.median(rates)
                    cost = (node.cpu_s() - cpu) / sum(rates) / given.seconds * 1e6
                    print(
                        f"{server}: {file}, {clients} clients: {rate:,.0f} files a"
                        f" second, {rate * _SIZES[file] / 1e6:,.0f} MB/s"
                        + (f", CPU {cost:,.0f} µs a file" if where == node.http else "")
                    )
            print(f"the most memory of the node: {node.peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
