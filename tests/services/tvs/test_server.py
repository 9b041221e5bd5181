"""The daemon over real TLS: answers, connections, binding, stopping, errors."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs import lists, minting
from tests.rigs.tvs_rig import (
    DEVICE,
    PUBLISHER,
    TLS_1_2,
    TLS_1_3,
    TRUSTED,
    UNKNOWN,
    ask,
    client_context,
    phone,
    query_for,
    running,
    settings_for,
    verify_for,
)
from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType, Query, Verify, pack_message
from tokenless.protocol.wire import pack_element
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.tvs import guest
from tokenless.services.tvs.caches import Caches, Index
from tokenless.services.tvs.counters import TvsCount
from tokenless.services.tvs.decision import Decision, decide
from tokenless.services.tvs.server import TvsServer


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_query_and_verify_are_answered(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    async with running(settings_for(tmp_path)) as rig:
        context = client_context(version)
        assert await ask(rig.address, query_for(PUBLISHER), context) == TRUSTED
        answer = await ask(rig.address, verify_for(PUBLISHER), context)
        assert answer.is_trusted
        assert answer.roles == (2, 0)
        for request in (query_for(UNKNOWN), verify_for(UNKNOWN)):
            answer = await ask(rig.address, request, context)
            assert not answer.is_trusted
            assert answer.certificate is None


async def test_several_requests_on_one_connection_echo_their_sessions(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        for session in (1001, 1002, 0, 0xFFFFFFFF):
            answer = await client.ask(query_for(PUBLISHER, session))
            assert answer.session_id == session
        assert rig.count(StreamCount.CONNECTIONS_ACCEPTED) == 1


async def test_requests_joined_in_one_write_are_all_answered(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        requests = [query_for(PUBLISHER, n) for n in range(40)]
        await client.tls.send_all(b"".join(each.encode() for each in requests))
        answers = [await client.answer() for _ in requests]
        assert [each.session_id for each in answers] == list(range(40))


async def test_a_request_of_one_byte_records_is_answered(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        for byte in query_for(PUBLISHER).encode():
            await client.tls.send_all(bytes([byte]))
        assert await client.answer() == TRUSTED


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_a_goodbye_is_returned(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with running(settings_for(tmp_path)) as rig:
        tcp = await trio.open_tcp_stream(*rig.address)
        tls = trio.SSLStream(tcp, client_context(version))
        await tls.send_all(query_for(PUBLISHER).encode())
        assert await tls.receive_some() == TRUSTED.encode()
        transport, rest = await tls.unwrap()  # raises without the daemon's goodbye
        assert rest == b""
        await transport.aclose()
        assert rig.refusals == {}


async def test_unknown_elements_are_ignored_and_counted(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        body = pack_element(6, b"?") + query_for(PUBLISHER).encode()[10:]
        await client.tls.send_all(pack_message(MessageType.QUERY, 1001, body))
        assert await client.answer() == TRUSTED
        assert rig.count(TvsCount.ELEMENTS_IGNORED) == 1


async def test_an_oddly_named_device_is_answered_and_counted(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        request = replace(query_for(PUBLISHER), device="toaster\x1b[31m")
        assert (await ask(rig.address, request)).is_trusted
        assert rig.count(TvsCount.ODD_DEVICE_NAMES) == 1


async def test_a_ctl_s_certificates_are_found_in_the_ctl_cache(tmp_path: Path) -> None:
    caches = Caches()
    caches.ctl.replace(lists.client_form(secure=True).data, lambda _: True)
    token = minting.token().certificate
    query = Query(
        1001,
        DEVICE,
        'cn="SAST-ADN008580ef        ";ou=IPCBU;o="Cisco Systems',
        "cn=Cisco Manufacturing CA;o=Cisco Systems",
        token.serial_number[::-1],
    )
    async with running(settings_for(tmp_path), caches=caches) as rig:
        answer = await ask(rig.address, query)
        assert answer.certificate == token.der
        assert answer.roles == (0,)
        assert rig.count(TvsCount.FOUND_IN_CTL) == 1


async def test_a_cache_is_swapped_under_an_open_connection(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        assert (await client.ask(query_for(PUBLISHER))).is_trusted
        rig.server.caches.db.replace([])
        assert not (await client.ask(query_for(PUBLISHER))).is_trusted


async def test_a_daemon_that_never_served_can_be_closed(tmp_path: Path) -> None:
    server = TvsServer(Caches(), settings_for(tmp_path))
    address = await server.bind()
    server.close()
    server.close()
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(*address)


async def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        taken = settings_for(tmp_path, port=rig.address[1])
        where = f"127.0.0.1 port {rig.address[1]}: Address already in use"
        with pytest.raises(ServiceError, match=where) as caught:
            await TvsServer(Caches(), taken).bind()
        assert caught.value.hint is not None


async def test_clients_wait_between_bind_and_serve(tmp_path: Path) -> None:
    caches = Caches()
    caches.db.replace([PUBLISHER])
    server = TvsServer(caches, settings_for(tmp_path))
    address = await server.bind()
    answers: list[Answer] = []

    async def early() -> None:
        answers.append(await ask(address, query_for(PUBLISHER)))
        nursery.cancel_scope.cancel()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(early)
            await trio.testing.wait_all_tasks_blocked()
            assert await server.bind() == address
            nursery.start_soon(server.serve)
    assert answers == [TRUSTED]


async def test_stopping_says_goodbye_and_frees_the_port(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        async with running(settings_for(tmp_path)) as rig:
            client = await nursery.start(_hold_until_closed, rig.address)
        address = rig.address
        assert client is not None
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(*address)


async def _hold_until_closed(
    address: tuple[str, int], *, task_status: trio.TaskStatus[object]
) -> None:
    async with phone(address) as client:
        task_status.started(client)
        assert await client.tls.receive_some() == b""  # a TLS goodbye, no reset


async def test_an_internal_error_answers_nothing_and_harms_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as other:

        def fail_over_certificates(request: Query | Verify, *caches: Index) -> Decision:
            if isinstance(request, Query):
                return decide(request, *caches)
            raise RuntimeError("cosmic ray")

        monkeypatch.setattr(guest, "decide", fail_over_certificates)
        async with phone(rig.address) as client:
            await client.tls.send_all(verify_for(PUBLISHER).encode())
            assert await client.tls.receive_some() == b""
        assert rig.refusals == {"internal-error": 1}
        assert await other.ask(query_for(PUBLISHER)) == TRUSTED
