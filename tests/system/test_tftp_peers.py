"""Independent clients against our server: curl, tftp-hpa, atftp, busybox, tftpy.

Some of them end with status 0 after an error, so the files are compared.
"""

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.rigs.peers import require
from tests.rigs.tftp_rig import keeping
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings

_RANDOM = random.Random(7)
TEXT = b"".join(b"line %d of the dial plan\n" % n for n in range(500))
FILES = {
    "CTLSEP001122334455.tlv": _RANDOM.randbytes(4947),
    "one-block": _RANDOM.randbytes(512),
    "empty": b"",
    "byte": b"x",
    "firmware": _RANDOM.randbytes(1 << 20),
    "dialplan.txt": TEXT,
}
Command = Callable[[str, int, str, Path], Sequence[str]]


@dataclass(frozen=True)
class Peer:
    """One way of calling one client."""

    name: str
    program: str
    command: Command
    serves_empty: bool = True
    is_netascii: bool = False


def _curl(*options: str) -> Command:
    return lambda host, port, name, out: [
        *("curl", "-sS", "-m", "60", *options, "-o", str(out)),
        f"tftp://{host}:{port}/{name}",
    ]


def _tftp_hpa(mode: str) -> Command:
    return lambda host, port, name, out: [
        *("tftp", "-m", mode, host, str(port), "-c", "get", name, str(out))
    ]


def _atftp(*options: str) -> Command:
    words = [word for option in options for word in ("--option", option)]
    return lambda host, port, name, out: [
        *("atftp", *words, "-g", "-r", name, "-l", str(out), host, str(port))
    ]


def _busybox(*options: str) -> Command:
    return lambda host, port, name, out: [
        *("busybox", "tftp", *options, "-g", "-r", name, "-l", str(out)),
        *(host, str(port)),
    ]


_TFTPY = """
import sys, tftpy
host, port, name, out, size = sys.argv[1:]
options = {"blksize": int(size), "tsize": 0} if int(size) else {}
tftpy.TftpClient(host, int(port), options).download(name, out)
"""


def _tftpy(block_size: int) -> Command:
    return lambda host, port, name, out: [
        *(sys.executable, "-c", _TFTPY, host, str(port), name, str(out)),
        str(block_size),
    ]


PEERS = [
    Peer("curl", "curl", _curl(), serves_empty=False),
    Peer("curl-plain", "curl", _curl("--tftp-no-options")),
    Peer("curl-8", "curl", _curl("--tftp-blksize", "8"), serves_empty=False),
    Peer("curl-1428", "curl", _curl("--tftp-blksize", "1428"), serves_empty=False),
    Peer("curl-65464", "curl", _curl("--tftp-blksize", "65464"), serves_empty=False),
    Peer("tftp-hpa", "tftp", _tftp_hpa("binary")),
    Peer("tftp-hpa-netascii", "tftp", _tftp_hpa("netascii"), is_netascii=True),
    Peer("atftp", "atftp", _atftp()),
    Peer("atftp-1428", "atftp", _atftp("blksize 1428", "tsize 0")),
    Peer("atftp-timeout", "atftp", _atftp("timeout 2", "blksize 600")),
    Peer("atftp-window", "atftp", _atftp("blksize 1428", "windowsize 4")),
    Peer("atftp-window-16", "atftp", _atftp("windowsize 16")),
    Peer("busybox", "busybox", _busybox()),
    Peer("busybox-1428", "busybox", _busybox("-b", "1428")),
    Peer("tftpy", sys.executable, _tftpy(0)),
    Peer("tftpy-1428", sys.executable, _tftpy(1428)),
]


def is_worth_fetching(peer: Peer, name: str) -> bool:
    """Whether a client and a file go together."""
    if name == "empty" and not peer.serves_empty:
        return False  # curl with options refuses empty files by itself (status 71)
    if name == "firmware" and peer.name == "curl-8":
        return False  # 131,072 blocks of 8 bytes say nothing new
    return name == "dialplan.txt" or not peer.is_netascii


CASES = [
    pytest.param(peer, name, id=f"{peer.name}-{name}")
    for peer in PEERS
    for name in FILES
    if is_worth_fetching(peer, name)
]


@pytest.fixture(params=list(Ports), ids=str)
async def server(
    request: pytest.FixtureRequest, nursery: trio.Nursery
) -> tuple[str, int]:
    settings = TftpSettings(ports=request.param)
    tftp = TftpServer(
        MemoryFiles(FILES),
        address="127.0.0.1",
        port=0,
        settings=settings,
        logger=keeping([]),
    )
    where: tuple[str, int] = await nursery.start(tftp.serve)
    return where


async def run(command: Sequence[str], folder: Path) -> int:
    """Run a client where its stray files hurt nobody; return its status."""
    with trio.fail_after(90):
        done = await trio.run_process(
            command,
            cwd=folder,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return done.returncode


@pytest.mark.parametrize(("peer", "name"), CASES)
async def test_a_peer_fetches_a_file(
    server: tuple[str, int], peer: Peer, name: str, tmp_path: Path
) -> None:
    require(peer.program)
    expected = FILES[name]
    out = tmp_path / "out"
    await run(peer.command(*server, name, out), tmp_path)
    got = out.read_bytes()
    assert len(got) == len(expected)
    assert hashlib.sha256(got).digest() == hashlib.sha256(expected).digest()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
async def test_a_peer_is_told_that_there_is_no_file(
    server: tuple[str, int], peer: Peer, tmp_path: Path
) -> None:
    require(peer.program)
    out = tmp_path / "out"
    status = await run(peer.command(*server, "absent", out), tmp_path)
    assert not out.exists() or out.read_bytes() == b""
    assert status != 0 or peer.program == "tftp"


ROLLING = [Peer("curl", "curl", _curl("--tftp-no-options"))]
ROLLING += [peer for peer in PEERS if peer.name in {"tftp-hpa", "busybox"}]


@pytest.mark.parametrize("peer", ROLLING, ids=lambda peer: peer.name)
async def test_block_numbers_roll_over(
    peer: Peer, nursery: trio.Nursery, tmp_path: Path
) -> None:
    """A firmware image of more than 32 MB in blocks of 512 bytes."""
    require(peer.program)
    content = random.Random(8).randbytes(512 * 65_600 + 3)
    source = MemoryFiles({"image": content})
    tftp = TftpServer(source, address="127.0.0.1", port=0, logger=keeping([]))
    address, port = await nursery.start(tftp.serve)
    out = tmp_path / "out"
    await run(peer.command(address, port, "image", out), tmp_path)
    assert out.read_bytes() == content


async def test_curl_tells_not_found_from_everything_else(
    server: tuple[str, int], tmp_path: Path
) -> None:
    require("curl")
    command = _curl()(*server, "absent", tmp_path / "out")
    assert await run(command, tmp_path) == 68
    upload = ["curl", "-sS", "-m", "20", "-T", __file__]
    assert await run([*upload, f"tftp://{server[0]}:{server[1]}/x"], tmp_path) == 69
