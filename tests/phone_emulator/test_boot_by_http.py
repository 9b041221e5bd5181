"""A phone that fetches over HTTP: alone, with TFTP behind it, cut in mid-file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import DEVICE, Authority, Lab
from tests.rigs.live import AuthorityFiles, live_node
from tests.rigs.tvs_rig import own_certificate
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.phone import HTTP_PORT, Network, Phone, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings

MIXED = Lab(mixed=True)


@asynccontextmanager
async def over_http(authority: Authority, folder: Path) -> AsyncIterator[int]:
    """Serve an authority's files; yield the port."""
    settings = HttpSettings(
        (own_certificate(folder),), "127.0.47.155", port=0, tls_port=0
    )
    server = HttpServer(AuthorityFiles(authority), settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server.addresses["http"][1]
        nursery.cancel_scope.cancel()


async def boot(folder: Path, tftp: Server, http_port: int | None) -> BootReport:
    identity = PhoneIdentity(device=DEVICE, model_name="7975", servers=(tftp,))
    phone = Phone(identity, FolderFlash.create(folder / "flash", DEVICE, "7975"))
    async with open_network(http_port=http_port) as network:
        return await phone.boot(network)


async def test_a_phone_boots_over_http_alone(tmp_path: Path) -> None:
    authority = MIXED.authority()
    async with over_http(authority, tmp_path) as port:
        nobody = Server("127.0.47.155", 9)  # no TFTP is there
        report = await boot(tmp_path, nobody, port)
    assert report.outcome == "ok"
    assert f"{DEVICE}.cnf.xml.sgn(HTTP)" in report.status_messages


async def test_a_phone_boots_over_tftp_alone(tmp_path: Path) -> None:
    async with live_node(MIXED.authority(), tmp_path) as node:
        report = await boot(tmp_path, node.tftp, http_port=9)
    assert report.outcome == "ok"
    assert not any("(HTTP)" in each for each in report.status_messages)


async def test_a_phone_falls_back_when_http_dies_in_mid_file(tmp_path: Path) -> None:
    cut = 0

    async def cut_short(stream: trio.SocketStream) -> None:
        nonlocal cut
        async with stream:
            await stream.receive_some(10_000)
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\nContent-length: 5000\r\n\r\nhalf"
            )
            cut += 1

    async with (
        live_node(MIXED.authority(), tmp_path) as node,
        trio.open_nursery() as nursery,
    ):
        (listener,) = await trio.open_tcp_listeners(0, host=node.tftp.address)
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, cut_short, [listener])
        report = await boot(tmp_path, node.tftp, port)
        nursery.cancel_scope.cancel()
    assert report.outcome == "ok"
    assert cut > 0


@pytest.mark.parametrize(
    ("given", "finds", "tftp_port", "port"),
    [
        (None, True, 69, HTTP_PORT),
        (None, True, 6969, HTTP_PORT),
        (None, True, 40_000, None),
        (None, False, 69, None),
        (8080, True, 69, 8080),
        (8080, False, 40_000, 8080),
    ],
)
async def test_where_phones_look_for_http(
    given: int | None, finds: bool, tftp_port: int, port: int | None
) -> None:
    async with open_network(http_port=given, finds_http=finds) as network:
        assert isinstance(network, Network)
        assert network.http_port_of(Server("127.0.47.155", tftp_port)) == port
