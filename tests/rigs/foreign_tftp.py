"""Other people's TFTP servers over a folder, on loopback.

dnsmasq knows port 69 only, so it needs the right to use it.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.rigs.peers import require
from tokenless.phone_emulator.rehearsal.rig.clusters.nodes import free_port
from tokenless.phone_emulator.secd.events import Server

PEERS = ("dnsmasq", "in.tftpd")
# A loopback address of this process's own: port 69 of others may be somebody's, as it
# is of another worker's in a parallel run. Linux has no process id over 22 bits.
ADDRESS = str(ip_address("127.64.0.0") + os.getpid())


def needs(program: str) -> str:
    found = require(program)
    if os.geteuid() != 0:
        pytest.skip(f"{program} needs port 69 or chroot, and so root")
    return found


@contextmanager
def running(peer: str, files: Path) -> Iterator[Server]:
    """Run a peer over a folder, in the foreground, on loopback."""
    program = needs(peer)
    port = 69 if peer == "dnsmasq" else free_port([ADDRESS], socket.SOCK_DGRAM)
    command = {
        "dnsmasq": [
            *("--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--enable-tftp", f"--tftp-root={files}", "--user=root"),
            *(f"--listen-address={ADDRESS}", "--bind-interfaces", "--pid-file="),
            "--log-facility=-",
        ],
        "in.tftpd": [
            *("--listen", "--foreground", "--secure", "--user", "root"),
            *("--address", f"{ADDRESS}:{port}", str(files)),
        ],
    }[peer]
    child = subprocess.Popen(
        [program, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_answers(port, child)
        yield Server(ADDRESS, port)
    finally:
        child.terminate()
        child.wait(10)


def wait_until_it_answers(port: int, child: subprocess.Popen[bytes]) -> None:
    request = b"\0\1no-such-file\0octet\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        for _ in range(300):
            assert child.poll() is None, "the peer has ended"
            with suppress(OSError):
                probe.sendto(request, (ADDRESS, port))
                probe.recv(600)
                return
            time.sleep(0.02)
    pytest.fail("the peer does not answer")
