"""A phone that fetches over HTTP: alone, with TFTP behind it, cut in mid-file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import trio

from tests.rigs.cluster import DEVICE, Authority, Lab
from tests.rigs.live import AuthorityFiles, live_node
from tests.rigs.tvs_rig import own_certificate
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.fleet.fleet import Fleet, FleetSettings
from tokenless.phone_emulator.fleet.store import FleetStore
from tokenless.phone_emulator.http_client import HttpClient, NotByHttpError
from tokenless.phone_emulator.phone import HTTP_PORT, Phone, http_at, open_network
from tokenless.phone_emulator.secd.events import PhoneIdentity, Server
from tokenless.phone_emulator.secd.report import BootReport
from tokenless.services.http.counters import HttpCount
from tokenless.services.http.server import HttpServer
from tokenless.services.http.settings import HttpSettings
from tokenless.services.stream_server.counters import FIRST_GUEST_CELL, StreamCount

MIXED = Lab(mixed=True)


@asynccontextmanager
async def serving_http(authority: Authority, folder: Path) -> AsyncIterator[HttpServer]:
    """Serve an authority's files."""
    settings = HttpSettings(
        (own_certificate(folder),), "127.0.47.155", port=0, tls_port=0
    )
    server = HttpServer(AuthorityFiles(authority), settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()


async def boot(folder: Path, tftp: Server, http_port: int) -> BootReport:
    identity = PhoneIdentity(device=DEVICE, model_name="7975", servers=(tftp,))
    phone = Phone(identity, FolderFlash.create(folder / "flash", DEVICE, "7975"))
    async with open_network(http_port=http_at(http_port)) as network:
        return await phone.boot(network)


async def test_a_phone_boots_over_http_alone(tmp_path: Path) -> None:
    authority = MIXED.authority()
    async with serving_http(authority, tmp_path) as server:
        nobody = Server("127.0.47.155", 9)  # no TFTP is there
        report = await boot(tmp_path, nobody, server.addresses["http"][1])
    assert report.outcome == "ok"
    assert f"{DEVICE}.cnf.xml.sgn(HTTP)" in report.status_messages


async def test_all_files_of_a_node_come_over_one_connection(tmp_path: Path) -> None:
    async with serving_http(MIXED.authority(), tmp_path) as server:
        port = server.addresses["http"][1]
        nobody = Server("127.0.47.155", 9)
        report = await boot(tmp_path, nobody, port)
        assert report.outcome == "ok"
        assert server.counters[FIRST_GUEST_CELL + HttpCount.FILES] == len(report.files)
        assert server.counters[StreamCount.CONNECTIONS_ACCEPTED] == 1


async def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    answers = [b"HTTP/1.1 404 No\r\nContent-length: 2\r\n\r\nno"]
    answers += [
        b"HTTP/1.1 200 OK\r\nContent-length: 1\r\n\r\n" + x for x in (b"1", b"2")
    ]
    connections = 0

    async def answer_two(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            for _ in range(2):
                if not await stream.receive_some(10_000):
                    return
                await stream.send_all(answers.pop(0))

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        where = Server("127.0.0.1", listener.socket.getsockname()[1])
        nursery.start_soon(trio.serve_listeners, answer_two, [listener])
        async with HttpClient(timeout_s=5) as client:
            with pytest.raises(NotByHttpError, match="404"):
                await client.fetch(where, "a", max_bytes=9)
            assert await client.fetch(where, "b", max_bytes=9) == b"1"
            assert await client.fetch(where, "c", max_bytes=9) == b"2"
        nursery.cancel_scope.cancel()
    assert connections == 2


async def test_a_node_that_does_not_answer_is_not_asked_again() -> None:
    asked = 0

    async def say_nothing(stream: trio.SocketStream) -> None:
        nonlocal asked
        asked += 1
        await stream.receive_some(10_000)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        where = Server("127.0.0.1", listener.socket.getsockname()[1])
        nursery.start_soon(trio.serve_listeners, say_nothing, [listener])
        async with HttpClient(timeout_s=0.5) as client:
            for _ in range(3):
                with pytest.raises(NotByHttpError, match="no answer within"):
                    await client.fetch(where, "a", max_bytes=9)
        nursery.cancel_scope.cancel()
    assert asked == 1


SERVED = b"HTTP/1.1 200 OK\r\nContent-Length: "
NOT_WHOLE = {
    "no answer within 0.5 s": b"",
    "the answer is not valid HTTP": b"\x1b]0;not HTTP\r\n\r\n",
    "the answer is not valid HTTP: peer closed": SERVED + b"1000\r\n\r\ncut",
    "the file is too large": SERVED + b"9" * 9 + b"\r\n\r\n",
    "the answer has no Content-Length": b"HTTP/1.1 200 OK\r\n\r\n",
    "the answer is not sent as it is": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    ),
}


@pytest.mark.parametrize("why", NOT_WHOLE)
async def test_a_phone_says_why_it_went_on_to_tftp(tmp_path: Path, why: str) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(10_000)
            if NOT_WHOLE[why]:
                await stream.send_all(NOT_WHOLE[why])
            else:
                await trio.sleep_forever()

    async with (
        live_node(MIXED.authority(), tmp_path) as node,
        trio.open_nursery() as nursery,
    ):
        (listener,) = await trio.open_tcp_listeners(0, host=node.tftp.address)
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        identity = PhoneIdentity(device=DEVICE, model_name="7975", servers=(node.tftp,))
        phone = Phone(identity, FolderFlash.create(tmp_path / "ph", DEVICE, "7975"))
        async with open_network(http_port=http_at(port), tvs_timeout_s=0.5) as network:
            report = await phone.boot(network)
        nursery.cancel_scope.cancel()
    assert report.outcome == "ok"
    ((where, said),) = report.to_json()["http"].items()
    assert where == f"{node.tftp.address}:{port}"
    assert said.startswith(why)


async def test_a_fleet_fetches_as_its_models_do(tmp_path: Path) -> None:
    authority = MIXED.authority()
    async with (
        live_node(authority, tmp_path) as node,
        serving_http(authority, tmp_path) as server,
    ):
        phones = [
            PhoneIdentity(
                device=f"SEP00112200000{n}", model_name=model, servers=(node.tftp,)
            )
            for n, model in enumerate(("8861", "7975", "7960"))
        ]
        with closing(FleetStore.open(tmp_path / "fleet.db")) as store:
            port = http_at(server.addresses["http"][1])
            fleet = Fleet(phones, store, FleetSettings(http_port=port))
            report = await fleet.boot()
        assert report.outcomes["ok"] == len(phones)
        assert server.counters[StreamCount.CONNECTIONS_ACCEPTED] == 2
        assert server.counters[FIRST_GUEST_CELL + HttpCount.FILES] == 6


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
    ("given", "tftp_port", "port"),
    [
        (None, 69, HTTP_PORT),
        (None, 6969, HTTP_PORT),
        (None, 40_000, None),
        (8080, 69, 8080),
        (8080, 40_000, 8080),
    ],
)
def test_where_phones_look_for_http(
    given: int | None, tftp_port: int, port: int | None
) -> None:
    assert http_at(given)(Server("127.0.47.155", tftp_port)) == port
