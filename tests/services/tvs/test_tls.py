"""What the daemon shows and speaks: keys, versions, sessions, reloading."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.rigs import minting
from tests.rigs.tvs_rig import (
    PUBLISHER,
    TLS_1_2,
    TLS_1_3,
    TRUSTED,
    ask,
    client_context,
    own_certificate,
    phone,
    query_for,
    running,
    settings_for,
)
from tokenless.ground.tls import TlsVersion
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server.counters import StreamCount
from tokenless.services.stream_server.settings import OwnCertificate
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import LegacyListener


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
        tmp_path, certificates=(lab,), minimum_tls=TlsVersion.TLS_1_0
    )
    old = client_context(ssl.TLSVersion.TLSv1, ciphers="AES256-SHA:@SECLEVEL=0")
    async with running(settings) as rig:
        for context in (old, client_context(TLS_1_2), client_context(TLS_1_3)):
            assert await ask(rig.address, query_for(PUBLISHER), context) == TRUSTED
        assert rig.log.entries[0]["listener"] == "main"


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
async def test_a_session_is_resumed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with running(settings_for(tmp_path)) as rig:
        context, session = client_context(version), None
        for _ in range(2):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, session=session)
            await _exchange(rig.address, tls, incoming, outgoing)
            session = tls.session
        assert rig.count(StreamCount.HANDSHAKES_FULL) == 1
        assert rig.count(StreamCount.HANDSHAKES_RESUMED) == 1


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


async def test_a_certificate_is_reloaded_without_dropping_connections(
    tmp_path: Path,
) -> None:
    new = own_certificate(tmp_path, minting.server("tvs-new", 2048))
    settings = settings_for(tmp_path)
    async with running(settings) as rig, phone(rig.address) as old:
        assert (await old.ask(query_for(PUBLISHER))).is_trusted
        rig.server.reload(replace(settings, certificates=(new,)))
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
                rig.server.reload(replace(settings, certificates=(bad,)))
            assert caught.value.hint is not None
        async with phone(rig.address) as client:
            assert client.tls.getpeercert(binary_form=True) == own.der


def test_a_daemon_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no certificate"):
        TvsServer(Caches(), settings_for(tmp_path, certificates=()))
