"""The network of these tests is what they take it for."""

import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.system.hosts.network import Namespace, Network, network, require_namespaces

ONE, OTHER, FAR = "10.48.47.1", "10.48.47.2", "10.48.47.3"
DELAY_S = 0.05
RECEIVE = """
import hashlib, socket, sys
with socket.create_server((sys.argv[1], 7000)) as server:
    print("listening", flush=True)
    with server.accept()[0] as client, client.makefile("rb") as received:
        print(hashlib.sha256(received.read()).hexdigest())
"""
SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], 7000)) as receiver:
    receiver.sendall(sys.stdin.buffer.read())
"""


@pytest.fixture
def small() -> Iterator[Network]:
    require_namespaces()
    with network() as made:
        yield made


def reaches(host: Namespace, address: str, *, count: int = 1) -> bool:
    """Tell whether an answer comes to one of some pings."""
    words = "busybox", "ping", "-c", str(count), "-W", "1", "-A", address
    done = subprocess.run([*host.enter, *words], capture_output=True, check=False)
    return done.returncode == 0


def interfaces() -> set[str]:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return {line.split(":")[0].strip() for line in lines}


def test_a_parted_host_is_reached_again_when_mended(small: Network) -> None:
    one, other = small.add("one", ONE), small.add("other", OTHER)
    far = small.add("far", FAR)
    assert reaches(one, OTHER, count=5)
    small.part("one", "other")
    assert not reaches(one, OTHER)
    assert not reaches(other, ONE)
    assert reaches(far, ONE, count=5)
    small.mend("one", "other")
    assert reaches(one, OTHER, count=5)
    small.part("one")
    assert not reaches(far, ONE)
    assert reaches(far, OTHER, count=5)
    small.mend("one")
    assert reaches(far, ONE, count=5)


def test_frames_are_lost_and_counted(small: Network) -> None:
    one = small.add("one", ONE)
    small.add("other", OTHER)
    assert small.lost == 0
    small.lose("one", 100)
    assert not reaches(one, OTHER)
    assert small.lost > 0
    small.renew_cables()
    assert reaches(one, OTHER, count=5)


def test_a_cable_breaks_after_so_many_bytes(small: Network) -> None:
    one, other = small.add("one", ONE), small.add("other", OTHER)
    small.break_after("other", 300)
    assert reaches(one, OTHER)
    reaches(one, OTHER, count=3)
    assert not reaches(one, OTHER)
    assert not reaches(other, ONE)
    small.renew_cables()
    assert reaches(one, OTHER, count=5)


def test_a_long_cable_delays_each_way_and_breaks_nothing(small: Network) -> None:
    one, far = small.add("one", ONE), small.add("far", FAR, delay_s=DELAY_S)
    content = bytes(range(256)) * 4096
    listening = [*far.enter, sys.executable, "-c", RECEIVE, FAR]
    with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "listening\n"
        began = time.monotonic()
        sending = [*one.enter, sys.executable, "-c", SEND, FAR]
        subprocess.run(sending, input=content, check=True)
        assert receiver.stdout.read() == f"{sha256(content).hexdigest()}\n"
    assert time.monotonic() - began >= 2 * DELAY_S


def test_nothing_is_made_outside_and_nothing_remains() -> None:
    require_namespaces()
    before = interfaces()
    with network() as made:
        host = made.add("one", ONE, delay_s=DELAY_S)
        held = [Path(f"/proc/{each.holder}/ns/net") for each in (host, made.switch)]
        assert all(path.exists() for path in held)
        assert interfaces() == before
    assert not any(path.exists() for path in held)
    assert interfaces() == before
