"""Servers that take other settings while they serve."""

import contextlib
import dataclasses
from ipaddress import ip_network
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from tests.rigs.tvs_rig import PUBLISHER, Rig, phone, query_for, running
from tests.rigs.tvs_rig import settings_for as tvs_settings_for
from tokenless.protocol.tftp.options import OptionLimits
from tokenless.services.stream_server.settings import StreamLimits
from tokenless.services.tftp.counters import Count
from tokenless.services.tftp.files.source import MemoryFiles
from tokenless.services.tftp.server import TftpServer
from tokenless.services.tftp.settings import Ports, TftpSettings

REQUEST = b"\0\1a\0octet\0blksize\x001428\0"


async def _begin(client: trio.socket.SocketType, where: tuple[str, int]) -> bytes:
    """Ask for a file with large blocks, again if need be; return the first answer."""
    while True:
        await client.sendto(REQUEST, where)
        with trio.move_on_after(1):
            data, _ = await client.recvfrom(2000)
            return data


async def test_tftp_agrees_to_other_options(nursery: trio.Nursery) -> None:
    settings = TftpSettings()
    server = TftpServer(
        MemoryFiles({"a": b"x" * 3000}), address="127.0.0.1", port=0, settings=settings
    )
    where = await nursery.start(server.serve)
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
        assert b"1428" in await _begin(client, where)
    small = replace(settings, options=OptionLimits(600, 1), ports=Ports.SINGLE)
    server.change_settings(small)
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
        answer = await _begin(client, where)
    assert answer == b"\0\6blksize\x00600\0"


async def test_tftp_serves_other_networks(nursery: trio.Nursery) -> None:
    settings = TftpSettings()
    server = TftpServer(MemoryFiles({"a": b"x"}), address="127.0.0.1", port=0)
    where = await nursery.start(server.serve)
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
        await _begin(client, where)
        server.change_settings(replace(settings, allow=(ip_network("192.0.2.0/24"),)))
        while not server.counters[Count.NOT_ALLOWED]:
            await client.sendto(REQUEST, where)
            await trio.lowlevel.checkpoint()
        server.change_settings(replace(settings, allow=(ip_network("127.0.0.0/8"),)))
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as client:
        assert await _begin(client, where)


async def _one_of_a_crowd_is_sent_away(rig: Rig) -> None:
    """Connect more often than one address may; return when a connection ends."""
    async with trio.open_nursery() as nursery:

        async def wait_for_end() -> None:
            async with await trio.open_tcp_stream(*rig.address) as stream:
                with contextlib.suppress(trio.BrokenResourceError):
                    await stream.receive_some()
            nursery.cancel_scope.cancel()

        for _ in range(4):
            nursery.start_soon(wait_for_end)


@pytest.mark.parametrize("workers", [1, 2])
async def test_tvs_keeps_connections_and_takes_limits(
    tmp_path: Path, workers: int
) -> None:
    settings = tvs_settings_for(
        tmp_path, workers=workers, limits=StreamLimits(first_byte_s=1, idle_s=30)
    )
    limits = StreamLimits(connections_per_address=1, first_byte_s=1, idle_s=30)
    async with running(settings) as rig, phone(rig.address) as old:
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        rig.server.reload(dataclasses.replace(settings, limits=limits))
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        while not {"made-room", "too-many-from-address"} & rig.refusals.keys():
            await _one_of_a_crowd_is_sent_away(rig)


async def test_the_same_certificate_keeps_tls_sessions(tmp_path: Path) -> None:
    settings = tvs_settings_for(tmp_path)
    async with running(settings) as rig:
        before = rig.server._server._contexts
        rig.server.reload(dataclasses.replace(settings, limits=StreamLimits(idle_s=30)))
        assert rig.server._server._contexts is before
