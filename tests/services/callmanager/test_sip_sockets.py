"""SIP phones at real sockets: TCP and UDP."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
import structlog
import trio

from tests.rigs.sip_desk import PHONE, office_of, register
from tests.rigs.waiting import until
from tokenless.protocol.sccp.answers import ResetType
from tokenless.protocol.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    answer_to,
    decode_message,
)
from tokenless.protocol.sip.sdp import AudioStream
from tokenless.protocol.sip.stream import SipStream
from tokenless.services.callmanager.sip.datagrams import SipDatagrams
from tokenless.services.callmanager.sip.guest import SipGuest
from tokenless.services.callmanager.sip.stations import SipCallControl, SipCount
from tokenless.services.stream_server.counters import REFUSAL_CELLS, Refusal
from tokenless.services.stream_server.guest import GuestTools
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import Port, StreamLimits, StreamSettings

NARROW = StreamLimits(connections=5, idle_s=3600)


@asynccontextmanager
async def running(
    limits: StreamLimits = StreamLimits(),  # noqa: B008
) -> AsyncIterator[tuple[SipCallControl, tuple[str, int], StreamServer]]:
    office = office_of()

    def make_guest(tools: GuestTools) -> SipGuest:
        return SipGuest(office, tools, clock=time.monotonic)

    server = StreamServer(
        StreamSettings("SIP", (Port("127.0.0.1", 0, None),), limits),
        make_guest,
        guest_cells=len(SipCount),
    )
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(server.serve)
        yield office, address, server
        nursery.cancel_scope.cancel()


async def test_over_tcp() -> None:
    async with running() as (office, address, _):
        stream, sip = await trio.open_tcp_stream(*address), SipStream()
        async with stream:
            data = b"\r\n\r\n" + register().encode()
            await stream.send_all(data[:100])
            await stream.send_all(data[100:] + register().encode())
            received: list[SipMessage] = []
            while len(received) < 2:
                received += sip.receive(await stream.receive_some())
        statuses = [each.status for each in received if isinstance(each, SipResponse)]
        assert statuses == [200, 200]
        assert office.cells[SipCount.REGISTERED] == 1
        assert office.cells[SipCount.REFRESHED] == 1
        assert office.registrar.find(PHONE) is not None, "it outlives its connection"


async def test_garbage_over_tcp_ends_its_connection() -> None:
    async with (
        running() as (_, address, _server),
        await trio.open_tcp_stream(*address) as bad,
    ):
        await bad.send_all(b"GET / HTTP/1.1\r\n\r\n")
        assert await bad.receive_some() == b""


async def registered(address: tuple[str, int]) -> trio.SocketStream:
    """Return a new connection over which PHONE has registered."""
    stream, sip = await trio.open_tcp_stream(*address), SipStream()
    await stream.send_all(register().encode())
    while not (answers := sip.receive(await stream.receive_some())):
        pass
    assert isinstance(answers[0], SipResponse)
    assert answers[0].status == 200
    return stream


async def flood(
    stack: AsyncExitStack, address: tuple[str, int], server: StreamServer
) -> None:
    """Open connections until room was made five times more than before."""
    cell = REFUSAL_CELLS[Refusal.EVICTED]
    enough = server.counters[cell] + 5
    for _ in range(12):
        await stack.enter_async_context(await trio.open_tcp_stream(*address))
    await until(lambda: server.counters[cell] >= enough)


async def test_a_flood_of_connections_cuts_off_no_registered_phone() -> None:
    async with running(NARROW) as (office, address, server), AsyncExitStack() as stack:
        phone = await stack.enter_async_context(await registered(address))
        await flood(stack, address, server)
        office.stations[PHONE].reset(ResetType.RESTART)
        assert b"action=restart" in await phone.receive_some()


async def test_a_phone_keeps_the_connection_of_its_last_registration_only() -> None:
    async with running(NARROW) as (office, address, server), AsyncExitStack() as stack:
        former = [
            await stack.enter_async_context(await registered(address)) for _ in range(4)
        ]
        last = await stack.enter_async_context(await registered(address))
        await flood(stack, address, server)
        for each in former:
            with trio.fail_after(30):
                assert await each.receive_some() == b"", "it makes room"
        office.stations[PHONE].reset(ResetType.RESTART)
        assert b"action=restart" in await last.receive_some()


async def test_a_phone_whose_registration_ran_out_makes_room() -> None:
    async with running(NARROW) as (office, address, server), AsyncExitStack() as stack:
        phone = await stack.enter_async_context(await registered(address))
        office.expire(office.stations[PHONE].expires_at)
        await flood(stack, address, server)
        with trio.fail_after(30):
            assert await phone.receive_some() == b""


@asynccontextmanager
async def datagrams(
    server: SipDatagrams | None = None,
) -> AsyncIterator[tuple[SipCallControl, socket.socket]]:
    office, server = office_of(), server or SipDatagrams("127.0.0.1", 0)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setblocking(False)
    client.connect(server.address)
    with client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                lambda: server.serve(
                    office,
                    clock=time.monotonic,
                    log=structlog.get_logger(),
                    log_lines_per_s=1,
                )
            )
            yield office, client
            nursery.cancel_scope.cancel()
    server.close()


async def reply(client: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(client)
    return client.recv(8192)


async def test_over_udp() -> None:
    async with datagrams() as (office, client):
        client.send(b"\xff\x00 not SIP")
        client.send(register().encode())
        (response,) = SipStream().receive(await reply(client))
        assert isinstance(response, SipResponse)
        assert response.status == 200
        assert response.body, (
            "real phones' requests are long enough for the whole answer"
        )
        assert office.registrar.find(PHONE) is not None


async def test_a_phone_cannot_stop_the_node_by_what_it_says_of_itself() -> None:
    """An answer, or an order, that could not be read back ended the whole service."""
    async with datagrams() as (office, client):
        client.send(register().encode())
        await reply(client)
        contact = register().get("contact")
        many = tuple(("Via", f"SIP/2.0/UDP a;branch=z9hG4bK{n}") for n in range(96))
        named = (
            ("From", "<sip:1001@pub>;tag=f"),
            ("To", "<sip:9999@pub>"),
            ("Call-ID", "many"),
            ("CSeq", "101 INVITE"),
            ("Contact", contact),
        )
        offer = AudioStream(IPv4Address("127.0.0.1"), 16384)
        body = offer.encode(origin="x", session=1)
        invite = SipRequest("INVITE", "sip:9999@pub", (*many[:94], *named), body)
        client.send(invite.encode())
        answered = await reply(client)
        while not answered.startswith(b"SIP/2.0 404"):
            answered = await reply(client)
        client.send(register().encode())
        assert (await reply(client)).startswith(b"SIP/2.0 200")
        assert office.registrar.find(PHONE) is not None


async def test_a_datagram_that_fails_is_logged_and_the_next_one_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a fault of this program would end CallManager of the node."""
    async with datagrams() as (office, client):
        with monkeypatch.context() as patch, structlog.testing.capture_logs() as lines:
            patch.setattr(office, "new_tag", lambda: 1 // 0)
            client.send(replace(register(), method="OPTIONS").encode())
            await until(lambda: bool(lines))
        (line,) = lines
        assert line["log_level"] == "error"
        assert line["exc_info"]
        client.send(register().encode())
        assert (await reply(client)).startswith(b"SIP/2.0 200")


async def test_a_forged_datagram_gains_little() -> None:
    async with datagrams() as (_, client):
        short = replace(register(), body=b"")
        lean = tuple(
            each
            for each in short.headers
            if each[0]
            not in {"Supported", "User-Agent", "Content-Type", "Max-Forwards"}
        )
        request = replace(short, headers=lean).encode()
        client.send(request)
        answered = await reply(client)
        assert answered.startswith(b"SIP/2.0 200")
        assert len(answered) < 2 * len(request)


async def test_over_udp_an_order_is_sent_again_until_the_phone_answers() -> None:
    server = SipDatagrams("127.0.0.1", 0)
    async with datagrams(server) as (office, client):
        client.send(register().encode())
        await reply(client)
        office.stations[PHONE].reset(ResetType.RESTART)
        first, second = await reply(client), await reply(client)
        assert first == second
        order = decode_message(second)
        assert isinstance(order, SipRequest)
        assert order.get("via").startswith("SIP/2.0/UDP ")
        assert server._transactions.deadline() is not None
        client.send(answer_to(order, 200, "OK").encode())
        await until(lambda: server._transactions.deadline() is None)
