"""What a guest may do: speak first, send files, push, wait, close, see certificates."""

import socket
import ssl
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from tests.rigs import minting
from tests.rigs.line_guest import serving_lines
from tests.rigs.stream_target import connected, plain_connection
from tests.rigs.tvs_rig import client_context, own_certificate
from tests.rigs.waiting import until
from tokenless.ground.tls import TlsVersion
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server import tls_contexts
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.stream_server.server import StreamServer
from tokenless.services.stream_server.settings import (
    ClientCertificates,
    StreamLimits,
    StreamSettings,
)

BOTH = pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])


async def read(stream: trio.abc.Stream, length: int) -> bytes:
    data = b""
    while len(data) < length and (more := await stream.receive_some(65_536)):
        data += more
    return data


@BOTH
async def test_the_server_speaks_first(tmp_path: Path, tls: bool) -> None:
    async with (
        serving_lines(tmp_path, tls=tls, speaks_first=True) as served,
        connected(served.address, tls=tls) as stream,
    ):
        assert await read(stream, 6) == b"hello\n"


@BOTH
async def test_a_large_file_is_sent_while_others_are_answered(
    tmp_path: Path, tls: bool
) -> None:
    file = tmp_path / "firmware"
    content = bytes(range(256)) * 40_000
    file.write_bytes(content)
    async with (
        serving_lines(tmp_path, tls=tls, file=file) as served,
        connected(served.address, tls=tls) as large,
        connected(served.address, tls=tls) as small,
    ):
        await large.send_all(b"file\necho after\n")
        await small.send_all(b"echo beside\n")
        assert await read(small, 7) == b"beside\n"
        assert served.counters[StreamCount.CONNECTIONS_OPEN] == 2
        assert await read(large, len(content) + 6) == content + b"after\n"


@BOTH
async def test_a_named_connection_is_pushed_to(tmp_path: Path, tls: bool) -> None:
    async with (
        serving_lines(tmp_path, tls=tls) as served,
        connected(served.address, tls=tls) as stream,
    ):
        await stream.send_all(b"name SEP001122334455\n")
        await until(lambda: "SEP001122334455" in served.guest.named)
        served.guest.named["SEP001122334455"].connection.push(b"reset\n")
        assert await read(stream, 6) == b"reset\n"
        await stream.send_all(b"echo still here\n")
        assert await read(stream, 11) == b"still here\n"


@BOTH
async def test_a_push_to_one_who_has_gone_harms_nobody(
    tmp_path: Path, tls: bool
) -> None:
    async with serving_lines(tmp_path, tls=tls) as served:
        async with connected(served.address, tls=tls) as stream:
            await stream.send_all(b"name gone\n")
            await until(lambda: "gone" in served.guest.named)
            session = served.guest.named["gone"]
        for _ in range(3):
            session.connection.push(b"reset\n")
        await until(lambda: not served.guest.named)
        session.connection.push(b"reset\n")
        session.connection.close()
        assert served.refusals == {}


async def test_those_that_are_kept_leave_room_for_newcomers(tmp_path: Path) -> None:
    limits = StreamLimits(connections=8, idle_s=3600)
    async with (
        serving_lines(tmp_path, tls=False, limits=limits) as served,
        AsyncExitStack() as stack,
    ):
        for number in range(8):
            kept = await plain_connection(served.address)
            stack.push_async_callback(trio.aclose_forcefully, kept)
            await kept.send_all(f"name phone{number}\necho kept\n".encode())
            assert await read(kept, 5) == b"kept\n"
        for _ in range(3):
            with trio.fail_after(30):
                newcomer = await plain_connection(served.address)
                stack.push_async_callback(trio.aclose_forcefully, newcomer)
                await newcomer.send_all(b"echo here\n")
                assert await read(newcomer, 5) == b"here\n"
        assert served.guest.named.keys() == {f"phone{n}" for n in range(7)}


async def test_one_that_never_reads_what_is_pushed_is_closed(tmp_path: Path) -> None:
    limits = StreamLimits(unsent_bytes=100_000)
    async with serving_lines(tmp_path, tls=False, limits=limits) as served:
        stream = await plain_connection(served.address)
        await stream.send_all(b"name deaf\n")
        await until(lambda: "deaf" in served.guest.named)
        connection = served.guest.named["deaf"].connection
        while not connection.is_stuck:
            connection.push(bytes(100_000))
        for _ in range(2):
            connection.push(bytes(100_000))
        await until(lambda: served.refusals == {"not-reading": 1})
        await trio.aclose_forcefully(stream)


async def test_what_was_pushed_while_the_client_did_not_read_arrives(
    tmp_path: Path,
) -> None:
    limits = StreamLimits(unsent_bytes=50_000_000)
    async with (
        serving_lines(tmp_path, limits=limits) as served,
        connected(served.address, tls=True) as stream,
    ):
        await stream.send_all(b"name late\n")
        await until(lambda: "late" in served.guest.named)
        connection = served.guest.named["late"].connection
        sent = 0
        while not connection.is_stuck or sent < 1_000_000:
            connection.push(bytes(65_536))
            sent += 65_536
        assert len(await read(stream, sent)) == sent


@BOTH
async def test_a_timer_calls_the_session(tmp_path: Path, tls: bool) -> None:
    async with (
        serving_lines(tmp_path, tls=tls) as served,
        connected(served.address, tls=tls) as stream,
    ):
        await stream.send_all(b"timer 60\ntimer 0.1\n")
        assert await read(stream, 5) == b"time\n"


@BOTH
async def test_the_session_closes_after_what_it_sent(tmp_path: Path, tls: bool) -> None:
    async with serving_lines(tmp_path, tls=tls) as served:
        async with connected(served.address, tls=tls) as stream:
            await stream.send_all(b"bye\n")
            assert await read(stream, 100) == b"bye\n"
        await until(lambda: served.guest.ended == 1)
        assert served.refusals == {}


@BOTH
async def test_a_session_that_fails_ends_only_its_connection(
    tmp_path: Path, tls: bool
) -> None:
    async with (
        serving_lines(tmp_path, tls=tls) as served,
        connected(served.address, tls=tls) as other,
    ):
        async with connected(served.address, tls=tls) as stream:
            await stream.send_all(b"fail\n")
            assert await read(stream, 100) == b""
        await other.send_all(b"echo well\n")
        assert await read(other, 5) == b"well\n"
        assert served.refusals == {"internal-error": 1}


async def shown(
    folder: Path, identity: minting.Identity | None, **changes: object
) -> bytes:
    """Return what a server says of a client's certificates: nothing, if it refuses."""
    context = client_context(ssl.TLSVersion.TLSv1_2)
    if identity is not None:
        file = folder / "client.pem"
        file.write_bytes(identity.certificate_pem + identity.key_pem)
        context.load_cert_chain(file)
    async with serving_lines(folder, **changes) as served:  # type: ignore[arg-type]
        tcp = await plain_connection(served.address)
        async with trio.SSLStream(tcp, context, https_compatible=True) as stream:
            try:
                await stream.send_all(b"shown\n")
                return await read(stream, 2)
            except trio.BrokenResourceError:
                assert served.refusals == {"handshake-failed": 1}
                return b""


async def test_a_required_certificate_is_seen_by_the_session(tmp_path: Path) -> None:
    phone = minting.server("CP-8861-SEP001122334455", 2048)
    answer = await shown(
        tmp_path,
        phone,
        client_certificates=ClientCertificates.REQUIRED,
        authorities=(phone.certificate.der,),
    )
    assert answer == b"1\n"


async def test_without_the_required_certificate_there_is_no_handshake(
    tmp_path: Path,
) -> None:
    phone = minting.server("CP-8861-SEP001122334455", 2048)
    answer = await shown(
        tmp_path,
        None,
        client_certificates=ClientCertificates.REQUIRED,
        authorities=(phone.certificate.der,),
    )
    assert answer == b""


async def test_ignored_certificates_are_not_asked_for(tmp_path: Path) -> None:
    assert await shown(tmp_path, minting.server("anybody", 2048)) == b"0\n"


async def test_a_port_speaks_the_versions_that_it_is_set_to(tmp_path: Path) -> None:
    assert await shown(tmp_path, None, minimum=TlsVersion.TLS_1_3) == b""


async def test_several_workers_need_a_guest_that_can(tmp_path: Path) -> None:
    own_certificate(tmp_path)
    with pytest.raises(ServiceError, match="LINES runs in one process"):
        StreamServer(
            StreamSettings("LINES", (), workers=2),
            lambda tools: (_ for _ in ()).throw(AssertionError(tools)),
        )


@pytest.mark.parametrize("ends", ["client", "server"])
async def test_an_ended_connection_lets_go_of_its_tls(
    tmp_path: Path, ends: str
) -> None:
    """A session may be part of a cycle, and the collector comes late."""
    async with serving_lines(tmp_path) as served:
        async with connected(served.address, tls=True) as stream:
            await stream.send_all(b"name SEP001122334455\n")
            await until(lambda: "SEP001122334455" in served.guest.named)
            connection = served.guest.named["SEP001122334455"].connection
            if ends == "server":
                await stream.send_all(b"bye\n")
                assert await read(stream, 4) == b"bye\n"
        await until(lambda: served.guest.ended == 1)
        assert (connection.channel, connection.socket.fileno()) == (None, -1)


async def test_sessions_of_clients_that_have_gone_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of clients without tickets: OpenSSL would keep 20,480, 6 kB each."""
    monkeypatch.setattr(tls_contexts, "_MOST_SESSIONS", 5)
    phone = minting.server("CP-8861-SEP001122334455", 2048)
    context = client_context(ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    file = tmp_path / "client.pem"
    file.write_bytes(phone.certificate_pem + phone.key_pem)
    context.load_cert_chain(file)
    async with serving_lines(
        tmp_path,
        client_certificates=ClientCertificates.REQUIRED,
        authorities=(phone.certificate.der,),
    ) as served:

        def meet(
            session: ssl.SSLSession | None = None,
        ) -> tuple[ssl.SSLSession | None, bool | None]:
            raw = socket.create_connection(served.address, timeout=10)
            with context.wrap_socket(raw, session=session) as client:
                client.sendall(b"echo x\nbye\n")
                while client.recv(100):
                    pass
                return client.session, client.session_reused

        def meet_until_forgotten(session: ssl.SSLSession | None) -> None:
            while meet(session)[1]:
                time.sleep(0.05)

        first, _ = await trio.to_thread.run_sync(meet)
        assert (await trio.to_thread.run_sync(meet, first))[1]
        for _ in range(6):
            await trio.to_thread.run_sync(meet)
        await trio.to_thread.run_sync(
            meet_until_forgotten, first, abandon_on_cancel=True
        )
