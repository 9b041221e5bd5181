"""Measure what firmware of 61 and 81 MB costs a node's TFTP, and the phones beside it.

    python -m benchmarks.tftp_firmware [--phones 40] [--seconds 20]

Forty clients fetch two static files at once, in blocks of 1,428 bytes, half of them as
text (netascii). Beside them one client asks for the ITL twenty times a second. Prints
the memory that the node takes more, and how long the ITL's first block takes without
and beside them. The clients that fetch firmware are in a process of their own; so that
they leave the machine a processor, they send so many ACKs a second (`--acks`) at most.
"""

import argparse
import multiprocessing
import select
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.tftp_attacks import request
from benchmarks.tftp_node import ADDRESS, RunningNode, running_node

_LOADS: Final = {"sip88xx.sbn": 61_907_288, "sip8845.sbn": 81_396_056}
_LONGEST: Final = 2000
_QUESTIONS_A_SECOND: Final = 20


def _write_loads(folder: Path) -> Path:
    static = folder / "static"
    static.mkdir()
    line = bytes(range(256)) * 64
    for name, size in _LOADS.items():
        with (static / name).open("wb") as file:
            for _ in range(size // len(line)):
                file.write(line)
            file.write(line[: size % len(line)])
    return static


def fetch_firmware(port: int, phones: int, acks_per_s: int, seconds: float) -> None:
    """Let phones fetch loads, block by block, until the time is over."""
    poll = select.epoll()
    clients = {}
    for number in range(phones):
        name = list(_LOADS)[number % len(_LOADS)]
        mode = b"netascii" if number % 4 > 1 else b"octet"
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asked = request(name, "blksize", "1428").replace(b"octet", mode)
        client.sendto(asked, (ADDRESS, port))
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN)
    begun, sent = time.monotonic(), 0
    while (now := time.monotonic()) - begun < seconds:
        ahead = sent / acks_per_s - (now - begun)
        if ahead > 0:
            time.sleep(ahead)
        for descriptor, _ in poll.poll(0.1):
            data, source = clients[descriptor].recvfrom(_LONGEST)
            block = b"\0\0" if data[1] == 6 else data[2:4]
            clients[descriptor].sendto(b"\0\4" + block, source)
            sent += 1


def ask_for_list(port: int, seconds: float) -> Sequence[float]:
    """Ask for the ITL at a steady rate; return how long each first block took."""
    taken = []
    ending = time.monotonic() + seconds
    while time.monotonic() < ending:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            begun = time.perf_counter()
            client.sendto(request("ITLFile.tlv"), (ADDRESS, port))
            _, source = client.recvfrom(_LONGEST)
            taken.append((time.perf_counter() - begun) * 1000)
            client.sendto(b"\0\5\0\0\0", source)
        time.sleep(1 / _QUESTIONS_A_SECOND)
    return taken


def _say(title: str, taken: Sequence[float]) -> None:
    ordered = sorted(taken)
    late = ordered[int(len(ordered) * 0.99)]
    print(
        f"| {title} | {statistics.median(ordered):.2f} ms | {late:.2f} ms"
        f" | {ordered[-1]:.2f} ms | {len(ordered)} |",
        flush=True,
    )


def _measure(node: RunningNode, phones: int, acks: int, seconds: float) -> None:
    print("| first block of the ITL | median | p99 | most | asked |")
    print("|---|---|---|---|---|")
    _say("alone", ask_for_list(node.port, seconds / 2))
    before_mb = node.resident_mb()
    loading = multiprocessing.Process(
        target=fetch_firmware, args=(node.port, phones, acks, seconds + 2)
    )
    loading.start()
    time.sleep(1)
    cpu = node.cpu_s()
    _say(f"beside {phones} phones on two loads", ask_for_list(node.port, seconds))
    share = (node.cpu_s() - cpu) / seconds
    more_mb = node.peak_mb() - before_mb
    loading.join()
    print(
        f"\nmemory: {before_mb:.0f} MB before, at most {more_mb:.0f} MB more;"
        f" {share:.0%} of a processor"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--phones", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--acks", type=int, default=5000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tftp-firmware-") as name:
        folder = Path(name)
        with running_node(folder, _write_loads(folder)) as node:
            _measure(node, given.phones, given.acks, given.seconds)


if __name__ == "__main__":
    main()
