"""Phones that show a certificate: recorded when it verifies, served in any case."""

import ssl
from pathlib import Path

import pytest
import trio

from tests.rigs import minting
from tests.rigs.tvs_rig import (
    PUBLISHER,
    TLS_1_2,
    TLS_1_3,
    Address,
    Rig,
    ask,
    client_context,
    own_certificate,
    query_for,
    running,
    settings_for,
)
from tokenless.services.errors import ServiceError
from tokenless.services.stream_server.loop.accepting import UnverifiableClients
from tokenless.services.tvs.caches import Caches
from tokenless.services.tvs.server import TvsServer
from tokenless.services.tvs.settings import LegacyListener, TvsSettings

MANUFACTURER, ANOTHER = "Cisco Manufacturing CA", "Another CA"
PHONE = "CP-7975-SEP001122334455"
SUBJECT = minting.lab_name(PHONE)
VERSIONS = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])


def issued(
    by: str = MANUFACTURER, *, digest: str = "sha256", bits: int = 2048
) -> minting.Identity:
    """Return a phone's certificate; all of them expired in 2020."""
    key = minting.rsa_key(bits, PHONE)
    issuer = minting.lab_name(by), minting.rsa_key(2048, by)
    certificate = minting.mint(SUBJECT, key, serial=7, issuer=issuer, digest=digest)
    return minting.Identity(certificate, key)


def asking(folder: Path, **changes: object) -> TvsSettings:
    """Return settings under which phones of the manufacturer are recorded."""
    authority = minting.mint(
        minting.lab_name(MANUFACTURER),
        minting.rsa_key(2048, MANUFACTURER),
        serial=1,
        extensions=[minting.extension("basic_constraints", {"ca": True})],
    )
    (folder / "ca.pem").write_bytes(minting.pem(authority.der))
    return settings_for(folder, client_ca=folder / "ca.pem", **changes)


def showing(
    folder: Path, shown: minting.Identity, version: ssl.TLSVersion
) -> ssl.SSLContext:
    """Return a phone that shows this certificate."""
    (folder / "phone.pem").write_bytes(shown.certificate_pem + shown.key_pem)
    context = client_context(version)
    context.load_cert_chain(folder / "phone.pem")
    return context


def recorded(rig: Rig) -> list[object]:
    """Return who showed what, one entry an answer."""
    return [each.get("shown") for each in rig.log.entries if "status" in each]


async def fail_once(address: Address, context: ssl.SSLContext) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await ask(address, query_for(PUBLISHER), context)


@VERSIONS
async def test_a_certificate_of_a_known_authority_is_recorded(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    shown = issued()
    async with running(asking(tmp_path)) as rig:
        context = showing(tmp_path, shown, version)
        assert (await ask(rig.address, query_for(PUBLISHER), context)).is_trusted
        assert (await ask(rig.address, query_for(PUBLISHER))).is_trusted
        assert recorded(rig) == [shown.certificate.subject_text, None]
        assert rig.refusals == {}


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (issued(ANOTHER), "unable to get local issuer certificate"),
        (minting.server(PHONE, 2048), "self-signed certificate"),
    ],
    ids=["unknown-authority", "self-signed"],
)
@VERSIONS
async def test_any_other_fails_once_and_is_then_served(
    tmp_path: Path, version: ssl.TLSVersion, shown: minting.Identity, why: str
) -> None:
    async with running(asking(tmp_path)) as rig:
        context = showing(tmp_path, shown, version)
        await fail_once(rig.address, context)
        for _ in range(3):
            assert (await ask(rig.address, query_for(PUBLISHER), context)).is_trusted
        assert recorded(rig) == [None] * 3
        assert rig.refusals == {"unverifiable-certificate": 1}
        (line,) = [each for each in rig.log.entries if "reason" in each]
        assert line["why"] == why


@VERSIONS
async def test_old_phones_certificates_verify_at_a_node_with_a_long_key(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    shown = issued(digest="sha1", bits=1024)
    async with running(asking(tmp_path)) as rig:
        context = showing(tmp_path, shown, version)
        assert (await ask(rig.address, query_for(PUBLISHER), context)).is_trusted
        assert recorded(rig) == [shown.certificate.subject_text]


async def test_the_legacy_listener_serves_it_too(tmp_path: Path) -> None:
    lab = own_certificate(tmp_path, minting.server("tvs-lab", 1024))
    settings = asking(tmp_path, certificates=(lab,), legacy=LegacyListener(port=0))
    async with running(settings) as rig:
        address = rig.server.legacy_address
        assert address is not None
        context = showing(tmp_path, issued(ANOTHER), ssl.TLSVersion.TLSv1)
        await fail_once(address, context)
        assert (await ask(address, query_for(PUBLISHER), context)).is_trusted


async def test_other_addresses_are_asked_as_before(tmp_path: Path) -> None:
    async with running(asking(tmp_path)) as rig:
        loop = rig.server._server._running
        context = showing(tmp_path, issued(ANOTHER), TLS_1_2)
        await fail_once(rig.address, context)
        assert "127.0.0.1" in loop._acceptor.unverifiable  # type: ignore[union-attr]
        assert "127.0.0.2" not in loop._acceptor.unverifiable  # type: ignore[union-attr]


def test_the_oldest_address_is_forgotten() -> None:
    known = UnverifiableClients(most=3)
    for number in (1, 2, 3, 3, 4):
        known.add(f"192.0.2.{number}")
    assert [f"192.0.2.{number}" in known for number in (1, 2, 3, 4)] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("content", [None, b"no authority"])
def test_a_file_without_authorities_says_so(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ServiceError, match="not a file of authorities") as info:
        TvsServer(Caches(), settings_for(tmp_path, client_ca=file))
    assert info.value.hint is not None
