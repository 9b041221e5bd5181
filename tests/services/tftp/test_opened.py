"""Files that are read while they are sent: blocks, disks that are slow, changes."""

import errno
import gc
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rigs.tftp_rig import Client, Rig, rig
from tokenless.protocol.tftp.endings import TransferOutcome
from tokenless.protocol.tftp.netascii import cut_netascii, to_netascii
from tokenless.protocol.tftp.packets import encode_ack, encode_data
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.static_files import StaticFiles

TEXT = b"".join(b"line %d\r of a ring list\r\n\n" % n for n in range(5000))
BINARY = bytes(range(256)) * 4000


@pytest.fixture
def folder(on_disk: Path) -> Path:
    (on_disk / "load").write_bytes(BINARY)
    (on_disk / "text").write_bytes(TEXT)
    (on_disk / "empty").write_bytes(b"")
    return on_disk


def fetch(
    server: Rig, client: Client, name: str, *options: str, mode: str = "octet"
) -> bytes:
    """Fetch a file with options; the thread that reads may take its time."""
    client.ask(name, *options, mode=mode)
    block_size, window, content, held = 512, 1, b"", 0
    while True:
        server.turn()
        for data, source in client.received():
            if data[:2] == b"\0\5":
                return data
            if data[:2] == b"\0\6":
                words = data[2:].split(b"\0")
                agreed = dict(zip(words[::2], words[1::2], strict=False))
                block_size = int(agreed.get(b"blksize", b"512"))
                window = int(agreed.get(b"windowsize", b"1"))
                client.send(encode_ack(0), source)
                continue
            assert data[:4] == encode_data(held + 1, b"")
            content, held = content + data[4:], held + 1
            is_last = len(data) < block_size + 4
            if is_last or held % window == 0:
                client.send(encode_ack(held), source)
            if is_last:
                server.turn()
                return content
        time.sleep(0.0005)


OPTIONS: Sequence[Sequence[str]] = [
    (),
    ("blksize", "1428"),
    ("blksize", "65464"),
    ("blksize", "1428", "windowsize", "16"),
    ("blksize", "9", "windowsize", "5"),
]


@pytest.mark.parametrize("options", OPTIONS[:4])
@pytest.mark.parametrize("name", ["load", "text", "empty"])
def test_a_file_is_sent_as_it_lies(
    folder: Path, name: str, options: Sequence[str]
) -> None:
    with rig(source=StaticFiles(folder)) as server:
        got = fetch(server, server.client(), name, *options)
        assert got == (folder / name).read_bytes()
        assert server.counters.ended(TransferOutcome.COMPLETE) == 1
        assert server.counters[Count.BYTES] == len(got)


@pytest.mark.parametrize("options", OPTIONS)
def test_text_is_converted_on_the_way(folder: Path, options: Sequence[str]) -> None:
    (folder / "text").write_bytes(TEXT[:3000])
    with rig(source=StaticFiles(folder)) as server:
        got = fetch(server, server.client(), "text", *options, mode="netascii")
        assert got == to_netascii(TEXT[:3000])
        assert server.counters[Count.BYTES] == len(got)


def test_the_size_of_text_on_the_wire_is_not_claimed(folder: Path) -> None:
    with rig(source=StaticFiles(folder)) as server:
        asked = ("text", "tsize", "0", "blksize", "600")
        octets, _ = server.ask(server.client(), *asked)
        text, _ = server.ask(server.client(), *asked, mode="netascii")
        assert octets == b"\0\6blksize\x00600\0tsize\0%d\0" % len(TEXT)
        assert text == b"\0\6blksize\x00600\0"


@given(
    content=st.text("a\r\n", max_size=200).map(str.encode),
    length=st.integers(8, 40),
)
def test_blocks_of_text_join_to_the_whole(content: bytes, length: int) -> None:
    blocks: list[bytes] = []
    position, carry = 0, b""
    while not blocks or len(blocks[-1]) == length:
        block = cut_netascii(content[position : position + length], carry, length)
        blocks.append(block.payload)
        position, carry = position + block.consumed, block.carry
    assert b"".join(blocks) == to_netascii(content)
    assert (position, carry) == (len(content), b"")


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EOPNOTSUPP])
@pytest.mark.parametrize("options", [*OPTIONS[:4]])
@pytest.mark.parametrize("mode", ["octet", "netascii"])
def test_blocks_that_a_disk_has_are_read_by_a_thread(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    options: Sequence[str],
    mode: str,
) -> None:
    """Nothing is in the page cache, or the file system cannot tell."""

    def preadv(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "preadv", preadv)
    with rig(source=StaticFiles(folder)) as server:
        client, others = server.client(), server.client()
        got = fetch(server, client, "text", *options, mode=mode)
        assert got == (to_netascii(TEXT) if mode == "netascii" else TEXT)
        assert fetch(server, others, "empty") == b""
        assert server.counters.ended(TransferOutcome.COMPLETE) == 2


def test_a_lost_block_of_a_window_is_read_again(folder: Path) -> None:
    with rig(source=StaticFiles(folder)) as server:
        client = server.client()
        asked = ("text", "blksize", "512", "windowsize", "4")
        _, source = server.ask(client, *asked, mode="netascii")
        client.send(encode_ack(0), source)
        server.turn()
        first = [data for data, _ in client.received()]
        client.send(encode_ack(1), source)  # blocks 2 to 4 were lost
        server.turn()
        again = [data for data, _ in client.received()]
        assert again[:3] == first[1:]
        assert again[3][:4] == b"\0\3\0\5"
        server.wait(0.4)
        assert [data for data, _ in client.received()] == again


@pytest.mark.parametrize("change", ["rewritten", "truncated", "emptied"])
@pytest.mark.parametrize("mode", ["octet", "netascii"])
def test_a_file_that_changes_meanwhile_ends_in_an_error(
    folder: Path, change: str, mode: str
) -> None:
    path = folder / "text"
    with rig(source=StaticFiles(folder)) as server:
        client = server.client()
        _, source = server.ask(client, "text", mode=mode)
        with path.open("r+b") as file:
            match change:
                case "rewritten":
                    file.write(b"other")
                case "truncated":
                    file.truncate(3000)
                case _:
                    file.truncate(0)
        os.utime(path, ns=(1, 1))
        block, answer = 1, b""
        while answer[:2] != b"\0\5":
            client.send(encode_ack(block), source)
            block += 1
            server.turn()
            for data, _ in client.received():
                answer = data
            time.sleep(0.0005)
        assert answer == b"\0\5\0\0The file was changed meanwhile\0"
        assert server.counters.ended(TransferOutcome.FILE_ERROR) == 1
        assert server.log[-1]["outcome"] == "file-error"
        assert server.engine.under_way == 0


def test_a_replaced_file_is_sent_to_its_end_as_it_was(folder: Path) -> None:
    with rig(source=StaticFiles(folder)) as server:
        client = server.client()
        content, source = server.ask(client, "text")
        newer = folder / "newer"
        newer.write_bytes(b"newer")
        newer.replace(folder / "text")
        got = content[4:]
        while True:
            client.send(b"\0\4" + content[2:4], source)
            server.turn()
            answers = client.received()
            if not answers:
                break
            content = answers[0][0]
            got += content[4:]
        assert got == TEXT
        assert fetch(server, client, "text") == b"newer"


def test_a_disk_that_fails_ends_one_transfer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with rig(source=StaticFiles(folder)) as server:
        monkeypatch.setattr(os, "preadv", fail)
        answer = fetch(server, server.client(), "load")
        assert answer.startswith(b"\0\5\0\0The file cannot be read: ")
        monkeypatch.undo()
        assert fetch(server, server.client(), "load") == BINARY


def test_forty_transfers_hold_what_is_in_flight_and_one_descriptor(
    folder: Path,
) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with (folder / "firmware").open("wb") as file:
        file.truncate(81_396_056)
    with rig(source=StaticFiles(folder)) as server:
        clients = [server.client() for _ in range(40)]
        gc.collect()
        before = open_files()
        for number, client in enumerate(clients):
            mode = "netascii" if number % 2 else "octet"
            options = ("blksize", "65464", "windowsize", "64")
            client.ask("firmware", *options, mode=mode)
        server.turn()
        assert open_files() == before + 2 * 40 + 1
        sources = [client.one()[1] for client in clients]
        for client, source in zip(clients, sources, strict=True):
            client.send(encode_ack(0), source)
            server.turn()
            window = client.received()
            assert sum(len(data) for data, _ in window) <= (128 << 10) + 4 * 64
        assert server.engine.under_way == 40
