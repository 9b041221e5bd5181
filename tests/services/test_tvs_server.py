"""The daemon over real TLS: answers, versions, reloading, counters, log lines."""

import errno
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from protocol.tvs_elements import Tag
from protocol.tvs_messages import Answer, MessageType, Query, Verify, pack_message
from protocol.wire import pack_element
from services import metrics
from services.errors import ServiceError
from services.logs import LogLevel
from services.tvs.caches import CachedCertificate, Caches
from services.tvs.server import TvsServer
from services.tvs.settings import LegacyListener, MinimumTls, OwnCertificate
from tests import lists, minting
from tests.tvs_rig import (
    DEVICE,
    PUBLISHER,
    Rig,
    ask,
    client_context,
    own_certificate,
    phone,
    query_for,
    running,
    settings_for,
    verify_for,
)

TRUSTED = Answer(1001, MessageType.QUERY_ANSWER, 0, PUBLISHER.der, (2, 0), 86400)
UNKNOWN = CachedCertificate.of(minting.capf("CAPF-00000000").certificate, (4,))
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


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
        assert rig.server.counters.connections_accepted == 1


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
        assert rig.server.counters.elements_ignored == 1


async def test_an_oddly_named_device_is_answered_and_counted(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        request = replace(query_for(PUBLISHER), device="toaster\x1b[31m")
        assert (await ask(rig.address, request)).is_trusted
        assert rig.server.counters.odd_device_names == 1


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
        assert rig.server.counters.found_in_ctl == 1


async def test_a_cache_is_swapped_under_an_open_connection(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as client:
        assert (await client.ask(query_for(PUBLISHER))).is_trusted
        rig.server.caches.db.replace([])
        assert not (await client.ask(query_for(PUBLISHER))).is_trusted


async def test_rsa_and_ecdsa_side_by_side(tmp_path: Path) -> None:
    elliptic = minting.Identity(
        minting.mint(
            minting.lab_name("tvs-ec"),
            minting.ec_key(),
            serial=minting.serial_of("tvs-ec"),
            digest="sha256",
        ),
        minting.ec_key(),
    )
    both = (own_certificate(tmp_path), own_certificate(tmp_path, elliptic))
    async with running(settings_for(tmp_path, certificates=both)) as rig:
        for own, ciphers in zip(both, ("aRSA", "aECDSA"), strict=True):
            context = client_context(TLS_1_2, ciphers=ciphers)
            async with phone(rig.address, context) as client:
                assert client.tls.getpeercert(binary_form=True) == own.der


async def test_rsa_1024_is_served_with_a_warning(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    async with running(settings_for(tmp_path, certificates=(lab,))) as rig:
        assert (await ask(rig.address, query_for(PUBLISHER))).is_trusted
        warning = rig.log.entries[0]
        assert warning["log_level"] == "warning"
        assert warning["key_bits"] == 1024
        assert warning["security_level"] == 1


async def test_tls_1_0_is_spoken_on_the_legacy_listener_only(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = settings_for(
        tmp_path, certificates=(lab,), legacy=LegacyListener(port=0)
    )
    old = client_context(ssl.TLSVersion.TLSv1, ciphers="AES256-SHA:@SECLEVEL=0")
    async with running(settings) as rig:
        legacy = rig.server.legacy_address
        assert legacy is not None
        async with phone(legacy, old) as client:
            assert client.tls.cipher()[0] == "AES256-SHA"
            assert await client.ask(query_for(PUBLISHER)) == TRUSTED
        with pytest.raises(trio.BrokenResourceError):
            await ask(rig.address, query_for(PUBLISHER), old)
        with pytest.raises(trio.BrokenResourceError):
            await ask(legacy, query_for(PUBLISHER), client_context(TLS_1_2))
        assert any("TLS 1.0" in line for line in rig.lines)


async def test_one_port_for_old_and_new_phones(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = settings_for(
        tmp_path, certificates=(lab,), minimum_tls=MinimumTls.TLS_1_0
    )
    old = client_context(ssl.TLSVersion.TLSv1, ciphers="AES256-SHA:@SECLEVEL=0")
    async with running(settings) as rig:
        for context in (old, client_context(TLS_1_2), client_context(TLS_1_3)):
            assert await ask(rig.address, query_for(PUBLISHER), context) == TRUSTED
        assert rig.log.entries[0]["listener"] == "main"


async def test_a_daemon_that_never_served_can_be_closed(tmp_path: Path) -> None:
    server = TvsServer(Caches(), settings_for(tmp_path))
    address = await server.bind()
    server.close()
    server.close()
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream(*address)


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_a_session_is_resumed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with running(settings_for(tmp_path)) as rig:
        context, session = client_context(version), None
        for _ in range(2):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, session=session)
            await _exchange(rig.address, tls, incoming, outgoing)
            session = tls.session
        counters = rig.server.counters
        assert (counters.handshakes_full, counters.handshakes_resumed) == (1, 1)


async def _exchange(
    address: tuple[str, int],
    tls: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
) -> None:
    """Shake hands and ask once, keeping hold of the SSL object and its session."""
    stream = await trio.open_tcp_stream(*address)

    async def until_done(step: object) -> object:
        assert callable(step)
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await stream.send_all(outgoing.read())
                incoming.write(await stream.receive_some(65536))

    await until_done(tls.do_handshake)
    tls.write(query_for(PUBLISHER).encode())
    await stream.send_all(outgoing.read())
    assert await until_done(lambda: tls.read(65536)) == TRUSTED.encode()
    await stream.aclose()


async def test_a_client_certificate_is_recorded(tmp_path: Path) -> None:
    mic = minting.server("CP-7975-SEP001122334455", 2048)
    (tmp_path / "ca.pem").write_bytes(mic.certificate_pem)
    (tmp_path / "mic.pem").write_bytes(mic.certificate_pem + mic.key_pem)
    settings = settings_for(tmp_path, client_ca=tmp_path / "ca.pem")
    async with running(settings) as rig:
        context = client_context()
        context.load_cert_chain(tmp_path / "mic.pem")
        assert (await ask(rig.address, query_for(PUBLISHER), context)).is_trusted
        assert (await ask(rig.address, query_for(PUBLISHER))).is_trusted
        shown = [each.get("shown") for each in rig.log.entries if "status" in each]
        assert shown == [mic.certificate.subject_text, None]


async def test_a_certificate_is_reloaded_without_dropping_connections(
    tmp_path: Path,
) -> None:
    new = own_certificate(tmp_path, minting.server("tvs-new", 2048))
    async with running(settings_for(tmp_path)) as rig, phone(rig.address) as old:
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        rig.server.reload_certificates((new,))
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        async with phone(rig.address) as client:
            assert client.tls.getpeercert(binary_form=True) == new.der
            assert (await client.ask(query_for(PUBLISHER))).is_trusted


async def test_a_bad_certificate_changes_nothing(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    (own,) = settings.certificates
    other_key = own_certificate(tmp_path, minting.server("tvs-new", 2048)).key
    async with running(settings) as rig:
        for bad in (
            OwnCertificate(own.der, other_key),
            OwnCertificate(own.der, tmp_path / "absent.pem"),
            OwnCertificate(b"nonsense", own.key),
        ):
            with pytest.raises(ServiceError) as caught:
                rig.server.reload_certificates((bad,))
            assert caught.value.hint is not None
        async with phone(rig.address) as client:
            assert client.tls.getpeercert(binary_form=True) == own.der


def test_a_daemon_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no certificate"):
        TvsServer(Caches(), settings_for(tmp_path, certificates=()))


async def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        taken = settings_for(tmp_path, port=rig.address[1])
        with pytest.raises(OSError, match=f"127.0.0.1:{rig.address[1]}") as caught:
            await TvsServer(Caches(), taken).bind()
        assert caught.value.errno == errno.EADDRINUSE


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

        def fail(_der: bytes) -> None:
            raise RuntimeError("cosmic ray")

        monkeypatch.setattr(
            "services.tvs.caches.Index.find_exact", lambda _self, der: fail(der)
        )
        async with phone(rig.address) as client:
            await client.tls.send_all(verify_for(PUBLISHER).encode())
            assert await client.tls.receive_some() == b""
        assert rig.refusals == {"internal-error": 1}
        assert await other.ask(query_for(PUBLISHER)) == TRUSTED


async def test_what_is_counted_is_exposed(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, node="counted")) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        await ask(rig.address, verify_for(UNKNOWN))
        text = metrics.exposition()
        for line in (
            'tokenless_tvs_queries_total{node="counted"} 1.0',
            'tokenless_tvs_verifications_total{node="counted"} 1.0',
            'tokenless_tvs_answers_untrusted_total{node="counted"} 1.0',
            'tokenless_tvs_refusals_total{node="counted",reason="idle"} 0.0',
        ):
            assert line in text
        assert "SEP" not in text


async def test_one_structured_line_a_query(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        assert rig.log.entries == [
            {
                "event": "QUERY answered",
                "log_level": "info",
                "node": "pub",
                "device": DEVICE,
                "phone": "127.0.0.1",
                "serial": PUBLISHER.serial_hex,
                "issuer": PUBLISHER.issuer,
                "roles": "2,0",
                "cache": "DB",
                "status": "trusted",
            }
        ]


async def until_closed(rig: Rig) -> None:
    while rig.server.counters.connections_open:  # noqa: ASYNC110 - it rings no bell
        await trio.sleep(0.01)


async def test_the_vendor_s_lines_come_in_the_vendor_s_order(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path), level=LogLevel.DEBUG) as rig:
        context = client_context(TLS_1_2, ciphers="AES256-SHA:@SECLEVEL=0")
        await ask(rig.address, query_for(PUBLISHER), context)
        await until_closed(rig)
        key = PUBLISHER.key
        found = "CertificateDBCache::getCertificateInformation"
        expected = [
            "Total Session attempted = 1 accepted = 1",
            "tvsGetNextThread",
            "Recd event",
            "ipAddrStr (Phone) 127.0.0.1",
            "tvsSSLHandShakeNotify",
            "127.0.0.1: tvsSSLHandShake Session ciphers - AES256-SHA",
            "TLS HS Done for ph_conn",
            f"HEX_DUMP: Len = {len(query_for(PUBLISHER).encode())}:",
            "57 01 03 00 00 00 03 e9",
            "tvsPhoneDecodeMsg - Decoded Phone Msg:",
            "Protocol Discriminator: 57",
            "MsgType : TVS_MSG_QUERY_CERT_REQ",
            "Session Id : 0",
            "tvsHandleQueryCertReq",
            f"tvsHandleQueryCertReq : Subject Name is: {PUBLISHER.subject}",
            f"tvsHandleQueryCertReq : Issuer Name is: {PUBLISHER.issuer}",
            f"tvsHandleQueryCertReq : Serial Number is: {PUBLISHER.serial_hex}",
            f"{found} - Looking up the certificate cache using Unique MAP ID : {key}",
            f"{found} - Found entry {{rolecount : 2}}",
            f"{found} - {{role : 2}}",
            f"{found} - {{role : 0}}",
            "convertX509ToDER -x509cert : 0xf6099df8",
            "MsgType : TVS_MSG_QUERY_CERT_RES",
            "Number of Certs : 1",
            "HEX_DUMP: Len = 694:",
            "PublicKey :",
            "00 01 51 80",
            "Sending TLS Msg ..",
            "tvsHandleQueryCertReq: Timer started from tvsHandleNewPhConnection",
            "QUERY answered",
            "Close and free connection handler",
        ]
        lines = iter(rig.lines)
        assert [line for line in expected if line not in lines] == []


async def test_the_lines_of_a_total_miss_and_of_a_verification(tmp_path: Path) -> None:
    caches = Caches()
    async with running(
        settings_for(tmp_path), caches=caches, level=LogLevel.DEBUG
    ) as rig:
        token = minting.token().certificate
        entry = CachedCertificate.of(token, (0,))
        await ask(rig.address, query_for(entry))
        assert "tvsHandleQueryCertReq : This is SAST eToken cert" in rig.lines
        assert "getCertificateInformation(cert) : certificate not found" in rig.lines
        caches.db.replace([PUBLISHER])
        await ask(rig.address, verify_for(PUBLISHER))
        await ask(rig.address, Verify(1, DEVICE, b"nonsense"))
        for line in (
            f"issuerName : {PUBLISHER.issuer} and Length: 61",
            f"serialNumber : {PUBLISHER.serial_hex} and Length: 16",
            "Certificate compare return =0",
            "Certificate found and equal",
            "issuerName :  and Length: 0",
        ):
            assert [each for each in rig.lines if each.endswith(line)]


async def test_a_dump_ends_after_fifty_bytes(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path), level=LogLevel.DEBUG) as rig:
        await ask(rig.address, query_for(PUBLISHER))
        start = next(i for i, line in enumerate(rig.lines) if "HEX_DUMP" in line)
        dump = rig.lines[start + 1 : start + 8]
        assert " ".join(dump) == query_for(PUBLISHER).encode()[:50].hex(" ")
        assert Tag.DEVICE == 1
