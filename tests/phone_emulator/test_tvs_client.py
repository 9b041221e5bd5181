"""Questions to TVS over real TLS, from our daemon and from servers that misbehave."""

import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.rigs.cluster import DEVICE, Keypair, Lab, keypair
from tests.rigs.live import tvs_server
from tokenless.phone_emulator.secd.events import AskTvsServer, Server, TvsStage
from tokenless.phone_emulator.tvs_client import (
    TlsRange,
    TvsUnreachableError,
    ask_tvs,
    context_for,
    show_certificate,
)
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Status
from tokenless.protocol.tvs.stream import decode_message
from tokenless.services.tvs.server import TvsServer

LAB = Lab()
OWN = LAB.tvs_pub
ASKED = LAB.callmanager_pub.certificate
SIGNER = SignerId(ASKED.subject_text, ASKED.issuer_text, ASKED.serial_number)
NAME = f"CP-8861-{DEVICE}"
OLD: TlsRange = ("1.0", "1.0")
MODERN: TlsRange = ("1.0", "1.2")
Handler = Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]


def question(where: Server, *certificates: bytes) -> AskTvsServer:
    return AskTvsServer(
        where, NAME, 1001, SIGNER, certificates or (OWN.certificate.der,)
    )


@pytest.fixture
def server(tmp_path: Path) -> TvsServer:
    return tvs_server(LAB.authority(), OWN, tmp_path, "127.0.0.1")


@asynccontextmanager
async def running(server: TvsServer) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        yield Server(*await nursery.start(server.serve))
        nursery.cancel_scope.cancel()


def test_phones_with_tls_1_0_offer_the_two_suites_that_they_have() -> None:
    """PXY_CERT_CIPHER of a 79xx: AES256-SHA, AES128-SHA (REFERENCE 4.3, observed)."""
    offered = {
        tls: {
            each["name"]
            for each in context_for(tls).get_ciphers()
            if each["protocol"] != "TLSv1.3"
        }
        for tls in (OLD, MODERN)
    }
    assert offered[OLD] == {"AES256-SHA", "AES128-SHA"}
    assert "ECDHE-RSA-AES256-GCM-SHA384" in offered[MODERN]


@pytest.mark.parametrize("tls", [MODERN, ("1.2", "1.3"), ("1.3", "1.3")])
async def test_a_trusted_signer(server: TvsServer, tls: TlsRange) -> None:
    async with running(server) as where:
        answer = await ask_tvs(question(where), tls, 5)
    assert answer.is_trusted
    assert answer.certificate == ASKED.der
    assert answer.roles == (2, 0)
    assert answer.session_id == 1001


@pytest.mark.parametrize("name", ["a..b", "x" * 64], ids=["empty label", "too long"])
async def test_a_configuration_names_what_no_host_can_be_called(name: str) -> None:
    with pytest.raises(TvsUnreachableError, match="a host can have") as refused:
        await ask_tvs(question(Server(name, 2445)), MODERN, 5)
    assert refused.value.stage is TvsStage.CONNECT


async def test_an_unknown_signer(server: TvsServer) -> None:
    stranger = SignerId("CN=x", "CN=x", b"\x01")
    async with running(server) as where:
        request = AskTvsServer(where, NAME, 1001, stranger, (OWN.certificate.der,))
        answer = await ask_tvs(request, MODERN, 5)
    assert not answer.is_trusted


async def test_a_signer_whose_names_no_question_can_hold(server: TvsServer) -> None:
    stranger = SignerId("CN=" + "Ä" * 20_000, "CN=" + "Ä" * 20_000, b"\x01")
    async with running(server) as where:
        request = AskTvsServer(where, NAME, 1001, stranger, (OWN.certificate.der,))
        with pytest.raises(TvsUnreachableError, match="cannot be asked"):
            await ask_tvs(request, MODERN, 5)


async def test_a_server_whose_certificate_is_not_in_the_itl(server: TvsServer) -> None:
    other = keypair("tvs-pub", 2).certificate.der
    async with running(server) as where:
        with pytest.raises(TvsUnreachableError, match="role 21"):
            await ask_tvs(question(where, other), MODERN, 5)


async def test_a_79xx_meets_a_server_that_wants_tls_1_2(server: TvsServer) -> None:
    async with running(server) as where:
        with pytest.raises(TvsUnreachableError, match="handshake") as caught:
            await ask_tvs(question(where), ("1.0", "1.0"), 5)
    assert caught.value.stage is TvsStage.HANDSHAKE


async def test_nobody_listens() -> None:
    with pytest.raises(TvsUnreachableError, match=r"^Connection refused$") as caught:
        await ask_tvs(question(Server("127.0.0.1", 1)), MODERN, 5)
    assert caught.value.stage is TvsStage.CONNECT


def context_of(
    own: Keypair, folder: Path, tls: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    if tls is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = tls
    path = folder / "own.pem"
    path.write_bytes(own.certificate_pem + own.pem)
    context.load_cert_chain(path)
    return context


@asynccontextmanager
async def server_that(
    handler: Handler, folder: Path, tls: ssl.TLSVersion | None = None
) -> AsyncIterator[Server]:
    """Run a TLS server of the test's own making, with TVS's certificate."""
    context = context_of(OWN, folder, tls)

    async def handle(stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, context, server_side=True)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await handler(secure)
        await trio.aclose_forcefully(secure)

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        yield Server("127.0.0.1", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


def answering(data: bytes) -> Handler:
    async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some(4096)
        await stream.send_all(data)
        await stream.receive_some(4096)

    return answer


POSITIVE = Answer(
    1001, MessageType.QUERY_ANSWER, Status.TRUSTED, ASKED.der, (0, 2), 86_400
)


async def test_a_79xx_asks_with_tls_1_0(tmp_path: Path) -> None:
    asked: list[Query] = []

    async def answer(stream: trio.SSLStream[trio.SocketStream]) -> None:
        query = decode_message(bytes(await stream.receive_some(4096)))
        assert isinstance(query, Query)
        asked.append(query)
        await stream.send_all(POSITIVE.encode())

    async with server_that(answer, tmp_path, ssl.TLSVersion.TLSv1) as where:
        got = await ask_tvs(question(where), ("1.0", "1.0"), 5)
    assert got == POSITIVE
    assert (asked[0].subject, asked[0].issuer, asked[0].serial) == (
        SIGNER.subject,
        SIGNER.issuer,
        SIGNER.serial,
    )


async def test_an_answer_that_dribbles(tmp_path: Path) -> None:
    async def dribble(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some(4096)
        data = POSITIVE.encode()
        for start in range(0, len(data), 7):
            await stream.send_all(data[start : start + 7])

    async with server_that(dribble, tmp_path) as where:
        assert await ask_tvs(question(where), MODERN, 5) == POSITIVE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a TVS message"),
        (b"\x57\x02\x04\x00" + bytes(6), "version 2"),
        (Query(1001, NAME, "CN=x", "CN=x", b"1").encode(), "does not send QUERY"),
        (b"\x57\x01\x04\x00\x00\x00\x03\xe9\x00\x00", "without body"),
        (POSITIVE.encode()[:50], "no answer within"),
        (b"", "no answer within"),
    ],
)
async def test_servers_that_make_no_sense(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    async with server_that(answering(data), tmp_path) as where:
        with pytest.raises(TvsUnreachableError, match=reason) as caught:
            await ask_tvs(question(where), MODERN, 0.3)
    assert caught.value.stage is TvsStage.ANSWER


async def test_nonsense_where_tls_was(tmp_path: Path) -> None:
    """The handshake did not fail, and is not what is said to have failed."""

    async def babble(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some(4096)
        await stream.transport_stream.send_all(b"no record of TLS")
        await stream.transport_stream.receive_some(4096)

    async with server_that(babble, tmp_path) as where:
        with pytest.raises(TvsUnreachableError, match=r"^TLS failed: ") as caught:
            await ask_tvs(question(where), MODERN, 5)
    assert caught.value.stage is TvsStage.ANSWER


async def test_a_session_that_is_closed_before_the_answer(tmp_path: Path) -> None:
    """What a phone sees when its session has expired on the server."""

    async def hang_up(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.receive_some(4096)

    async with server_that(hang_up, tmp_path) as where:
        with pytest.raises(TvsUnreachableError, match="closed"):
            await ask_tvs(question(where), MODERN, 5)


async def test_nothing_is_said_to_a_server_that_is_not_pinned(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def listen(stream: trio.SSLStream[trio.SocketStream]) -> None:
        heard.append(bytes(await stream.receive_some(4096)))

    async with server_that(listen, tmp_path) as where:
        other = keypair("tvs-pub", 2).certificate.der
        with pytest.raises(TvsUnreachableError, match="role 21"):
            await ask_tvs(question(where, other), MODERN, 5)
        await trio.testing.wait_all_tasks_blocked()
    assert heard in ([], [b""])


async def test_a_server_by_name(server: TvsServer) -> None:
    async with running(server) as where:
        by_name = Server("localhost", where.port)
        answer = await ask_tvs(question(by_name), MODERN, 5)
        shown = await show_certificate(where, MODERN, 5)
    assert answer.is_trusted
    assert shown == OWN.certificate.der


async def test_a_server_without_tls() -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"220 ready\r\n")

    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, plain, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        where = Server("127.0.0.1", listeners[0].socket.getsockname()[1])
        with pytest.raises(TvsUnreachableError):
            await ask_tvs(question(where), MODERN, 5)
        nursery.cancel_scope.cancel()


async def test_a_server_that_accepts_nobody() -> None:
    """Its queue is full: connecting takes until patience ends."""
    with socket.socket() as busy, ExitStack() as waiting:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(busy.getsockname())
        with pytest.raises(
            TvsUnreachableError, match=r"no answer within 0\.2 s"
        ) as why:
            await ask_tvs(question(Server(*busy.getsockname())), MODERN, 0.2)
    assert why.value.stage is TvsStage.CONNECT
