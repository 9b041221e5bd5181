"""Downloads over real sockets, from servers of every kind."""

import gc
import os
import resource
import signal
import socket
import struct
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio

from tokenless.phone_emulator import tftp_client
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.phone import open_network
from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.errors import ProtocolError
from tokenless.protocol.tftp.download import (
    DownloadOptions,
    SilentServerError,
    TooLargeError,
)
from tokenless.protocol.tftp.packets import TftpError
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer

FAST = DownloadOptions(timeout_s=0.05, retransmits=2)
Answer = Callable[[trio.socket.SocketType, bytes, tuple[str, int]], Awaitable[None]]


def block(number: int, payload: bytes) -> bytes:
    return struct.pack(">HH", 3, number) + payload


@asynccontextmanager
async def server_that(answers: Answer) -> AsyncIterator[Server]:
    """Run a server of the test's own making."""
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        await datagrams.bind(("127.0.0.1", 0))

        async def serve() -> None:
            while True:
                data, source = await datagrams.recvfrom(2048)
                await answers(datagrams, data, source)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield Server(*datagrams.getsockname())
            nursery.cancel_scope.cancel()


async def test_many_downloads_at_once() -> None:
    files = {f"f{n}": bytes([n]) * (n * 97) for n in range(200)}
    tftp = TftpServer(MemoryFiles(files), address="127.0.0.1", port=0)
    got: dict[str, bytes] = {}
    async with trio.open_nursery() as nursery, open_network(max_sockets=64) as network:
        where = Server(*await nursery.start(tftp.serve))

        async def fetch(name: str) -> None:
            got[name] = await network.tftp.fetch(where, name)

        async with trio.open_nursery() as fetchers:
            for name in files:
                fetchers.start_soon(fetch, name)
        nursery.cancel_scope.cancel()
    assert got == files


async def test_a_missing_file() -> None:
    tftp = TftpServer(MemoryFiles({}), address="127.0.0.1", port=0)
    async with trio.open_nursery() as nursery, open_network() as network:
        where = Server(*await nursery.start(tftp.serve))
        with pytest.raises(TftpError, match="not found"):
            await network.tftp.fetch(where, "nothing")
        nursery.cancel_scope.cancel()


async def test_a_silent_server() -> None:
    async def silence(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    async with (
        server_that(silence) as where,
        open_network(download_options=FAST) as network,
    ):
        with pytest.raises(SilentServerError, match="does not answer"):
            await network.tftp.fetch(where, "x")


async def test_a_server_that_falls_silent() -> None:
    async def one_block(
        datagrams: trio.socket.SocketType, data: bytes, source: tuple[str, int]
    ) -> None:
        if data[1] == 1:
            await datagrams.sendto(block(1, bytes(512)), source)

    async with (
        server_that(one_block) as where,
        open_network(download_options=FAST) as network,
    ):
        with pytest.raises(SilentServerError, match="fell silent"):
            await network.tftp.fetch(where, "x")


async def test_a_server_that_sends_for_ever() -> None:
    async def endless(
        datagrams: trio.socket.SocketType, data: bytes, source: tuple[str, int]
    ) -> None:
        number = 1 if data[1] == 1 else struct.unpack(">H", data[2:4])[0] + 1
        await datagrams.sendto(block(number & 0xFFFF, bytes(512)), source)

    download_options = DownloadOptions(timeout_s=1, max_bytes=64 * 1024)
    async with (
        server_that(endless) as where,
        open_network(download_options=download_options) as network,
    ):
        with pytest.raises(TooLargeError):
            await network.tftp.fetch(where, "x")


async def test_two_megabytes_are_the_limit() -> None:
    files = {"fits": bytes(2048 * 1024), "too-large": bytes(2048 * 1024 + 1)}
    tftp = TftpServer(MemoryFiles(files), address="127.0.0.1", port=0)
    async with trio.open_nursery() as nursery, open_network() as network:
        where = Server(*await nursery.start(tftp.serve))
        assert await network.tftp.fetch(where, "fits") == files["fits"]
        with pytest.raises(TooLargeError):
            await network.tftp.fetch(where, "too-large")
        nursery.cancel_scope.cancel()


async def test_answers_from_another_port_or_address_are_ignored() -> None:
    """An attacker who guesses the phone's port; the server's own answer is late."""
    genuine, forged = b"genuine", b"forged!"

    async def raced(
        datagrams: trio.socket.SocketType, data: bytes, source: tuple[str, int]
    ) -> None:
        if data[1] != 1:
            return
        await datagrams.sendto(block(1, b"x" * 512), source)
        for address in ("127.0.0.1", "127.0.0.2"):
            with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
                await attacker.bind((address, 0))
                await attacker.sendto(block(2, forged), source)
        await datagrams.sendto(block(2, genuine), source)

    async with server_that(raced) as where, open_network() as network:
        data = await network.tftp.fetch(where, "x")
    assert data == b"x" * 512 + genuine


async def test_a_first_answer_from_another_address_is_ignored() -> None:
    async def from_elsewhere(
        datagrams: trio.socket.SocketType, data: bytes, source: tuple[str, int]
    ) -> None:
        if data[1] != 1:
            return
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
            await attacker.bind(("127.0.0.2", 0))
            await attacker.sendto(block(1, b"forged"), source)
        await datagrams.sendto(block(1, b"genuine"), source)

    async with server_that(from_elsewhere) as where, open_network() as network:
        assert await network.tftp.fetch(where, "x") == b"genuine"


@pytest.mark.parametrize(
    "nonsense", [b"", b"\x00", b"\x00\x03", b"\x00\x09ab", b"\xff" * 600]
)
async def test_nonsense_is_silence(nonsense: bytes) -> None:
    async def babble(
        datagrams: trio.socket.SocketType, _data: bytes, source: tuple[str, int]
    ) -> None:
        await datagrams.sendto(nonsense, source)

    async with (
        server_that(babble) as where,
        open_network(download_options=FAST) as network,
    ):
        with pytest.raises(ProtocolError):
            await network.tftp.fetch(where, "x")


async def test_a_cancelled_download_leaves_nothing_behind() -> None:
    async def silence(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    async with server_that(silence) as where, open_network() as network:
        for _ in range(3):
            with trio.move_on_after(0.01):
                await network.tftp.fetch(where, "x")
        assert network.tftp._transfers == {}


async def test_five_percent_of_the_packets_lost() -> None:
    files = {"list": bytes(range(256)) * 24}
    tftp = TftpServer(MemoryFiles(files), address="127.0.0.1", port=0)
    download_options = DownloadOptions(timeout_s=0.2, retransmits=20)
    async with (
        trio.open_nursery() as nursery,
        open_network(download_options=download_options, loss=0.05, seed=7) as network,
    ):
        server = Server(*await nursery.start(tftp.serve))

        async def fetch() -> None:
            assert await network.tftp.fetch(server, "list") == files["list"]

        async with trio.open_nursery() as fetchers:
            for _ in range(50):
                fetchers.start_soon(fetch)
        assert network.tftp.retransmits > 0
        nursery.cancel_scope.cancel()


async def test_datagrams_that_cannot_leave_count_as_lost() -> None:
    """Nobody may send to this address unasked: the system refuses every datagram."""
    async with open_network(download_options=FAST) as network:
        with pytest.raises(SilentServerError, match="does not answer"):
            await network.tftp.fetch(Server("255.255.255.255", 69), "x")
        assert network.tftp._transfers == {}


@contextmanager
def nothing_left_open() -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(each.message) for each in caught] == []


def test_an_interrupt_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = tftp_client._Transfer

    def interrupted(*parts: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return transfer(*parts)  # type: ignore[arg-type]

    async def fetch() -> None:
        async with open_network() as network:
            await network.tftp.fetch(Server("127.0.0.1", 9), "CTLFile.tlv")

    monkeypatch.setattr(tftp_client, "_Transfer", interrupted)
    with nothing_left_open():
        with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)) as ended:
            trio.run(fetch)
        del ended


async def test_a_name_that_cannot_be_asked_for_leaves_no_socket_open() -> None:
    with nothing_left_open():
        async with open_network() as network:
            with pytest.raises(ValueError, match="cannot be asked for by TFTP") as no:
                await network.tftp.fetch(Server("127.0.0.1", 9), "SEPé.cnf.xml")
            del no


async def test_no_more_sockets_is_said_with_what_to_do() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with open_network() as network:
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with pytest.raises(PhoneError, match="Too many open files") as refused:
                await network.tftp.fetch(Server("127.0.0.1", 9), "CTLFile.tlv")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit -n" in str(refused.value.hint)
